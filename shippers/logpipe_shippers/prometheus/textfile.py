"""Metrics in a file that is written again and again, for node_exporter's textfile collector."""

import logging
import threading
from collections.abc import Callable, Sequence

from prometheus_client import generate_latest

from logpipe.errors import LogpipeError, StoreError
from logpipe.store import Store
from logpipe_shippers.prometheus.collector import Limits, exposition, up
from logpipe_shippers.prometheus.objectives import Objective
from logpipe_shippers.prometheus.server import registry

_log = logging.getLogger("logpipe.ship")


def rewrite(
    url: str,
    write: Callable[[bytes], None],
    limits: Limits,
    objectives: Sequence[Objective],
    *,
    interval_s: float,
    stop: threading.Event,
) -> None:
    """Hand the metrics of the store at `url` to `write`, now and after each interval, until `stop`.

    While it cannot be read, all that is written is `logpipe_up 0`: an old file would look like a pipeline that works.
    What cannot be written, as on a disk that is full, is tried again at the next time.

    Raises:
        LogpipeError: not even the first time could be written.
    """
    failing = written = False
    while not stop.is_set():
        try:
            with Store.open(url, read_only=True) as store:
                text = exposition(store, limits, objectives)
        except StoreError as error:
            if not failing:
                _log.warning("%s", error)
            failing, text = True, generate_latest(registry([up(0)]))
        else:
            failing = False
        try:
            write(text)
        except LogpipeError as error:
            if not written:
                raise
            _log.warning("%s", error)
        written = True
        stop.wait(interval_s)
