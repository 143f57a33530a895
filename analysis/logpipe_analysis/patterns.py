"""Mining message patterns: each record is counted once under its message without what varies.

A cursor over the ledger says which records are counted; it moves in the transaction that counts them.
"""

from datetime import UTC, datetime

from logpipe.store import Store

CURSOR = "patterns"

MAX_NEW_PATTERNS = 2000
"""Patterns that one run may add for a service; what is beyond is counted as `<*>`, the rarest and mildest first."""

# Ranges of bytes not yet mined; those that touch are one, so that few ranges meet many records.
_RANGES = """
CREATE OR REPLACE TEMP TABLE unmined AS
SELECT source_id, min(from_pos) AS from_pos, max(to_pos) AS to_pos
FROM (
    SELECT *, sum(parted::INTEGER) OVER (PARTITION BY source_id ORDER BY from_pos, to_pos) AS island
    FROM (
        SELECT source_id, from_pos, to_pos,
            coalesce(from_pos > max(to_pos) OVER (PARTITION BY source_id ORDER BY from_pos, to_pos
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS parted
        FROM ledger
        WHERE ledger_id > $position AND ledger_id <= $last AND events > 0
    )
)
GROUP BY source_id, island
"""

_MINED = """
CREATE OR REPLACE TEMP TABLE mined AS
SELECT date_trunc('minute', ts) AS minute, coalesce(service, '') AS service, severity,
    left(concat_ws(': ', exception_type, message_template(coalesce(template, message))), 500) AS template, source_id,
    count(*) AS events, min(source_pos) AS source_pos
FROM events
JOIN unmined USING (source_id)
WHERE source_pos >= from_pos AND source_pos < to_pos
    AND ts IS NOT NULL AND stream IS DISTINCT FROM 'access' AND coalesce(template, message, exception_type) IS NOT NULL
GROUP BY ALL
"""

_BOUNDED = """
UPDATE mined SET template = '<*>'
WHERE (service, template) IN (
    SELECT (service, template)
    FROM (SELECT service, template, max(severity) AS worst, sum(events) AS events FROM mined GROUP BY ALL)
    WHERE md5(template)[:12] NOT IN (SELECT pattern_id FROM patterns)
    QUALIFY row_number() OVER (PARTITION BY service ORDER BY worst DESC, events DESC, template) > $most
)
"""


def mine(store: Store) -> int:
    """Count the patterns of the records that no run has seen; returns how many records these were.

    Records of access logs are left out: their routes are counted as operations.
    """
    rows = store.execute("SELECT coalesce(max(position), 0) FROM cursors WHERE name = ?", [CURSOR])
    position = int(rows[0][0])
    last = int(store.execute("SELECT coalesce(max(ledger_id), 0) FROM ledger")[0][0])
    if last <= position:
        return 0
    with store.transaction() as connection:
        connection.execute(_RANGES, {"position": position, "last": last})
        connection.execute(_MINED)
        connection.execute(_BOUNDED, {"most": MAX_NEW_PATTERNS})
        connection.execute(
            "INSERT INTO patterns SELECT DISTINCT md5(template)[:12] AS pattern_id, template FROM mined "
            "WHERE pattern_id NOT IN (SELECT pattern_id FROM patterns)"
        )
        connection.execute(
            "INSERT INTO pattern_minute SELECT minute, service, severity, md5(template)[:12], sum(events), source_id, "
            "min(source_pos) FROM mined GROUP BY ALL"
        )
        counted = connection.execute("SELECT coalesce(sum(events), 0)::BIGINT FROM mined").fetchall()
        connection.execute("DELETE FROM cursors WHERE name = ?", [CURSOR])
        connection.execute("INSERT INTO cursors VALUES (?, ?, ?)", [CURSOR, last, datetime.now(UTC)])
        connection.execute("DROP TABLE mined")
        connection.execute("DROP TABLE unmined")
    return int(counted[0][0])
