"""Counting message patterns: each record is counted once, under what it says without what varies.

A cursor over the ledger says which records are counted; it moves in the transaction that counts them. What leaves the
store uncounted, or enters a range that is counted, is counted in the transaction that moves it: so the counts add up to
all records that ever stood in the store.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import duckdb

from logpipe.store import rollup
from logpipe.store.attached import AttachedConnection
from logpipe.store.database import Store
from logpipe.store.kinds import counted_by_kind

CURSOR: Final = "patterns"

MAX_NEW_PATTERNS: Final = 2000
"""Patterns that one run may add for a service; what is beyond is counted by its first two words, the rarest and mildest
first, and where these are as many again, as `<*>`."""

STEP_EVENTS: Final = 10_000_000
"""Events that are counted in one transaction, about: their counts are held in memory."""

_MOST_LOOKED_UP: Final = 2000
"""Positions that a statement names; where there are more, it joins them, and so reads all events."""

_TOLD: Final = 2000
"""Characters of a message that are looked at: `message_masked` looks at no more."""

_STEP: Final = """
SELECT max(ledger_id)
FROM (
    SELECT ledger_id, sum(events) OVER (ORDER BY ledger_id) - events AS before
    FROM ledger
    WHERE ledger_id > (SELECT coalesce(max(position), 0) FROM cursors WHERE name = $cursor)
)
WHERE before < $most
"""

# Ranges of bytes not yet mined; those that touch are one, so that few ranges meet many records.
_RANGES: Final = """
CREATE OR REPLACE TEMP TABLE unmined AS
SELECT source_id, min(from_pos) AS from_pos, max(to_pos) AS to_pos
FROM (
    SELECT *, sum(parted::INTEGER) OVER (PARTITION BY source_id ORDER BY from_pos, to_pos) AS island
    FROM (
        SELECT source_id, from_pos, to_pos,
            coalesce(from_pos > max(to_pos) OVER (PARTITION BY source_id ORDER BY from_pos, to_pos
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS parted
        FROM ledger
        WHERE ledger_id > $position AND ledger_id <= $last AND to_pos > from_pos
    )
)
GROUP BY source_id, island
"""
_UNMINED: Final = "JOIN unmined USING (source_id) WHERE source_pos >= from_pos AND source_pos < to_pos"
_MINED: Final = "ANTI JOIN unmined AS u ON u.source_id = e.source_id AND source_pos >= from_pos AND source_pos < to_pos"

# What each event is counted by. Its `kind` is all that tells it from others of its minute, as a hash of 64 bits: groups
# are found much faster by two numbers than by texts. Of a message no more is told than is masked.
_STATED: Final = f"""
SELECT coalesce({rollup.MINUTE}, ts, '-infinity') AS minute, coalesce(service, '') AS service, severity, source_id,
    source_pos, exception_type,
    stated_template(stream, http_method, http_route, template, message, exception_type, event) AS stated,
    CASE WHEN stated IS NULL THEN CASE WHEN strlen(message) <= {_TOLD} THEN message ELSE left(message, {_TOLD}) END END
        AS said
FROM {{relation}}
"""
_KEYED: Final = f"""
SELECT *, hash(service, severity, source_id, stated, CASE WHEN stated IS NULL THEN exception_type END) AS key
FROM ({_STATED})
"""
_KIND: Final = "xor(key, hash(message_masked(said)))"
_COUNTED_BY_OWNER: Final = f"""
CREATE OR REPLACE TEMP TABLE counted AS
SELECT minute, {_KIND} AS kind, count(*) AS events, min(source_pos) AS source_pos
FROM ({_KEYED})
GROUP BY minute, kind
"""
_KINDS: Final = """
CREATE OR REPLACE TEMP TABLE kinds AS
SELECT kind, sum(events) AS events, min(minute) AS first_seen, max(minute) AS last_seen, min(source_pos) AS source_pos
FROM counted
GROUP BY kind
"""
# Texts are not held while counting: those of an event of each kind, and of the few at its position in other sources,
# are read once more.
_NAMED: Final = f"""
CREATE OR REPLACE TEMP TABLE named AS
SELECT DISTINCT ON (kind) kind, service, severity, source_id, stated IS NULL AS mined,
    left(coalesce(stated, masked_template(concat_ws(': ', exception_type, message_masked(said)))), 500) AS template,
    kinds.events, first_seen, last_seen
FROM (SELECT *, {_KIND} AS kind FROM ({_KEYED.format(relation="(FROM {relation} {examples})")}))
JOIN kinds USING (kind)
"""
_BOUNDED: Final = """
UPDATE named SET template = {instead}
WHERE (service, template) IN (
    SELECT (service, template)
    FROM (SELECT service, template, max(severity) AS worst, sum(events) AS events FROM named GROUP BY service, template)
    WHERE pattern_id_of(template) NOT IN (SELECT pattern_id FROM patterns)
    QUALIFY row_number() OVER (PARTITION BY service ORDER BY worst DESC, events DESC, template) > $most
)
"""
_PATTERNS: Final = """
CREATE OR REPLACE TEMP TABLE mined_patterns AS
SELECT pattern_id_of(template) AS pattern_id, template, bool_and(mined) AS mined, min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM named GROUP BY template
"""
_KNOWN: Final = """
UPDATE patterns SET first_seen = least(patterns.first_seen, new.first_seen),
    last_seen = greatest(patterns.last_seen, new.last_seen), mined = patterns.mined AND new.mined
FROM mined_patterns AS new WHERE patterns.pattern_id = new.pattern_id
"""
_NEW: Final = (
    "INSERT INTO patterns BY NAME FROM mined_patterns WHERE pattern_id NOT IN (SELECT pattern_id FROM patterns)"
)
# Kinds that are one pattern are one series, and leave several rows of a minute, which are summed when read, or merged.
# Numbers grow, and in a run the most frequent come first: readers that take but some series choose by this order.
_SERIES: Final = """
INSERT INTO pattern_series
SELECT (SELECT coalesce(max(series_id), 0) FROM pattern_series)
    + row_number() OVER (ORDER BY events DESC, service, severity, pattern_id, source_id),
    service, severity, pattern_id, source_id
FROM (
    SELECT service, severity, pattern_id_of(template) AS pattern_id, source_id, sum(events) AS events
    FROM named GROUP BY ALL
)
ANTI JOIN pattern_series USING (service, severity, pattern_id, source_id)
"""
_SERIES_OF: Final = """
CREATE OR REPLACE TEMP TABLE series_of AS
SELECT kind, series_id
FROM (SELECT *, pattern_id_of(template) AS pattern_id FROM named)
JOIN pattern_series USING (service, severity, pattern_id, source_id)
"""
# Each has one: an inner join would have Arrow filter the counts by the kinds first.
_CELLS: Final = """
INSERT INTO pattern_cells
SELECT minute, series_id, events, source_pos FROM counted LEFT JOIN series_of USING (kind)
"""
_FORGOTTEN: Final = """
DELETE FROM pattern_cells WHERE series_id IN (SELECT series_id FROM pattern_series WHERE source_id = ?)
"""
_AGAIN: Final = """
CREATE OR REPLACE TEMP TABLE mined_patterns AS
SELECT pattern_id, min(minute) AS first_seen, max(minute) AS last_seen FROM pattern_minute GROUP BY pattern_id
"""
_LEFT: Final = """
UPDATE patterns SET first_seen = left_over.first_seen, last_seen = left_over.last_seen
FROM mined_patterns AS left_over WHERE patterns.pattern_id = left_over.pattern_id
"""


def mine(store: Store) -> int:
    """Count the patterns of the records that no run has seen; returns how many records these were.

    Many are counted in several transactions, each for itself a run.

    Raises:
        StoreError: the store cannot be read or written.
    """
    counted = 0
    while (last := _end_of_step(store)) is not None:
        with store.transaction() as connection:
            where = _find_unmined(connection, last)
            counted += _count(connection, f"(SELECT events.* FROM events {_UNMINED} AND {where})")
            connection.execute("DELETE FROM cursors WHERE name = ?", [CURSOR])
            connection.execute("INSERT INTO cursors VALUES (?, ?, ?)", [CURSOR, last, datetime.now(UTC)])
            connection.execute("DROP TABLE unmined")
    return counted


def mine_leaving(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Count those events of a table that no run has seen, before they leave the store."""
    _find_unmined(connection)
    _count(connection, f"(SELECT e.* FROM {relation} AS e {_UNMINED})")
    connection.execute("DROP TABLE unmined")


def mine_entering(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Count those events of a table that enter ranges which a run has seen, and which no other will look at."""
    _find_unmined(connection)
    _count(connection, f"(SELECT e.* FROM {relation} AS e {_MINED})")
    connection.execute("DROP TABLE unmined")


def mine_anew(connection: duckdb.DuckDBPyConnection, source_id: int) -> None:
    """Have the patterns of a source counted anew: those counted are forgotten, and its ledger entries get new numbers.

    None of its events may have expired: their patterns would be forgotten with the others.
    """
    connection.execute(_FORGOTTEN, [source_id])
    connection.execute("DELETE FROM pattern_series WHERE source_id = ?", [source_id])
    connection.execute("UPDATE ledger SET ledger_id = nextval('ledger_ids') WHERE source_id = ?", [source_id])
    connection.execute(_AGAIN)
    connection.execute("DELETE FROM patterns WHERE pattern_id NOT IN (SELECT pattern_id FROM mined_patterns)")
    connection.execute(_LEFT)
    connection.execute("DROP TABLE mined_patterns")


def _end_of_step(store: Store) -> int | None:
    """The last entry of the ledger that is counted in the next transaction; None where all are."""
    [(last,)] = store.execute(_STEP, {"cursor": CURSOR, "most": STEP_EVENTS})
    return None if last is None else int(last)


def _find_unmined(connection: duckdb.DuckDBPyConnection, last: int | None = None) -> str:
    """Make a table of the ranges that were not mined; returns a condition that holds for all, of which groups of rows
    are known to have none without being read."""
    [(position,)] = connection.execute(
        "SELECT coalesce(max(position), 0) FROM cursors WHERE name = ?", [CURSOR]
    ).fetchall()
    connection.execute(_RANGES, {"position": position, "last": 2**62 if last is None else last})
    [(first, end)] = connection.execute(
        "SELECT coalesce(min(from_pos), 0), coalesce(max(to_pos), 0) FROM unmined"
    ).fetchall()
    return f"source_pos >= {first} AND source_pos < {end}"


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Count the events of a relation; returns how many they are."""
    with _counted(connection, relation):
        connection.execute(_KINDS)
        connection.execute(_NAMED.format(relation=relation, examples=_examples(connection)))
        for instead in ("coarse_template(template)", "'<*>'"):
            connection.execute(_BOUNDED.format(instead=instead), {"most": MAX_NEW_PATTERNS})
        connection.execute(_PATTERNS)
        for statement in (_KNOWN, _NEW, _SERIES, _SERIES_OF, _CELLS):
            connection.execute(statement)
    [(counted,)] = connection.execute("SELECT coalesce(sum(events), 0)::BIGINT FROM named").fetchall()
    for table in ("kinds", "named", "mined_patterns", "series_of"):
        connection.execute(f"DROP TABLE {table}")
    return int(counted)


@contextmanager
def _counted(connection: duckdb.DuckDBPyConnection, relation: str) -> Iterator[None]:
    """There is a table `counted` of the events of each minute and kind."""
    if isinstance(connection, AttachedConnection):
        connection.execute(_COUNTED_BY_OWNER.format(relation=relation))
        yield
        connection.execute("DROP TABLE counted")
        return
    selected = f"SELECT minute, key, source_pos, said FROM ({_KEYED.format(relation=relation)})"
    connection.register("counted", counted_by_kind(connection, selected))
    yield
    connection.unregister("counted")


def _examples(connection: duckdb.DuckDBPyConnection) -> str:
    """What leaves the events at the positions of the kinds: few are looked up, and not all events read."""
    positions = connection.execute(f"SELECT DISTINCT source_pos FROM kinds LIMIT {_MOST_LOOKED_UP + 1}").fetchall()
    if len(positions) > _MOST_LOOKED_UP:
        return "SEMI JOIN kinds USING (source_pos)"
    return f"WHERE source_pos IN ({', '.join(str(position) for (position,) in positions)})" if positions else "LIMIT 0"
