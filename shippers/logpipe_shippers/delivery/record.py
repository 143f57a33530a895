"""What the store knows of each target: how far it has come, how it fares, and what its receiver would not take."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import duckdb

from logpipe.errors import ReceiverError
from logpipe.store import Store
from logpipe_shippers.delivery.backlog import Cursor
from logpipe_shippers.delivery.shipper import Delivery, Refusal

TABLES: Final = ("shipping", "refusals", "alerts_sent", "loki_streams", "notifications")
"""Those that know of targets."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Overtaken(ReceiverError):  # noqa: N818 - a state
    """Another process ships to the same target."""

    reason = "target_shared"


def cursor(store: Store, target: str) -> Cursor | None:
    """How far a target has come; None where it has not begun.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = store.execute(
        "SELECT ledger_id, next_pos, next_id, epoch_us(since) FROM shipping WHERE target = ? AND ledger_id IS NOT NULL",
        [target],
    )
    for ledger_id, next_pos, next_id, since_us in rows:
        since = None if since_us is None else _EPOCH + timedelta(microseconds=since_us)
        return Cursor(int(ledger_id), int(next_pos), int(next_id), since)
    return None


def settled(
    store: Store,
    target: str,
    delivery: Delivery,
    begun: Cursor | None = None,
    reached: Cursor | None = None,
    also: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> None:
    """A batch is done: its counts, its refusals, the cursor behind it and what `also` writes, together.

    `begun` is what `cursor` said when the batch was taken.

    Raises:
        StoreError: the store cannot be written.
        Overtaken: the cursor is not there any more; nothing is written.
    """
    with store.transaction() as connection:
        if reached is not None and cursor(store, target) != begun:
            raise Overtaken(
                f"another process ships to {target} as well, or it was forgotten",
                remedy="run one of them, or give the target another name",
            )
        _begin(connection, target)
        connection.execute(
            "UPDATE shipping SET accepted = accepted + $accepted, refused = refused + $refused, "
            "succeeded_at = $now, failing_since = NULL, error = NULL WHERE target = $target",
            {
                "target": target,
                "accepted": delivery.accepted,
                "refused": delivery.refused,
                "now": datetime.now(UTC),
            },
        )
        if reached is not None:
            connection.execute(
                "UPDATE shipping SET ledger_id = ?, next_pos = ?, next_id = ?, since = ? WHERE target = ?",
                [reached.ledger_id, reached.next_pos, reached.next_id, reached.since, target],
            )
        _refused(connection, target, delivery.refusals)
        if also is not None:
            also(connection)


def failing(store: Store, target: str, error: str, retries: int = 1) -> None:
    """The receiver does not take anything; said where somebody looks.

    Raises:
        StoreError: the store cannot be written.
    """
    with store.transaction() as connection:
        _begin(connection, target)
        connection.execute(
            "UPDATE shipping SET retries = retries + ?, error = ?, failing_since = coalesce(failing_since, ?) "
            "WHERE target = ?",
            [retries, error, datetime.now(UTC), target],
        )


def followed(store: Store, target: str) -> None:
    """From now on somebody is to be told when nothing is shipped to this target.

    Raises:
        StoreError: the store cannot be written.
    """
    store.execute("UPDATE shipping SET followed = TRUE WHERE target = ?", [target])


def targets(store: Store) -> list[str]:
    """Those that the store knows of, by name.

    Raises:
        StoreError: the store cannot be read.
    """
    return [target for (target,) in store.execute("SELECT target FROM shipping ORDER BY target")]


def forget(store: Store, target: str) -> None:
    """Nothing was ever shipped to this target.

    Raises:
        StoreError: the store cannot be written.
    """
    with store.transaction() as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table} WHERE target = ?", [target])


def _begin(connection: duckdb.DuckDBPyConnection, target: str) -> None:
    connection.execute(
        "INSERT INTO shipping BY NAME "
        "SELECT ? AS target, 0 AS accepted, 0 AS refused, 0 AS retries, FALSE AS followed "
        "WHERE NOT EXISTS (FROM shipping WHERE target = ?)",
        [target, target],
    )


def _refused(connection: duckdb.DuckDBPyConnection, target: str, refusals: Sequence[Refusal]) -> None:
    if not refusals:
        return
    columns = [[getattr(one, name) for one in refusals] for name in ("source_id", "source_pos", "ts", "reason")]
    connection.execute(
        "INSERT INTO refusals SELECT ?, unnest(?), unnest(?), unnest(?), unnest(?), ?",
        [target, *columns, datetime.now(UTC)],
    )
