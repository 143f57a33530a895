"""Watching files: a poll sweep is the truth, file-system events only shorten the wait."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from logpipe.errors import LogpipeError, StoreError
from logpipe.ingest.files.discovery import find
from logpipe.ingest.files.watch import Watch
from logpipe.ingest.ingest import MOST_LOOKS, Ingester
from logpipe.ingest.options import Summary

POLL_S = 1.0
"""How long a change may go unseen when no event tells of it."""

GATHER_S = 0.2
LONGEST_GATHER_S = 0.5
"""How long to gather before the next sweep, so that a busy file does not make a transaction a line: up to the longest,
so that a line is seen within a second.
"""

LEAST_GATHER = 5
"""A sweep is followed by a wait this many times as long, in these bounds: small transactions cost as much as large."""

LEAST_IDLE = 20
"""A sweep that finds nothing is followed by a wait this many times as long: so little of a processor is idled away."""

RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
"""How long to wait before the database is opened again after it refused; the wait doubles up to the longest."""

ROOM_BYTES = 16 << 20
"""So much more free on its volume ends the wait at once."""

TELL_AGAIN_S = 60.0
"""How often a trouble that stays is told."""

log = logging.getLogger(__name__)

Complain = Callable[[LogpipeError], None]


def follow(
    ingester: Ingester,
    paths: Sequence[str],
    stop: threading.Event,
    complain: Complain,
    *,
    notifications: bool = True,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Sweep over the paths until `stop` is set; one last sweep takes what was written before.

    `between` is called after each sweep, and before the one after the database refused; it should be short.

    Errors of single files are told once each and do not end it; a path that does not exist yet is waited for, and so
    is a database that refuses: meanwhile the files are kept open.

    Raises:
        StoreError: the database refused to the end; what was committed is safe.
    """
    troubles = _Troubles(complain)
    log.info("following", extra={"event": "following_began", "paths": list(paths)})
    changed = threading.Event()
    refused_at: float | None = None
    wait = RETRY_S
    try:
        with Watch(paths, changed, troubles.tell, wanted=notifications) as watch:
            while not stop.is_set():
                started, before = time.monotonic(), ingester.summary.bytes
                changed.clear()
                try:
                    if refused_at is not None:
                        between()  # it may make room
                    _sweep(ingester, paths, troubles)
                    between()
                except StoreError as error:
                    refused_at = refused_at or time.monotonic()
                    wait = _await_store(ingester, paths, stop, troubles, error, wait)
                    continue
                _recovered(refused_at)
                refused_at, wait = None, RETRY_S
                watch.renew()
                if ingester.behind:
                    stop.wait(GATHER_S if ingester.unsettled else 0.0)
                    continue
                spent = time.monotonic() - started
                if ingester.summary.bytes == before:
                    _rest(changed, stop, max(POLL_S, LEAST_IDLE * spent))
                    spent = 0.0
                stop.wait(min(max(GATHER_S, LEAST_GATHER * spent), LONGEST_GATHER_S))
        for _ in range(MOST_LOOKS):
            _sweep(ingester, paths, troubles, last=True)
            if not ingester.unsettled:
                break
        log.info("followed to the end", extra={"event": "following_ended", **_figures(ingester.summary)})
    finally:
        ingester.close()


def _recovered(refused_at: float | None) -> None:
    """Log that a sweep came to its end, if one before it was refused."""
    if refused_at is not None:
        seconds = round(time.monotonic() - refused_at, 3)
        log.info("the database takes rows again", extra={"event": "store_recovered", "refused_s": seconds})


def _figures(summary: Summary) -> dict[str, object]:
    figures = ("files", "new_files", "copies", "bytes", "lines", "events", "rejects")
    losses = ("gaps", "lost_bytes", "waiting_bytes")
    return {name: value for name, value in asdict(summary).items() if name in (*figures, *losses)}


def _sweep(ingester: Ingester, paths: Sequence[str], troubles: "_Troubles", *, last: bool = False) -> None:
    files, errors = find(paths)
    ingester.sweep(files, last=last)
    summary = ingester.summary
    for trouble in (*errors, *summary.errors, *summary.warnings):
        troubles.tell(trouble)
    summary.errors, summary.warnings = [], []


def _rest(changed: threading.Event, stop: threading.Event, seconds: float) -> None:
    """Wait for a change, or until the time has come to look without one."""
    until = time.monotonic() + seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        if changed.wait(min(left, POLL_S)):
            return


def _await_store(
    ingester: Ingester,
    paths: Sequence[str],
    stop: threading.Event,
    troubles: "_Troubles",
    error: StoreError,
    wait: float,
) -> float:
    """Hold on to the files until the database can be opened again, or until `stop`, where the error is raised.

    Gives how long to wait when it refuses the next time: that it can be opened does not mean that it takes rows.
    """
    while True:
        until, full = time.monotonic() + wait, ingester.free_bytes()
        troubles.tell(error, again=True)
        while (left := until - time.monotonic()) > 0 and ingester.free_bytes() - full < ROOM_BYTES:
            ingester.hold(find(paths)[0])
            if stop.wait(min(left, POLL_S)):
                raise error
        wait = min(2 * wait, LONGEST_RETRY_S)
        try:
            ingester.reopen()
        except StoreError as refusal:
            error = refusal
        else:
            return wait


class _Troubles:
    """Tells of each trouble once, for as long as it lasts; of some again every minute."""

    def __init__(self, complain: Complain) -> None:
        self._complain = complain
        self._met: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def tell(self, trouble: LogpipeError, *, again: bool = False) -> None:
        now = time.monotonic()
        self._met = {message: at for message, at in self._met.items() if now - at < TELL_AGAIN_S}
        if trouble.message not in self._met or (again and now - self._told[trouble.message] >= TELL_AGAIN_S):
            self._told[trouble.message] = now
            traceback = trouble.__cause__ if trouble.reason == "unexpected" else None
            log.warning("%s", trouble, exc_info=traceback, extra={"event": trouble.reason})
            self._complain(trouble)
        self._told = {message: at for message, at in self._told.items() if message in self._met or at == now}
        self._met[trouble.message] = now
