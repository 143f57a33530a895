"""Stores with events as an ingest leaves them: with their entries of the ledger."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from logpipe.store import Store

NOW = datetime.now(UTC).replace(microsecond=0)
"""Of the tests, near enough."""


def add(store: Store, *rows: Mapping[str, object], source_id: int = 1) -> None:
    """Events behind what the source has, each in a line of ten bytes, as one entry of the ledger."""
    [(begin,)] = store.execute("SELECT coalesce(max(to_pos), 0) FROM ledger WHERE source_id = ?", [source_id])
    with store.transaction() as connection:
        for number, row in enumerate(rows):
            whole: dict[str, object] = {
                "ts": NOW - timedelta(minutes=5),
                "service": "web",
                "message": "hello",
                "severity": 0,
                "source_id": source_id,
                "source_pos": begin + number * 10,
                "bytes": 10,
                **row,
            }
            connection.execute(
                f"INSERT INTO events ({', '.join(whole)}) VALUES ({', '.join('?' * len(whole))})", list(whole.values())
            )
        _enter(store, source_id, begin, len(rows))


def add_many(
    store: Store, count: int, *, source_id: int = 1, since: datetime, step: timedelta, message: str = "'m' || n"
) -> None:
    """So many events of one service, `step` apart; `message` is SQL of their number n."""
    [(begin,)] = store.execute("SELECT coalesce(max(to_pos), 0) FROM ledger WHERE source_id = ?", [source_id])
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO events (ts, severity, level, service, message, source_id, source_pos, bytes) "
            f"SELECT $since + n * $step, 9, 'INFO', 'web', {message}, $source, $begin + n * 10, 10 "
            "FROM range($count) AS numbers (n)",
            {"since": since, "step": step, "source": source_id, "begin": begin, "count": count},
        )
        _enter(store, source_id, begin, count)


def _enter(store: Store, source_id: int, begin: int, count: int) -> None:
    store.connection.execute(
        "INSERT INTO ledger VALUES (nextval('ledger_ids'), ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, '', '', now())",
        [source_id, begin, begin + count * 10, count, count],
    )
