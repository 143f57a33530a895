"""The ways in which a process ends: whatever was logged before, and while it ends, is in the file."""

import atexit
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe import Logging

Written = Callable[..., list[dict[str, object]]]

PROGRAM = """
import atexit, os, signal, sys, threading, time
from logpipe import get_logger, setup_logging

said = []

def say(first, last, log=get_logger("ending"), write=os.write, said=said):
    for number in range(first, last):
        log.info("record", extra={{"number": number}})
        write(1, b"%d\\n" % number)  # acknowledged: the call returned
        said.append(number)

def wait(count):
    while len(said) < count:
        time.sleep(0.001)

{before}
setup_logging(service="shop", log_dir=sys.argv[1], console=False, max_bytes=16384, keep_files=0)
say(0, 500)
{end}
"""

ENDS = {
    "returning": "",
    "sys.exit": "sys.exit(3)",
    "an unhandled exception": "raise LookupError",
    "an unhandled interrupt": "raise KeyboardInterrupt",
    "os._exit": "os._exit(3)",
    "SIGTERM": "signal.raise_signal(signal.SIGTERM)",
    "SIGINT": "signal.raise_signal(signal.SIGINT)",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "abort": "os.abort()",
    "exec": "os.execv('/bin/true', ['true'])",
    "closed standard streams": "os.close(0); os.close(2); sys.stderr.close(); sys.exit(3)",
    "logging.shutdown": "import logging; logging.shutdown()",
}


def run(folder: Path, end: str, before: str = "") -> list[int]:
    """Runs the program; gives the numbers that it acknowledged."""
    code = PROGRAM.format(before=before, end=end)
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60)
    assert "logpipe" not in done.stderr
    return sorted(map(int, done.stdout.split()))


def numbers(records: list[dict[str, object]]) -> list[object]:
    """What was said, in the order of the file."""
    return [record["number"] for record in records if "number" in record]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_all_is_written_however_the_process_ends(tmp_path: Path, written: Written, end: str) -> None:
    """Nothing waits anywhere for an end that may not come."""
    assert run(tmp_path, end) == list(range(500))
    assert numbers(written()) == list(range(500))


def test_callbacks_at_exit_log(tmp_path: Path, written: Written) -> None:
    """Those registered before the setup run last, those after it first."""
    before = "atexit.register(say, 510, 520)"
    assert run(tmp_path, "atexit.register(say, 500, 510)", before) == list(range(520))
    assert numbers(written()) == list(range(520))


@pytest.mark.parametrize("end", ["", "raise LookupError", "sys.exit(3)"])
def test_a_thread_that_goes_on_is_waited_for(tmp_path: Path, written: Written, end: str) -> None:
    """As Python does; callbacks at exit come after it."""
    go_on = "threading.Thread(target=lambda: (threading.main_thread().join(), say(500, 510))).start()"
    assert run(tmp_path, f"{go_on}\natexit.register(say, 510, 520)\n{end}") == list(range(520))
    assert numbers(written()) == list(range(520))


def test_a_daemon_thread_is_cut_off_between_records(tmp_path: Path, written: Written) -> None:
    """What it acknowledged is there; at most the one in flight is there too."""
    end = "threading.Thread(target=say, args=(500, 10**9), daemon=True).start(); wait(600)"
    acknowledged = run(tmp_path, end)
    assert len(acknowledged) >= 600
    found = numbers(written())
    assert found[: len(acknowledged)] == acknowledged
    assert len(found) - len(acknowledged) in (0, 1)


def test_a_timer_of_signals_goes_on_to_the_end(tmp_path: Path, written: Written) -> None:
    """A handler that logs interrupts the shutdown as well."""
    end = """
ticks = iter(range(500, 10**9))
def tick(*_):
    number = next(ticks)
    say(number, number + 1)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.001)
atexit.register(wait, 550)
"""
    acknowledged = run(tmp_path, end)
    assert len(acknowledged) >= 550
    found = numbers(written())
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert len(found) - len(acknowledged) in (0, 1)


FORGOTTEN = """
import logging.config
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
app = sys.argv[1] + "/shop/app.jsonl"
os.unlink(app)
os.mkdir(app)
say(500, 505)
os.rmdir(app)
"""


def test_drops_are_told_at_the_end_though_a_configuration_forgot_the_handlers(tmp_path: Path) -> None:
    """As gunicorn's does; what is logged by callbacks at exit is written all the same."""
    code = PROGRAM.format(before="atexit.register(say, 510, 520)", end=FORGOTTEN)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in (tmp_path / "shop" / "app.jsonl").read_bytes().splitlines()]
    assert [record["count"] for record in records if record.get("event") == "logpipe.dropped"] == [5]
    assert numbers(records) == list(range(510, 520))


def test_closing_leaves_no_callback_at_exit(start: Callable[..., Logging], monkeypatch: pytest.MonkeyPatch) -> None:
    """However often logging is set up."""
    callbacks: list[object] = []
    monkeypatch.setattr(atexit, "register", callbacks.append)
    monkeypatch.setattr(atexit, "unregister", callbacks.remove)
    for _ in range(3):
        start()
    assert len(callbacks) == 1
    start().close()
    assert callbacks == []


FINALISED = """
class Noisy:
    def __init__(self, number):
        self.number, self.say = number, say
    def __del__(self):
        self.say(self.number, self.number + 1)
{hold}
"""


@pytest.mark.parametrize("hold", ["noisy = Noisy(500)", "noisy = Noisy(500); noisy.itself = noisy"])
def test_a_finaliser_logs(tmp_path: Path, written: Written, hold: str) -> None:
    """While the interpreter takes the modules down."""
    assert run(tmp_path, FINALISED.format(hold=hold)) == list(range(501))
    assert numbers(written()) == list(range(501))


def test_a_finaliser_that_comes_after_logging_is_gone_does_no_harm(tmp_path: Path, written: Written) -> None:
    """What holds the object is taken down last; its call does not return."""
    assert run(tmp_path, FINALISED.format(hold="sys.noisy = Noisy(500)")) == numbers(written())
    assert numbers(written()) == list(range(500))
