"""Events in a store, as an ingest leaves them."""

from datetime import UTC, datetime

from logpipe.store import Store

START = datetime(2026, 3, 1, tzinfo=UTC)
LINE = 10


def add(store: Store, source_id: int, count: int, at: datetime = START) -> None:
    """An entry of the ledger with so many events, behind what the source has."""
    [(begin,)] = store.execute("SELECT coalesce(max(to_pos), 0) FROM ledger WHERE source_id = ?", [source_id])
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO events (ts, severity, service, message, source_id, source_pos, bytes) "
            "SELECT $at + to_seconds(n), 9, 'shop', 'event ' || n, $source, $begin + n * $line, $line "
            "FROM range($count) AS numbers (n)",
            {"at": at, "source": source_id, "begin": begin, "count": count, "line": LINE},
        )
        connection.execute(
            "INSERT INTO ledger VALUES (nextval('ledger_ids'), ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, '', '', now())",
            [source_id, begin, begin + count * LINE, count, count],
        )
