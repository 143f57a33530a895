"""The report slow-queries: each query once, ranked by the time it costs, with what the log tells of it.

The timed queries come as a stream of rows. Masks bring their statements to few shapes, an exact fingerprint is made of
each new shape, and a database in memory sums up the rows, with its number in place of their text.
"""

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from logpipe.ingest.scanning.masks import masked
from logpipe.store import Store, engine
from logpipe.store.arrow import to_arrow
from logpipe.store.reading import Result
from logpipe_analysis.queries.fingerprint import fingerprint
from logpipe_analysis.queries.literals import MYSQL_SYSTEMS

PARTS: Final = 24
"""Into so many equal parts the range is cut for `over_time_ms`."""

REQUESTS: Final = 200
"""Of so many requests of a query routes are looked up, the slowest."""

COLUMNS: Final = """
    fingerprint, queries, total_ms, time_share, mean_ms, min_ms, p50_ms, p95_ms, p99_ms, max_ms, variance_to_mean_ms,
    by_decade, rows_sent, rows_examined, examined_per_sent, lock_ms, first_seen, last_seen, trend, over_time_ms,
    services, routes, systems, databases, users, worst_at, worst_statement,
    also_logged_by, also_logged, also_logged_ms
"""
"""In this order; docs/sql.md says what each is."""

_WORST: Final = """
SELECT source_id AS worst_source_id, source_pos AS worst_source_pos, db_statement AS worst_statement
FROM events
WHERE (source_id, source_pos) IN (SELECT (unnest($sources), unnest($positions)))
"""
_SLOWEST: Final = f"""
SELECT query, request
FROM calls
WHERE route IS NULL AND request IS NOT NULL AND query IN (SELECT query FROM profile)
QUALIFY row_number() OVER (PARTITION BY query ORDER BY duration_ms DESC) <= {REQUESTS}
"""
_RESULT: Final = f"""
WITH run_by AS (
    SELECT query, route FROM calls WHERE route IS NOT NULL
    UNION ALL
    SELECT query, route FROM slowest JOIN found_routes USING (request)
),
routes AS (
    SELECT query, array_to_string(list_sort(list(DISTINCT route)), ', ') AS routes FROM run_by GROUP BY query
)
SELECT {COLUMNS}
FROM profile
JOIN fingerprints USING (query)
LEFT JOIN routes USING (query)
LEFT JOIN worst USING (worst_source_id, worst_source_pos)
ORDER BY total_ms DESC, query
"""


def gathered(calls: Result) -> duckdb.DuckDBPyConnection:
    """A database in memory of `calls`, the rows of the report's SELECT, to be the second argument of `profile`.

    Raises:
        QueryError: reading failed.
    """
    local = engine.connect()
    local.execute("SET TimeZone = 'UTC'")
    _take_in(local, calls)
    return local


def profile(store: Store, local: duckdb.DuckDBPyConnection, limit: int | None) -> Result:
    """The costliest queries; a `limit` of None is all.

    Raises:
        StoreError: reading failed.
    """
    local.execute(f"CREATE TABLE left_out AS {_sql('slow_queries_left_out.sql')}")
    local.execute(f"CREATE TABLE profile AS {_sql('slow_queries_profile.sql')}", {"parts": PARTS, "limit": limit})
    _look_up(store, local)
    found = to_arrow(local.execute(_RESULT))
    return Result(found.schema, frozenset(), iter(found.to_batches()))


def _take_in(local: duckdb.DuckDBPyConnection, calls: Result) -> None:
    """Make `calls` and `fingerprints`, both in Arrow's form: to copy the rows would take longer than to read them."""
    classes = _Classes()
    shape = calls.schema.get_field_index("db_statement")
    schema = calls.schema.set(shape, pa.field("query", pa.int32()))
    local.register("calls", pa.Table.from_batches(classes.numbered(calls.batches), schema))
    numbers = pa.array(range(len(classes.fingerprints)), pa.int32())
    names = pa.array(classes.fingerprints, pa.string())
    local.register("fingerprints", pa.table({"query": numbers, "fingerprint": names}))


class _Classes:
    """The exact fingerprints met so far, and by which number each goes."""

    def __init__(self) -> None:
        self.fingerprints: dict[str, int] = {}
        self._shapes: dict[tuple[str, str | None], int] = {}

    def numbered(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows with the number of their `query` in place of their statement."""
        for batch in batches:
            systems = batch["db_system"].dictionary_encode(null_encoding="encode")
            is_mysql = set(systems.dictionary.to_pylist()) <= MYSQL_SYSTEMS
            shapes = masked(batch["db_statement"], is_mysql=is_mysql).dictionary_encode()
            pairs = shapes.indices.to_numpy().astype(np.int64) * len(systems.dictionary) + systems.indices.to_numpy()
            distinct, of_row = np.unique(pairs, return_inverse=True)
            of_pair = (divmod(pair, len(systems.dictionary)) for pair in distinct.tolist())
            numbers = [
                self._number(shapes.dictionary[shape].as_py(), systems.dictionary[system].as_py())
                for shape, system in of_pair
            ]
            query = pa.array(np.array(numbers, np.int32)[of_row])
            yield batch.set_column(batch.schema.get_field_index("db_statement"), "query", query)

    def _number(self, shape: str, system: str | None) -> int:
        known = self._shapes.get((shape, system))
        if known is None:
            name = fingerprint(shape, system)
            known = self._shapes[shape, system] = self.fingerprints.setdefault(name, len(self.fingerprints))
        return known


def _look_up(store: Store, local: duckdb.DuckDBPyConnection) -> None:
    """Make the tables `worst` and `found_routes` from the store, of the profile's queries and their requests."""
    places = local.execute("SELECT worst_source_id, worst_source_pos FROM profile").fetchnumpy()
    worst = store.execute(
        _WORST, {"sources": places["worst_source_id"].tolist(), "positions": places["worst_source_pos"].tolist()}
    )
    _keep(local, "worst", worst, ("worst_source_id INTEGER", "worst_source_pos UBIGINT", "worst_statement VARCHAR"))
    local.execute(f"CREATE TABLE slowest AS {_SLOWEST}")
    [(requests,)] = local.execute("SELECT coalesce(list(DISTINCT request), []) FROM slowest").fetchall()
    found = store.execute(_sql("slow_queries_routes.sql"), {"requests": requests}) if requests else []
    _keep(local, "found_routes", found, ("request VARCHAR", "route VARCHAR"))


_Rows = Sequence[Sequence[object]]


def _keep(local: duckdb.DuckDBPyConnection, table: str, rows: _Rows, columns: Sequence[str]) -> None:
    local.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    if rows:
        local.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows)


def _sql(name: str) -> str:
    return (resources.files("logpipe_analysis") / "sql" / name).read_text()
