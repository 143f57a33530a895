"""A server is a child that is started, watched and ended."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from real_shop.programs import ServerError
from real_shop.server import Server


def _python(tmp_path: Path, program: str) -> Server:
    """A child that runs the program and is ready when it has made the file `ready`."""
    return Server(
        "child",
        [sys.executable, "-c", program],
        tmp_path,
        tmp_path / "output.txt",
        (tmp_path / "ready").exists,
        environment={"GREETING": "good morning"},
    )


WAIT_FOR_SIGTERM = """
import os, signal, time, pathlib
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
print(os.environ["GREETING"], os.environ["TZ"], os.getpid(), os.getsid(0), flush=True)
pathlib.Path("ready").touch()
while True:
    time.sleep(0.05)  # a signal that comes just before `pause` would be heeded only after the next one
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("real_shop.server.STOP_WITHIN_S", 240.0)
    server = _python(tmp_path, WAIT_FOR_SIGTERM)
    yield server
    server.stop()


def test_start_returns_when_it_is_ready_and_stop_when_it_has_ended(child: Server, tmp_path: Path) -> None:
    """It runs in its folder, in a session of its own, in UTC, with its variables; stop() returns its exit code."""
    child.start()
    greeting, zone, pid, session = (tmp_path / "output.txt").read_text().rsplit(maxsplit=3)
    assert (greeting, zone) == ("good morning", "UTC")
    assert pid == session
    child.check()
    assert child.stop() == 7
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_it_can_be_started_again(child: Server, tmp_path: Path) -> None:
    """As Redis is after its outage; the output is appended."""
    child.start()
    child.stop()
    (tmp_path / "ready").unlink()
    child.start()
    assert len((tmp_path / "output.txt").read_text().splitlines()) == 2


def test_what_does_not_run_can_be_stopped(child: Server) -> None:
    """Stopping is always safe, also twice."""
    assert child.stop() is None
    child.start()
    child.stop()
    assert child.stop() is None


def test_one_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    """The reader learns the exit code and why."""
    server = _python(tmp_path, "import sys; sys.exit('the port is taken')")
    with pytest.raises(ServerError, match=r"child ended by itself with exit code 1; .*the port is taken"):
        server.start()


def test_one_that_ends_later_is_noticed(child: Server, tmp_path: Path) -> None:
    """check() tells a server that died, though start() succeeded."""
    child.start()
    pid = int((tmp_path / "output.txt").read_text().split()[-2])
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(ServerError, match="exit code -9"):
        child.check()


def test_one_that_does_not_listen_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores its signal does not keep the demonstration from ending."""
    monkeypatch.setattr("real_shop.server.STOP_WITHIN_S", 0.1)
    server = _python(tmp_path, WAIT_FOR_SIGTERM.replace("lambda *_: os._exit(7)", "signal.SIG_IGN"))
    server.start()
    assert server.stop() == -signal.SIGKILL
