"""Ctrl-C is heard whatever the process is doing."""

import os
import signal
import subprocess
import sys

import pytest

HOLDING_ITS_LOCK = """
import signal, sys, threading
from logpipe.cli import interruption
stop = threading.Event()
interruption.request(stop)
with stop._cond:
    signal.raise_signal(int(sys.argv[1]))
assert stop.wait(120)
print("stopped", flush=True)
signal.raise_signal(int(sys.argv[1]))
"""


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_it_is_heard_while_its_event_is_being_waited_for(name: signal.Signals) -> None:
    """A wait holds the lock of its event for a moment; the second signal ends the process."""
    command = [sys.executable, "-c", HOLDING_ITS_LOCK, str(int(name))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert (done.stdout, done.stderr, done.returncode) == ("stopped\n", "interrupted\n", 130)


NOTICED_BY_NOBODY = """
import signal, sys, threading
from logpipe.cli import interruption
stop = threading.Event()
interruption.request(stop)
def interrupt():
    while not stop._cond._waiters:
        pass
    signal.pthread_kill(threading.get_ident(), int(sys.argv[1]))
threading.Thread(target=interrupt).start()
print(stop.wait(120))
"""


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_it_is_heard_where_the_wait_does_not_notice(name: signal.Signals) -> None:
    """Python looks for signals before it waits for a lock, and while it does, but not in between."""
    command = [sys.executable, "-c", NOTICED_BY_NOBODY, str(int(name))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


WHILE_LOADING = """
import signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from logpipe.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["logpipe.cli", "logpipe.errors", "typer", "uuid"])
def test_it_ends_the_command_while_modules_are_loaded(module: str) -> None:
    """By the signal, without a word: no traceback, no crash of what loads modules itself, as orjson does uuid."""
    done = subprocess.run([sys.executable, "-c", WHILE_LOADING, module], capture_output=True, text=True, timeout=240)
    assert (done.stderr, done.returncode) == ("", -signal.SIGINT)


def test_it_ends_the_command_before_that() -> None:
    """While what listens to signals is itself loaded."""
    code = "import sys\nclass Interrupting:\n    def find_spec(self, name, *_):\n"
    code += "        if name == 'signal':\n            raise KeyboardInterrupt\n"
    code += "sys.meta_path.insert(0, Interrupting())\nfrom logpipe.__main__ import main"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert (done.stderr, done.returncode) == ("", 130)


def test_it_ends_a_command_whose_standard_error_nobody_reads() -> None:
    """As in a pipe, whose other end the same Ctrl-C has ended."""
    code = "import signal; from logpipe.cli import interruption\nwith interruption.immediate():\n"
    code += "    signal.raise_signal(signal.SIGINT)\nprint('went on', flush=True)"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing) as closed:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=closed, timeout=240)
    assert (done.stdout, done.returncode) == (b"", 130)
