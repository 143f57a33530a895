"""What people were told: the table `notifications`, a row a message, which is written before it is sent.

So whoever takes up after a kill sends that message again as what it was, and receivers know it by its thread and
number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import duckdb

from logpipe.store import Store
from logpipe_analysis.finding import Severity

Said = Literal["problem", "update", "acknowledged", "resolved", "test"]

HELD: Final = "held"
"""The group of what is beyond the limit of messages."""

_HOUR: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_THREADS: Final = """
SELECT target, thread, arg_min(group_key, number), arg_max(severity, number), arg_min(title, number), max(number),
    epoch_us(max(coalesce(sent_at, due_at))), coalesce(max(number) FILTER (said = 'acknowledged'), 0),
    bool_or(said = 'resolved')
FROM notifications
GROUP BY target, thread
HAVING NOT bool_or(said = 'resolved') OR max(due_at) >= $since
ORDER BY min(due_at), thread
"""
_TELLINGS: Final = """
SELECT target, thread, finding_id, min(number), epoch_us(min(due_at)),
    epoch_us(min(due_at) FILTER (list_contains(critical_ids, finding_id)))
FROM (
    SELECT target, thread, number, due_at, critical_ids, unnest(finding_ids) AS finding_id,
        generate_subscripts(finding_ids, 1) AS place
    FROM notifications
    WHERE list_contains($threads, thread)
)
GROUP BY target, thread, finding_id
ORDER BY max(place)
"""
_UNSENT: Final = """
SELECT thread, number, group_key, said, finding_ids, critical_ids, severity, title
FROM notifications
WHERE target = ? AND sent_at IS NULL
"""
_RECENT: Final = """
SELECT count(*)
FROM notifications
WHERE target = $target AND sent_at > $since AND said IN ('problem', 'update') AND group_key <> $held
"""
_FINGERPRINTS: Final = """
SELECT thread, fingerprint, bool_or(list_contains(critical_ids, finding_id))
FROM (SELECT thread, critical_ids, unnest(finding_ids) AS finding_id FROM notifications WHERE target = ?)
JOIN findings USING (finding_id)
GROUP BY thread, fingerprint
"""


@dataclass(frozen=True, slots=True)
class Telling:
    """When a thread told of a finding first."""

    number: int
    """Of the message."""
    at: datetime
    """When that was due: a channel that is down has been told nothing, and lets escalate all the same."""
    critical_at: datetime | None
    """When it was told of as critical."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What a channel was told of one problem."""

    target: str
    thread: str
    group_key: str
    tellings: Mapping[str, Telling]
    """Of the findings that it was told of."""
    severity: Severity
    """The worst that was told."""
    title: str
    """Of its first message."""
    messages: int
    last_at: datetime
    acknowledged_in: int
    """The number of the last message that said that somebody is at it; 0 where none did."""
    resolved: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A message, as the table has it."""

    thread: str
    number: int
    """1 for the first of its thread."""
    group_key: str
    said: Said
    finding_ids: tuple[str, ...]
    """All that the thread tells of."""
    critical_ids: tuple[str, ...]
    """Those that it tells of as critical, or did."""
    severity: Severity
    title: str = ""
    """Of the thread's first message; empty while that is not written."""


def threads(store: Store, since: datetime) -> list[Thread]:
    """Of all channels: those that are open, and those resolved from `since` on.

    Raises:
        StoreError: the store cannot be read.
    """
    rows = store.execute(_THREADS, {"since": since})
    tellings: dict[tuple[str, str], dict[str, Telling]] = {(target, thread): {} for target, thread, *_ in rows}
    for target, thread, each, number, at, critical in store.execute(_TELLINGS, {"threads": [row[1] for row in rows]}):
        tellings[target, thread][each] = Telling(number, _time(at), None if critical is None else _time(critical))
    return [
        Thread(target, thread, key, tellings[target, thread], severity, title, number, _time(last), *states)
        for target, thread, key, severity, title, number, last, *states in rows
    ]


def unsent(store: Store, target: str) -> Planned | None:
    """The message of which it is not known whether it was sent."""
    for thread, number, key, said, ids, critical, severity, title in store.execute(_UNSENT, [target]):
        return Planned(thread, number, key, said, tuple(ids), tuple(critical), severity, title)
    return None


def messages_within_an_hour(store: Store, target: str, now: datetime) -> int:
    """Those that count against the limit."""
    [(count,)] = store.execute(_RECENT, {"target": target, "since": now - _HOUR, "held": HELD})
    return int(count)


def fingerprints(store: Store, target: str) -> Mapping[str, Mapping[str, bool]]:
    """Of what each thread of a channel told of; whether it did so as critical."""
    found: dict[str, dict[str, bool]] = {}
    for thread, fingerprint, critical in store.execute(_FINGERPRINTS, [target]):
        found.setdefault(thread, {})[fingerprint] = critical
    return found


def finding_ids_before(store: Store, target: str, planned: Planned) -> frozenset[str]:
    """What its thread told of before a message."""
    rows = store.execute(
        "SELECT DISTINCT unnest(finding_ids) FROM notifications WHERE target = ? AND thread = ? AND number < ?",
        [target, planned.thread, planned.number],
    )
    return frozenset(each for (each,) in rows)


def begin(store: Store, target: str, planned: Planned, now: datetime) -> None:
    """Write that a message is to be sent.

    Raises:
        StoreError: the store cannot be written.
    """
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO notifications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                target,
                planned.thread,
                planned.number,
                planned.group_key,
                planned.said,
                list(planned.finding_ids),
                list(planned.critical_ids),
                planned.severity,
                planned.title,
                now,
            ],
        )


def sent(connection: duckdb.DuckDBPyConnection, target: str, planned: Planned, now: datetime) -> None:
    """Write that it is done with."""
    connection.execute(
        "UPDATE notifications SET sent_at = ? WHERE target = ? AND thread = ? AND number = ?",
        [now, target, planned.thread, planned.number],
    )


def incidents(store: Store) -> Mapping[str, str]:
    """The incident of each finding that is in one."""
    return dict(store.execute("SELECT unnest(finding_ids), incident_id FROM incidents"))


def paths(store: Store, source_ids: Sequence[int]) -> Mapping[int, str]:
    """Of the files that lines are quoted from."""
    known = store.execute("SELECT source_id, path FROM sources")
    return {source_id: path for source_id, path in known if source_id in source_ids}


def _time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
