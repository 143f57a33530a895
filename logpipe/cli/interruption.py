"""Ctrl-C: the end of the process, at once.

Nothing is lost by that: what the database holds is committed whole or not at all, as after `kill -9`. An exception
would not do, since the engine, in the middle of whose work it may arrive, swallows it or takes it for another.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from logpipe.cli import atomic_file

CODE = 130
"""Of a process that SIGINT has ended, as shells count."""

_said = ["interrupted"]


def explain(sentence: str) -> None:
    """What to say to whoever interrupts the command that runs."""
    _said[:] = ["interrupted", sentence]


def leave() -> None:
    """End the process as a second Ctrl-C does."""
    try:
        atomic_file.discard_unfinished()
        terminal = os.isatty(2)
        # Not through sys.stderr: the signal may have come in the middle of its write.
        os.write(2, ("\r\x1b[K\x1b[?25h" if terminal else "").encode() + f"{': '.join(_said)}\n".encode())
    finally:  # also where standard error is closed, or its reader gone
        os._exit(CODE)


@contextmanager
def immediate() -> Iterator[None]:
    """Ctrl-C ends the process while the block runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def request(stop: threading.Event) -> None:
    """From now on the first Ctrl-C, or SIGTERM, sets `stop`; the second ends the process."""
    # By a thread that is woken as the signal comes. Python's own handler runs in the main thread alone, which may hold
    # the lock of `stop` just then, or be about to wait for it without looking for signals once more.
    heard, told = os.pipe()
    os.set_blocking(told, False)
    threading.Thread(target=_set_once_told, args=(stop, heard), name="logpipe-interruption", daemon=True).start()
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)

    def first(*_: object) -> None:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, _interrupted)

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, first)


def _set_once_told(stop: threading.Event, heard: int) -> None:
    while os.read(heard, 1)[0] not in (signal.SIGINT, signal.SIGTERM):
        pass  # of other signals that have handlers
    stop.set()


def _interrupted(*_: object) -> None:
    leave()
