"""What the database alone says of its sources: ledger, rows, what expired and roll-ups agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from logpipe.store import Store, rollup


@dataclass(frozen=True, slots=True)
class Problem:
    """A disagreement between the ledger, the rows, the roll-ups and the file of a source."""

    source_id: int | None
    """None, as the path, where it concerns all sources."""
    path: str | None
    reason: str
    detail: str


_PAGES: Final = """
SELECT min(source_id), max(source_id)
FROM (
    SELECT source_id, row_number() OVER (ORDER BY source_id) AS number,
        sum(coalesce(rows, 0)) OVER (ORDER BY source_id) - coalesce(rows, 0) AS before
    FROM sources
    LEFT JOIN (SELECT source_id, sum(events + rejects) AS rows FROM ledger GROUP BY source_id) USING (source_id)
)
GROUP BY number // 1000, before // 1_000_000
ORDER BY 1
"""

_HOLES: Final = """
SELECT source_id, path, 'ledger_hole', format('expected an entry from byte {}, found {}', expected, from_pos)
FROM (
    SELECT source_id, path, ledger_id, from_pos,
        coalesce(lag(to_pos) OVER (PARTITION BY source_id ORDER BY from_pos, ledger_id), copied_bytes) AS expected
    FROM ledger JOIN sources USING (source_id)
    WHERE source_id BETWEEN $first AND $last
)
WHERE from_pos <> expected
ORDER BY source_id, from_pos, ledger_id
"""

_UNACCOUNTED: Final = """
SELECT source_id, path, 'unaccounted_lines', format('bytes {} to {}: {} read, {} kept', from_pos, to_pos, read, kept)
FROM (SELECT *, lines + divided AS read, events + joined + blanks + rejects AS kept FROM ledger)
JOIN sources USING (source_id)
WHERE source_id BETWEEN $first AND $last AND read <> kept
ORDER BY source_id, from_pos, ledger_id
"""

_MISCOUNTED: Final = """
SELECT source_id, path, rows, places, entered, expired
FROM (
    SELECT source_id, path, coalesce(rows, 0) AS rows, coalesce(places, 0) AS places,
        coalesce(entered, 0) AS entered, coalesce(expired, 0) AS expired
    FROM (SELECT source_id, path FROM sources WHERE source_id BETWEEN $first AND $last)
    LEFT JOIN (
        SELECT source_id, count(*) AS rows, count(DISTINCT source_pos) AS places
        FROM {table} WHERE source_id BETWEEN $first AND $last GROUP BY source_id
    ) USING (source_id)
    LEFT JOIN (
        SELECT source_id, sum({table})::BIGINT AS entered
        FROM ledger WHERE source_id BETWEEN $first AND $last GROUP BY source_id
    ) USING (source_id)
    LEFT JOIN (
        SELECT source_id, sum({table})::BIGINT AS expired
        FROM expired WHERE source_id BETWEEN $first AND $last GROUP BY source_id
    ) USING (source_id)
)
WHERE rows + expired <> entered OR rows <> places
ORDER BY source_id
"""

_WRONG_MINUTES: Final = f"""
SELECT count(*), min(minute)::VARCHAR
FROM (
    SELECT minute
    FROM (
        SELECT minute, events::BIGINT AS events FROM rollup_minute
        UNION ALL SELECT {rollup.MINUTE}, -count(*) FROM events GROUP BY ALL
        UNION ALL SELECT minute, -events::BIGINT FROM expired WHERE minute IS NOT NULL
    )
    GROUP BY minute HAVING sum(events) <> 0
)
"""


def pages(store: Store) -> list[tuple[int, int]]:
    """The first and the last of some sources after the other: a thousand, or as many as have about a million rows."""
    return [(first, last) for first, last in store.execute(_PAGES)]


def check_accounts(store: Store, first: int, last: int) -> Iterator[Problem]:
    """Of these sources the ledger has no hole, and its counts equal the rows; to be asked in one transaction."""
    within: dict[str, object] = {"first": first, "last": last}
    for sql in (_HOLES, _UNACCOUNTED):
        yield from (Problem(*row) for row in store.execute(sql, within))
    for table in ("events", "rejects"):
        for source_id, path, rows, places, entered, expired in store.execute(_MISCOUNTED.format(table=table), within):
            if rows + expired != entered:
                detail = f"the ledger has {entered}, the table {rows}" + (f", and {expired} expired" if expired else "")
                yield Problem(source_id, path, f"missing_{table}", detail)
            if rows != places:
                yield Problem(source_id, path, f"repeated_{table}", f"{rows - places} rows stand twice at one position")


def check_rollups(store: Store) -> Iterator[Problem]:
    """The roll-ups count, minute by minute, the events that are there and those that retention removed."""
    [(minutes, first)] = store.execute(_WRONG_MINUTES)
    if minutes:
        yield Problem(None, None, "rollups_differ", f"in {minutes} minutes from {first}; logpipe rollup rebuild")
