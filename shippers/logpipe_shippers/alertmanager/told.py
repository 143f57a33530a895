"""What Alertmanager was told, and has not been told the end of: the table `alerts_sent`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import orjson

from logpipe.store import Store
from logpipe_shippers.alertmanager.alert import Alert, Labels

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """One alert that was sent."""

    labels: Labels
    sent_at: datetime
    """The first time with these labels."""
    refused: bool
    """Whether Alertmanager would not have it."""


def load(store: Store, target: str) -> Mapping[str, Told]:
    """By the finding's id.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = store.execute(
        "SELECT finding_id, labels::VARCHAR, epoch_us(sent_at), state = 'refused' FROM alerts_sent WHERE target = ?",
        [target],
    )
    return {
        finding_id: Told(orjson.loads(labels), _EPOCH + timedelta(microseconds=sent_us), refused)
        for finding_id, labels, sent_us, refused in rows
    }


def write(
    connection: duckdb.DuckDBPyConnection,
    target: str,
    sent: Sequence[tuple[Alert, bool]],
    gone: Iterable[str],
) -> None:
    """Replace what is known of the findings of `sent` alerts, each with whether it was refused; forget `gone` ones."""
    firing = [
        [target, one.finding_id, orjson.dumps(one.labels).decode(), "refused" if refused else "firing", one.starts_at]
        for one, refused in sent
        if one.ended_at is None
    ]
    for finding_id in {*(one.finding_id for one, _ in sent), *gone}:
        connection.execute("DELETE FROM alerts_sent WHERE target = ? AND finding_id = ?", [target, finding_id])
    for row in firing:
        connection.execute("INSERT INTO alerts_sent VALUES (?, ?, ?, ?, ?)", row)
