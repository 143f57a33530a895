"""Events on their way to Loki: what is refused beforehand, and where the rest goes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from logpipe_shippers.delivery.shipper import Refusal
from logpipe_shippers.loki.payloads import Encoded, encoded
from logpipe_shippers.loki.rows import Rows
from logpipe_shippers.loki.settings import Limits
from logpipe_shippers.loki.streams import Assigned, Streams, distinct

_LABELS: Final = ("service_label", "environment_label", "stream_label")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NO_TIME: Final = "the record has no time from 1970 to 2262"


@dataclass(frozen=True, slots=True)
class Lines:
    """Events of one read."""

    rows: Rows
    repeats: npt.NDArray[np.int64]
    assigned: Assigned
    refusals: dict[int, str]
    """Row numbers, and why Loki would not take them."""
    repeatable: float
    """The share, of the first ones, that may be sent again whatever Loki has of them: all but where the times of a
    stream lie far apart."""

    def encode(self, limits: Limits, format_name: str) -> Encoded:
        return encoded(self.rows, self.repeats, self.assigned, limits, format_name)

    def refusal(self, row: int, reason: str) -> Refusal:
        """Of a row, as it is written down."""
        rows = self.rows
        return Refusal(int(rows.source_id[row]), int(rows.source_pos[row]), rows.table["ts"][row].as_py(), reason)


def lines(
    rows: Rows,
    repeats: npt.NDArray[np.int64],
    streams: Streams,
    limits: Limits,
    *,
    now: datetime | None,
    by_time: bool = False,
) -> Lines:
    """What Loki would refuse at `now` put aside, streams for the rest in the order of arrival, or `by_time`."""
    refusals = _refusals(rows.us, limits, now)
    order = np.argsort(rows.us, kind="stable") if by_time else rows.in_order()
    fine = np.ones(len(rows), np.bool_)
    fine[list(refusals)] = False
    labels, of_row = distinct(rows.texts(name).to_pylist() for name in _LABELS)
    fine_order = order[fine[order]]
    assigned = streams.assign(labels, of_row, rows.us, fine_order, limits.max_behind)
    repeatable = assigned.repeatable(fine_order, rows.us, limits.max_behind)
    return Lines(rows, repeats, assigned, refusals, repeatable / len(fine_order) if len(fine_order) else 1.0)


def _refusals(us: npt.NDArray[np.int64], limits: Limits, now: datetime | None) -> dict[int, str]:
    found = dict.fromkeys(np.flatnonzero(us < 0).tolist(), NO_TIME)
    if now is None:
        return found
    oldest, newest = now - limits.max_age, now + limits.max_ahead
    for row in np.flatnonzero((us >= 0) & (us < _us(oldest))).tolist():
        found[row] = f"timestamp too old: {_text(int(us[row]))}, oldest acceptable timestamp is: {_text(_us(oldest))}"
    for row in np.flatnonzero(us > _us(newest)).tolist():
        found[row] = f"timestamp too new: {_text(int(us[row]))}"
    return found


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _text(us: int) -> str:
    """Whole seconds, as Loki says them."""
    return (_EPOCH + timedelta(seconds=us // 1_000_000)).strftime("%Y-%m-%dT%H:%M:%SZ")
