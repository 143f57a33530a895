"""Counting message patterns: each record is counted once, under what it says without what varies.

A cursor over the ledger says which records are counted; it moves in the transaction that counts them. What leaves the
store uncounted, or enters a range that is counted, is counted in the transaction that moves it: so the counts add up to
all records that ever stood in the store.
"""

from datetime import UTC, datetime
from typing import Final

import duckdb

from logpipe.store import rollup
from logpipe.store.database import Store

CURSOR: Final = "patterns"

MAX_NEW_PATTERNS: Final = 2000
"""Patterns that one run may add for a service; what is beyond is counted by its first two words, the rarest and mildest
first, and where these are as many again, as `<*>`."""

_SPREAD_OVER: Final = 100_000
_MASKED_BEFORE: Final = 1_000_000
"""Events by which is seen whether messages with values come again, and whose messages are then masked once."""

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
# are found much faster by two numbers than by texts.
_STATED: Final = f"""
SELECT coalesce({rollup.MINUTE}, ts, '-infinity') AS minute, coalesce(service, '') AS service, severity, source_id,
    source_pos, exception_type,
    stated_template(stream, http_method, http_route, template, message, exception_type, event) AS stated,
    CASE WHEN stated IS NULL THEN message END AS said
FROM {{relation}}
"""
_SAID: Final = f"""
SELECT *, hash(service, severity, source_id, mined, text) AS kind
FROM (
    SELECT minute, service, severity, source_id, source_pos, stated IS NULL AS mined,
        CASE
            WHEN stated IS NOT NULL THEN stated
            WHEN exception_type IS NULL THEN {{masked}}
            ELSE concat_ws(': ', exception_type, {{masked}})
        END AS text
    FROM ({_STATED}) {{join}}
)
"""
_SPREAD: Final = f"""
SELECT approx_count_distinct(said), count(said)
FROM ({_STATED.format(relation=f"(FROM {{relation}} LIMIT {_SPREAD_OVER})")})
WHERE said <> message_masked(said)
"""
_MASKED: Final = f"""
CREATE OR REPLACE TEMP TABLE masked AS
SELECT said, message_masked(said) AS masked
FROM (
    SELECT DISTINCT said
    FROM ({_STATED.format(relation=f"(FROM {{relation}} LIMIT {_MASKED_BEFORE})")})
    WHERE said IS NOT NULL
)
"""
_ON_THE_WAY: Final = {"masked": "message_masked(said)", "join": ""}
_ONCE: Final = {
    "masked": "CASE WHEN masked IS NULL THEN message_masked(said) ELSE masked END",
    "join": "LEFT JOIN masked USING (said)",
}
_COUNTED: Final = f"""
CREATE OR REPLACE TEMP TABLE counted AS
SELECT minute, kind, count(*) AS events, min(source_pos) AS source_pos
FROM ({_SAID})
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
SELECT DISTINCT ON (kind) kind, service, severity, source_id, mined,
    left(CASE WHEN mined THEN masked_template(text) ELSE text END, 500) AS template,
    kinds.events, first_seen, last_seen
FROM ({_SAID.format(relation="(FROM {relation} SEMI JOIN kinds USING (source_pos))", **_ON_THE_WAY)})
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
# Kinds that are one pattern leave several rows of a key, which are summed when they are read, or merged.
_MINUTES: Final = """
INSERT INTO pattern_minute
SELECT minute, service, severity, pattern_id, counted.events, source_id, source_pos
FROM counted
JOIN (SELECT kind, service, severity, source_id, pattern_id_of(template) AS pattern_id FROM named) USING (kind)
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

    Raises:
        StoreError: the store cannot be read or written.
    """
    last = int(store.execute("SELECT coalesce(max(ledger_id), 0) FROM ledger")[0][0])
    if last <= int(store.execute("SELECT coalesce(max(position), 0) FROM cursors WHERE name = ?", [CURSOR])[0][0]):
        return 0
    with store.transaction() as connection:
        _find_unmined(connection, last)
        counted = _count(connection, f"(SELECT events.* FROM events {_UNMINED})")
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
    connection.execute("DELETE FROM pattern_minute WHERE source_id = ?", [source_id])
    connection.execute("UPDATE ledger SET ledger_id = nextval('ledger_ids') WHERE source_id = ?", [source_id])
    connection.execute(_AGAIN)
    connection.execute("DELETE FROM patterns WHERE pattern_id NOT IN (SELECT pattern_id FROM mined_patterns)")
    connection.execute(_LEFT)
    connection.execute("DROP TABLE mined_patterns")


def _find_unmined(connection: duckdb.DuckDBPyConnection, last: int | None = None) -> None:
    [(position,)] = connection.execute(
        "SELECT coalesce(max(position), 0) FROM cursors WHERE name = ?", [CURSOR]
    ).fetchall()
    connection.execute(_RANGES, {"position": position, "last": 2**62 if last is None else last})


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Count the events of a relation; returns how many they are."""
    _count_kinds(connection, relation)
    for statement in (_KINDS, _NAMED):
        connection.execute(statement.format(relation=relation))
    for instead in ("coarse_template(template)", "'<*>'"):
        connection.execute(_BOUNDED.format(instead=instead), {"most": MAX_NEW_PATTERNS})
    connection.execute(_PATTERNS)
    for statement in (_KNOWN, _NEW, _MINUTES):
        connection.execute(statement)
    [(counted,)] = connection.execute("SELECT coalesce(sum(events), 0)::BIGINT FROM named").fetchall()
    for table in ("counted", "kinds", "named", "mined_patterns"):
        connection.execute(f"DROP TABLE {table}")
    return int(counted)


def _count_kinds(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Mask messages that come again once; never more of them than are held at a time, so the rest on the way."""
    [(distinct, messages)] = connection.execute(_SPREAD.format(relation=relation)).fetchall()
    if distinct > messages / 2 or not messages:
        connection.execute(_COUNTED.format(relation=relation, **_ON_THE_WAY))
        return
    connection.execute(_MASKED.format(relation=relation))
    connection.execute(_COUNTED.format(relation=relation, **_ONCE))
    connection.execute("DROP TABLE masked")
