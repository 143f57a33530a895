"""logpipe itself, as a user calls it: follows the logs while they are written, then judges them."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from logpipe.errors import LogpipeError
from real_shop.server import Server

LOGPIPE = Path(sys.executable).with_name("logpipe")


class PipelineError(LogpipeError):
    """A command of logpipe failed."""

    reason = "pipeline"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The commands, on one folder of logs and one database; paths are shown relative to `root`."""

    root: Path
    logs: Path
    database: Path

    def follower(self) -> Server:
        """`logpipe ingest --follow`, to be started before the load and stopped after it."""
        command = [str(LOGPIPE), "ingest", self._shown(self.logs), "--db", self._shown(self.database), "--follow"]
        return Server(
            "logpipe ingest --follow",
            command,
            self.root,
            self.database.with_name("follow.txt"),
            self.database.exists,
            signal.SIGINT,
        )

    def end(self, follower: Server) -> None:
        """End the follower and print what it said; PipelineError when it failed."""
        code = follower.stop()
        print(
            f"\n$ logpipe {shlex.join(follower.command[1:])}\n{follower.output.read_text('utf-8').strip()}", flush=True
        )
        if code != 0:
            raise PipelineError(f"{follower.name} ended with exit code {code}")

    def show(self, *words: str) -> None:
        """Run a command on the database before the user's eyes; PipelineError when it fails."""
        command = [*words, "--db", self._shown(self.database)]
        print(f"\n$ logpipe {shlex.join(command)}", flush=True)
        code = subprocess.run([str(LOGPIPE), *command], cwd=self.root, check=False).returncode
        if code != 0:
            raise PipelineError(f"logpipe {shlex.join(command)} ended with exit code {code}")

    def findings(self) -> list[Mapping[str, object]]:
        """What `logpipe findings --json` tells, one mapping a finding."""
        command = [str(LOGPIPE), "findings", "--json", "--db", self._shown(self.database)]
        result = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise PipelineError(f"logpipe findings failed: {result.stderr.strip()}")
        return [json.loads(line) for line in result.stdout.splitlines() if line]

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.root))
