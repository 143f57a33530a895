"""Ctrl-C is heard whatever the process is doing."""

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
assert stop.wait(20)
print("stopped", flush=True)
signal.raise_signal(int(sys.argv[1]))
"""


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_it_is_heard_while_its_event_is_being_waited_for(name: signal.Signals) -> None:
    """A wait holds the lock of its event for a moment; the second signal ends the process."""
    command = [sys.executable, "-c", HOLDING_ITS_LOCK, str(int(name))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("stopped\n", "interrupted\n", 130)
