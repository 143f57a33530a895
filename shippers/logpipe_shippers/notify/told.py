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
SELECT target, thread, arg_min(group_key, number), arg_max(finding_ids, number), arg_max(severity, number),
    arg_min(title, number), max(number), epoch_us(min(due_at)), epoch_us(max(coalesce(sent_at, due_at))),
    bool_or(said = 'acknowledged'), bool_or(said = 'resolved')
FROM notifications
GROUP BY target, thread
HAVING NOT bool_or(said = 'resolved') OR max(due_at) >= $since
ORDER BY min(due_at), thread
"""
_UNSENT: Final = """
SELECT thread, number, group_key, said, finding_ids, severity, title
FROM notifications
WHERE target = ? AND sent_at IS NULL
"""
_RECENT: Final = """
SELECT count(*)
FROM notifications
WHERE target = $target AND sent_at > $since AND said IN ('problem', 'update') AND group_key <> $held
"""
_FINGERPRINTS: Final = """
SELECT DISTINCT thread, fingerprint
FROM (SELECT DISTINCT thread, unnest(finding_ids) AS finding_id FROM notifications WHERE target = ?)
JOIN findings USING (finding_id)
"""


@dataclass(frozen=True, slots=True)
class Thread:
    """What a channel was told of one problem."""

    target: str
    thread: str
    group_key: str
    finding_ids: tuple[str, ...]
    """Those that it was told of."""
    severity: Severity
    """The worst that was told."""
    title: str
    """Of its first message."""
    messages: int
    begun_at: datetime
    """When the first message was due: a channel that is down has been told nothing, and lets escalate all the same."""
    last_at: datetime
    acknowledged: bool
    """Whether it was told that somebody is at it."""
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
    severity: Severity
    title: str = ""
    """Of the thread's first message; empty while that is not written."""


def threads(store: Store, since: datetime) -> list[Thread]:
    """Of all channels: those that are open, and those resolved from `since` on.

    Raises:
        StoreError: the store cannot be read.
    """
    return [
        Thread(target, thread, key, tuple(ids), severity, title, number, _time(begun), _time(last), *states)
        for target, thread, key, ids, severity, title, number, begun, last, *states in store.execute(
            _THREADS, {"since": since}
        )
    ]


def unsent(store: Store, target: str) -> Planned | None:
    """The message of which it is not known whether it was sent."""
    for thread, number, key, said, ids, severity, title in store.execute(_UNSENT, [target]):
        return Planned(thread, number, key, said, tuple(ids), severity, title)
    return None


def messages_within_an_hour(store: Store, target: str, now: datetime) -> int:
    """Those that count against the limit."""
    [(count,)] = store.execute(_RECENT, {"target": target, "since": now - _HOUR, "held": HELD})
    return int(count)


def fingerprints(store: Store, target: str) -> Mapping[str, frozenset[str]]:
    """Of what each thread of a channel told of."""
    found: dict[str, set[str]] = {}
    for thread, fingerprint in store.execute(_FINGERPRINTS, [target]):
        found.setdefault(thread, set()).add(fingerprint)
    return {thread: frozenset(each) for thread, each in found.items()}


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
            "INSERT INTO notifications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            [
                target,
                planned.thread,
                planned.number,
                planned.group_key,
                planned.said,
                list(planned.finding_ids),
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
