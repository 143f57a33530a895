"""The processes of logpipe's container: each is started again when it ends, and all end when the container is stopped.

The process that has the database, `logpipe ingest --follow`, answers the others on the loopback alone, and names its
host in the run file beside the database. So those who share a database share a container.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DOWN: Final = Path("/tmp/logpipe-down")  # noqa: S108 - the container's own
"""The names of processes that are to run and do not, or whose last run failed; one a line."""
LONGEST_WAIT_S: Final = 60.0
"""Between two attempts at what fails again and again; what ran so long begins with the shortest wait anew."""
GRACE_S: Final = 25.0
"""What processes get to end by themselves; Docker gives the container a little more."""
_LOOK_S: Final = 0.2


@dataclass
class Process:
    """A command that is to run all the time or, with `every_s`, again and again."""

    name: str
    command: Sequence[str]
    every_s: float | None = None
    needs: Path | None = None
    """It is not started before there is this file."""
    running: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    due: float = 0.0
    wait_s: float = field(default=1.0)
    failed: bool = False

    @property
    def down(self) -> bool:
        """Whether somebody should look."""
        return self.failed or (self.every_s is None and self.running is None)

    def look(self, now: float) -> None:
        """Start it if it is due, and see whether it has ended."""
        if self.running is None:
            if now >= self.due and (self.needs is None or self.needs.exists()):
                self.running, self.began = subprocess.Popen(self.command), now  # noqa: S603 - our own commands
        elif (code := self.running.poll()) is not None:
            self._ended(code, now)

    def _ended(self, code: int, now: float) -> None:
        self.running = None
        self.failed = code != 0
        if self.every_s is not None and not self.failed:
            self.due, self.wait_s = max(now, self.began + self.every_s), 1.0
            return
        if now - self.began >= LONGEST_WAIT_S:
            self.wait_s = 1.0
        self.due = now + self.wait_s
        say(f"{self.name} ended with {code}, to be started again in {self.wait_s:g} s")
        self.wait_s = min(2 * self.wait_s, LONGEST_WAIT_S)


def processes(environment: Mapping[str, str]) -> list[Process]:
    """What runs, of the variables in docker-compose.yml; `logpipe` itself reads those that begin with LOGPIPE_ too."""
    database = Path(environment["LOGPIPE_DB"])
    logs = environment.get("LOGPIPE_LOGS", "/logs")
    every_s = float(environment.get("LOGPIPE_ANALYZE_EVERY_S") or 60)
    retain = [f"--retain={rule}" for rule in environment.get("LOGPIPE_RETAIN", "").split()]
    return [
        Process("ingest", ["logpipe", "ingest", "--follow", logs, *retain]),
        Process("metrics", ["logpipe", "ship", "prometheus"], needs=database),
        Process("shipping", ["logpipe", "ship", "all", "--follow"], needs=database),
        Process("analysis", ["logpipe", "analyze"], every_s=every_s, needs=database),
    ]


def run(watched: Sequence[Process], stop: threading.Event, down: Path = DOWN) -> None:
    """Keep processes running until `stop`, and then end them."""
    try:
        while not stop.wait(_LOOK_S):
            for process in watched:
                process.look(time.monotonic())
            down.write_text("".join(f"{process.name}\n" for process in watched if process.down))
    finally:
        end([process.running for process in watched if process.running is not None])


def end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask processes to end; those that have not after a while are killed."""
    for process in running:
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def healthy(url: str, down: Path = DOWN) -> bool:
    """Whether all processes run and the database answers; says what is wrong."""
    try:
        missing = down.read_text().split()
        with urllib.request.urlopen(url, timeout=8):  # noqa: S310 - our own address
            pass
    except (OSError, urllib.error.URLError) as error:
        say(str(error))
        return False
    if missing:
        say(f"down: {', '.join(missing)}")
    return not missing


def say(text: str) -> None:
    """To the container's log."""
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """What the container runs; with `--healthy`, how it is."""
    parser = argparse.ArgumentParser(description="Run logpipe's processes.")
    parser.add_argument("--healthy", action="store_true", help="tell by the exit code how they are")
    if parser.parse_args().healthy:
        port = os.environ["LOGPIPE_METRICS_LISTEN"].rpartition(":")[2]
        return 0 if healthy(f"http://127.0.0.1:{port}/health") else 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(processes(os.environ), stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
