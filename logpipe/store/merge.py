"""Rows that small commits left are merged: a key that stands in several rows gets one, and sums stay what they are.

The first row of a key takes the sums, so that the order in which keys came, by which some readers choose, stays; but
for histograms, whose lists DuckDB writes anew.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final

from logpipe.store.database import Store

_PIECE_ROWS: Final = 500_000
_PIECE_HISTOGRAMS: Final = 50_000
"""Rows looked at in one transaction, about: a piece is whole minutes."""


@dataclass(frozen=True, slots=True)
class _Summed:
    """A table whose rows may be summed by their keys."""

    keys: tuple[str, ...]
    sums: Mapping[str, str]
    """The aggregate of each other column."""
    piece: int = _PIECE_ROWS

    def merged(self, table: str, where: str) -> str:
        """SQL of what the rows of each key come to, where there are several, and their `ids`, in order."""
        return self._several(f"{table} WHERE {where}", *(f"{sql} AS {column}" for column, sql in self.sums.items()))

    def _several(self, relation: str, *columns: str) -> str:
        selected, keys = ", ".join(("list(rowid ORDER BY rowid) AS ids", *columns)), ", ".join(self.keys)
        return f"SELECT {selected} FROM {relation} GROUP BY {keys} HAVING count(*) > 1"


@dataclass(frozen=True, slots=True)
class _Histograms(_Summed):
    """The same of lists of buckets, which are summed one by one, of those rows alone that have the key in common."""

    def merged(self, table: str, where: str) -> str:
        return f"""
            SELECT any_value(ids) AS ids, list(struct_pack(bucket, events, sum_ms, max_ms)) AS buckets
            FROM (
                SELECT any_value(ids) AS ids, bucket, sum(events)::UBIGINT AS events, sum(sum_ms) AS sum_ms,
                    max(max_ms) AS max_ms
                FROM (
                    SELECT ids, unnest(buckets, recursive := true)
                    FROM {table} JOIN (
                        SELECT ids, unnest(ids) AS id FROM ({self._several(f"{table} WHERE {where}")})
                    ) ON rowid = id
                )
                GROUP BY ids[1], bucket
            )
            GROUP BY ids[1]
        """


_EVENTS: Final = ("events", "bytes")
TABLES: Final = {
    "rollup_minute": _Summed(
        (
            *("minute", "service", "environment", "version", "stream", "level", "severity"),
            *("http_status", "operation_kind", "operation"),
        ),
        {name: f"sum({name})::UBIGINT" for name in _EVENTS},
    ),
    "latency_histogram": _Histograms(
        ("minute", "service", "environment", "version", "operation_kind", "operation"),
        {"buckets": "buckets"},
        _PIECE_HISTOGRAMS,
    ),
    "pattern_cells": _Summed(
        ("minute", "series_id"),
        {"events": "sum(events)::UBIGINT", "source_pos": "min(source_pos)"},
    ),
    "expired": _Summed(
        ("minute", "source_id"), {name: f"sum({name})::UBIGINT" for name in ("events", "rejects", "bytes")}
    ),
}


def merge(store: Store) -> Generator[int, None, None]:
    """Merge the rows of all such tables, piece by piece; gives how many rows each piece, once committed, saved.

    Raises:
        StoreError: the store refused; what was merged is right.
    """
    for name, table in TABLES.items():
        for first, last in store.execute(
            f"""
            SELECT min(minute)::VARCHAR, max(minute)::VARCHAR
            FROM (
                SELECT minute, sum(rows) OVER (ORDER BY minute) - rows AS before
                FROM (SELECT minute, count(*) AS rows FROM {name} GROUP BY minute)
            )
            GROUP BY before // $piece ORDER BY min(minute)
            """,
            {"piece": table.piece},
        ):
            yield _merge(store, name, table, first, last)


def _merge(store: Store, name: str, table: _Summed, first: str | None, last: str | None) -> int:
    within = "(minute BETWEEN $first::TIMESTAMPTZ AND $last::TIMESTAMPTZ OR minute IS NULL)"
    with store.transaction() as connection:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE merged AS {table.merged(name, within)}", {"first": first, "last": last}
        )
        [(saved,)] = connection.execute("SELECT coalesce(sum(len(ids) - 1), 0)::BIGINT FROM merged").fetchall()
        if saved:
            sets = ", ".join(f"{column} = merged.{column}" for column in table.sums)
            connection.execute(f"UPDATE {name} SET {sets} FROM merged WHERE {name}.rowid = merged.ids[1]")
            connection.execute(f"DELETE FROM {name} WHERE rowid IN (SELECT unnest(ids[2:]) FROM merged)")
        connection.execute("DROP TABLE merged")
    return int(saved)
