"""One server: a child process that is started, watched and stopped."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from real_shop.programs import ServerError

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 15.0
POLL_S = 0.05


@dataclass(slots=True)
class Server:
    """A child process in a session of its own: Ctrl-C in the terminal does not reach it, it is stopped in order."""

    name: str
    command: Sequence[str]
    folder: Path
    """Where it runs."""
    output: Path
    """The file to which its standard output and error are appended."""
    is_ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to our own, in which the zone of time is UTC."""
    account: str | None = None
    """The user that it runs as, where that is not our own."""
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it is ready; ServerError, with the end of its output, when it does not become so."""
        group, other_groups = groups_of(self.account)
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                # Even if we are killed, and can stop nothing, the kernel sends the signal.
                ["setpriv", f"--pdeathsig={self.stop_signal.name.removeprefix('SIG')}", "--", *self.command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "TZ": "UTC", **self.environment},
                start_new_session=True,
                user=self.account,
                group=group,
                extra_groups=other_groups,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} was not ready within {READY_WITHIN_S:g} s{self._last_words()}")
            time.sleep(POLL_S)
        self.check()

    def check(self) -> None:
        """Raise ServerError when it has ended although nobody stopped it."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise ServerError(f"{self.name} ended by itself with exit code {code}{self._last_words()}")

    def stop(self) -> int | None:
        """Ask it to end, insist after a while, return its exit code when it has ended; None when it did not run."""
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(self.stop_signal)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its session, and so the group, is its own
                process.wait()
        self._process = None
        return process.returncode

    def _last_words(self) -> str:
        text = self.output.read_text("utf-8", "replace") if self.output.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"; {self.output} ends with: {' | '.join(lines[-3:])}" if lines else ""


def groups_of(account: str | None) -> tuple[int | None, list[int] | None]:
    """The group and the further groups of a process that runs as that user; None and None for our own user."""
    return (None, None) if account is None else (pwd.getpwnam(account).pw_gid, [])
