"""Reading events for Loki: as columns, each with the text that is its line."""

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logpipe.record import COLUMNS
from logpipe.store import Store
from logpipe.store.arrow import to_arrow
from logpipe_shippers.loki.metadata import MAX_VALUE_CHARACTERS

MAX_LABEL_CHARACTERS: Final = 200
LABELLED: Final = ("service", "environment", "stream")

_FIRST: Final = "TIMESTAMPTZ '1970-01-01 00:00:00Z'"
_END: Final = "TIMESTAMPTZ '2262-04-11 00:00:00Z'"
"""Loki's times are nanoseconds since 1970 in 64 bits."""

_NOT_METADATA: Final = {"ts", *LABELLED, "message", "exception_stacktrace"}
METADATA: Final = (*(name for name in COLUMNS if name not in _NOT_METADATA), "source_id", "source_pos")
RAW: Final = ", ".join((*COLUMNS, "attributes", "source_id", "source_pos"))
"""The columns of `events` that are read."""

_SERVICE: Final = f"left(coalesce(nullif(service, ''), 'unknown_service'), {MAX_LABEL_CHARACTERS})"
_ENVIRONMENT: Final = f"left(nullif(environment, ''), {MAX_LABEL_CHARACTERS})"
_STREAM: Final = f"left(nullif(stream, ''), {MAX_LABEL_CHARACTERS})"
_BODY: Final = "coalesce(message, db_statement, event, '')"
_LINE: Final = f"""
    CASE
        WHEN coalesce(exception_stacktrace, '') = '' OR contains({_BODY}, exception_stacktrace) THEN {_BODY}
        WHEN {_BODY} = '' THEN exception_stacktrace
        ELSE concat({_BODY}, chr(10), exception_stacktrace)
    END"""
KEY: Final = f"hash({_LINE})"
"""Of the line. Its stream is left out, since lines of several label sets may come to be in one."""
OF_SERVICES: Final = "(len($services) = 0 OR list_contains($services, service))"


def _shown(name: str) -> str:
    """A column as text, cut where it is too long; `strlen`, of bytes, costs nothing."""
    text = f"{name}::VARCHAR"
    cut = f"left({text}, {MAX_VALUE_CHARACTERS}) || '… [cut by logpipe, ' || length({text}) || ' characters]'"
    return f"CASE WHEN length({text}) > {MAX_VALUE_CHARACTERS} THEN {cut} ELSE {text} END"


_ROWS: Final = f"""
SELECT
    CASE WHEN ts >= {_FIRST} AND ts < {_END} THEN epoch_us(ts) END AS us,
    CASE WHEN isfinite(ts) THEN ts END AS ts,
    {_SERVICE} AS service_label, {_ENVIRONMENT} AS environment_label, {_STREAM} AS stream_label,
    {_LINE} AS entry_line,
    {KEY} AS key,
    attributes::VARCHAR AS attributes,
    source_id AS place_id, source_pos AS place_pos,
    {", ".join(f"{_shown(name)} AS {name}" for name in (*LABELLED, *METADATA))}
FROM ({{source}})
WHERE {OF_SERVICES}
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Events, in no order."""

    table: pa.Table
    """Columns named as in `_ROWS`, each of one chunk."""
    us: npt.NDArray[np.int64]
    """Microseconds since 1970; -1 without a time that Loki can hold."""
    source_id: npt.NDArray[np.int64]
    source_pos: npt.NDArray[np.uint64]
    key: npt.NDArray[np.uint64]
    ledger_id: npt.NDArray[np.int64]
    """The entry of the ledger with which each came."""

    def __len__(self) -> int:
        return len(self.us)

    def texts(self, name: str) -> pa.StringArray:
        return self.table[name].chunk(0)

    def in_order(self) -> npt.NDArray[np.int64]:
        """Row numbers as the rows came into the store."""
        return np.lexsort((self.source_pos, self.source_id, self.ledger_id))


def read(
    store: Store, source: str, services: tuple[str, ...], *, entries: tuple[int, int] = (0, sys.maxsize)
) -> Rows | None:
    """The events of the statement `source`, which selects `RAW`; None where there are none.

    All of them came with `entries` of the ledger: behind the first number, and up to the second.

    Raises:
        StoreError: they cannot be read.
    """
    with store.rows(_ROWS.format(source=source), {"services": list(services)}) as result:
        table = to_arrow(result).combine_chunks()
    if not len(table):
        return None
    source_id = _signed(table["place_id"])
    source_pos = _unsigned(table["place_pos"])
    return Rows(
        table,
        _signed(pc.fill_null(table["us"], -1)),
        source_id,
        source_pos,
        _unsigned(table["key"]),
        _entries(store, source_id, source_pos, *entries),
    )


def _signed(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.to_numpy(), np.int64)


def _unsigned(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    return np.asarray(column.to_numpy(), np.uint64)


def _entries(
    store: Store, source_id: npt.NDArray[np.int64], source_pos: npt.NDArray[np.uint64], after: int, last: int
) -> npt.NDArray[np.int64]:
    """The entry of each place; 0 where the ledger does not know it."""
    found = np.zeros(len(source_id), np.int64)
    with store.rows(
        "SELECT ledger_id, source_id, from_pos FROM ledger WHERE ledger_id > $after AND ledger_id <= $last "
        "AND to_pos > from_pos AND list_contains($sources, source_id) ORDER BY source_id, from_pos",
        {"after": after, "last": last, "sources": np.unique(source_id).tolist()},
    ) as result:
        entries = to_arrow(result)
    ids, sources, begins = (column.to_numpy() for column in entries.columns)
    for source in np.unique(sources):
        of_entries, of_rows = np.flatnonzero(sources == source), np.flatnonzero(source_id == source)
        at = np.searchsorted(begins[of_entries], source_pos[of_rows], side="right") - 1
        found[of_rows] = np.where(at >= 0, ids[of_entries][at], 0)
    return found
