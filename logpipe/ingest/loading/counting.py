"""What batches add to the roll-ups: groups of events, which a scan made, and single events summed up together."""

from collections.abc import Iterable, Sequence
from typing import Self

import duckdb
import pyarrow as pa

from logpipe.ingest.formats.base import SQL_TYPES
from logpipe.ingest.loading.chunk import Uncounted
from logpipe.ingest.scanning.groups import together
from logpipe.record import COLUMNS
from logpipe.store import rollup

_LABELS = ("stream", "level")


def counted(connection: duckdb.DuckDBPyConnection, batches: Sequence[Uncounted]) -> rollup.Cells:
    """What the events of some batches add, summed up on a connection that has the store's `operations`."""
    grouped = [batch.grouped for batch in batches if batch.grouped]
    singles = [batch.single for batch in batches if batch.single is not None]
    with _Relations(connection) as relations:
        groups = single = None
        if grouped:
            whole = together(grouped)
            groups = rollup.GroupedEvents(
                relations.add("event_groups", whole.groups, rollup.READ),
                relations.add("grouped_counts", whole.counts, _LABELS),
                relations.add("grouped_latencies", whole.latencies, ()),
            )
        if singles:
            events = pa.concat_tables(singles, promote_options="default")
            single = relations.add("single_events", events, (*rollup.READ, *_LABELS, "duration_ms"))
        return rollup.cells(connection, single, groups, set(COLUMNS) - relations.held)


class _Relations:
    """Tables that a connection knows for a while."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.held: set[str] = set()
        """The columns of all."""
        self._connection = connection
        self._names: list[str] = []

    def add(self, name: str, table: pa.Table, wanted: Iterable[str]) -> str:
        """A SELECT of a table, with the wanted columns that it has not as NULL."""
        self._connection.register(name, table)
        self._names.append(name)
        self.held.update(table.column_names)
        missing = (column for column in wanted if column not in table.column_names)
        columns = ["*", *(f"NULL::{SQL_TYPES[column]} AS {column}" for column in missing)]
        return f"(SELECT {', '.join(columns)} FROM {name})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._names:
            self._connection.unregister(name)
