"""Telling repeats apart: Loki keeps one copy of lines with the same stream, time and text.

Records of the same text and microsecond, or second where the log has no finer time, are numbered in the order in which
they came into the store, over all that there is, and sent so many nanoseconds apart. So they are sent alike each time,
and repeats that come later get later numbers.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from logpipe.store import Store
from logpipe.store.arrow import to_arrow
from logpipe_shippers.delivery.backlog import Cursor, Slice
from logpipe_shippers.loki.rows import KEY, OF_SERVICES, Rows

_SAME_TIME: Final = "SELECT count(*) FROM events WHERE ts IN (SELECT ts FROM ({source}))"
_EARLIER: Final = f"""
SELECT epoch_us(ts) AS us, key, count(*) AS events
FROM (
    SELECT ts, source_id, source_pos, {KEY} AS key
    FROM events
    WHERE ts IN (SELECT ts FROM ({{source}})) AND {OF_SERVICES}
) AS same
ASOF JOIN (SELECT source_id, from_pos, ledger_id FROM ledger WHERE to_pos > from_pos) AS entries
    ON same.source_id = entries.source_id AND same.source_pos >= entries.from_pos
WHERE ledger_id <= $shipped OR (source_pos < $next_pos AND ledger_id = $next_id)
GROUP BY ALL
"""


def numbers(rows: Rows, earlier: dict[tuple[int, int], int]) -> npt.NDArray[np.int64]:
    """Of each row how many like it came before; `earlier` has those that are not among the rows, by `us` and `key`."""
    came = np.empty(len(rows), np.int64)
    came[rows.in_order()] = np.arange(len(rows))
    order = np.lexsort((came, rows.key, rows.us))
    us, key = rows.us[order], rows.key[order]
    begins = np.concatenate([[True], (us[1:] != us[:-1]) | (key[1:] != key[:-1])])
    firsts = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    before = np.zeros(len(firsts), np.int64)
    if earlier:
        found = zip(us[firsts].tolist(), key[firsts].tolist(), strict=True)
        before[:] = [earlier.get(same, 0) for same in found]
    numbered = np.empty(len(rows), np.int64)
    numbered[order] = np.arange(len(rows)) - firsts[group] + before[group]
    return numbered


def earlier(
    store: Store, rows: Rows, begun: Cursor, part: Slice, services: tuple[str, ...]
) -> dict[tuple[int, int], int]:
    """How many events before the cursor, which stands before `part`, are at a time of `rows`: by time and `key`.

    Raises:
        StoreError: they cannot be read.
    """
    source = part.events("ts")
    [(same,)] = store.execute(_SAME_TIME.format(source=source))
    if same <= np.count_nonzero(rows.us >= 0):
        return {}
    values = {
        "shipped": begun.ledger_id,
        "next_pos": begun.next_pos,
        "next_id": begun.next_id,
        "services": list(services),
    }
    with store.rows(_EARLIER.format(source=source), values) as result:
        us, key, events = (column.to_pylist() for column in to_arrow(result).columns)
    return dict(zip(zip(us, key, strict=True), events, strict=True))
