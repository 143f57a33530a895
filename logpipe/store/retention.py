"""Removing what is too old or too much: by age per stream and level, by the size of the file, by the room left.

Roll-ups outlive the events they count, and what was removed is entered in `expired`, so that the ledger still adds up.
A removal comes in pieces, each one transaction of about `PIECE_EVENTS`; between two of them anything may happen.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from logpipe.errors import StoreError, StoreFull
from logpipe.store import rollup
from logpipe.store.database import ROW_GROUP, Store
from logpipe.store.mining import mine_leaving
from logpipe.store.row_groups import RowGroups, row_groups, write_again
from logpipe.store.volume import Volume, measure

PIECE_EVENTS: Final = 250_000
"""A piece is whole minutes, and so may be larger where one minute is."""

_LEAST_PART: Final = 20
"""A row group of events goes at least, so that it is not done again for each few, or this part of fewer events."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept. Where the limits of a stream and of a level meet, the shorter one holds; both precede `default`."""

    streams: Mapping[str, timedelta] = field(default_factory=dict)
    """How long the events of a stream are kept, by their own time."""
    levels: Mapping[str, timedelta] = field(default_factory=dict)
    """How long the events of a level are kept."""
    default: timedelta | None = None
    """How long all other events are kept; None: for ever. The same of what receivers refused."""
    rejects: timedelta | None = None
    """How long rejected lines are kept, from when they were read."""
    max_bytes: int | None = None
    """The most that the database may hold; beyond it the oldest events go."""
    min_room_bytes: int | None = None
    """What the volume and the database's own free blocks must have left; below it the oldest events go."""

    @property
    def empty(self) -> bool:
        """Whether everything is kept."""
        return not (self.streams or self.levels) and all(
            limit is None for limit in (self.default, self.rejects, self.max_bytes, self.min_room_bytes)
        )

    @property
    def limits_size(self) -> bool:
        """Whether events go by how much room they take."""
        return self.max_bytes is not None or self.min_room_bytes is not None


@dataclass(frozen=True, slots=True)
class Share:
    """Events of one stream and level, or rejects."""

    what: str
    """`events` or `rejects`."""
    stream: str | None
    level: str | None
    count: int
    bytes: int
    """Of their lines as they stood in the logs."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """Which rows; the parameters are bound by name."""

    sql: str
    parameters: dict[str, object]


_EVERY: Final = _Condition("true", {})


def expiring(store: Store, policy: Policy, now: datetime) -> list[Share]:
    """What `retain` would remove for its age; nothing is changed. What goes by size: `too_many`."""
    aged = _aged(policy, now)
    rows = [] if aged is None else _shares(store, "events", "stream, level", aged)
    rejected = _rejected(policy, now)
    if rejected is not None:
        rows += _shares(store, "rejects", "NULL, NULL", rejected)
    return rows


def too_many(store: Store, policy: Policy) -> int:
    """About how many of the oldest events `shrink` would remove now; by how much room events take on average.

    Raises:
        StoreError: the store refused.
    """
    volume, groups = measure(store), row_groups(store)
    if not (over := excess_bytes(policy, volume)):
        return 0
    return max(0, min(groups.events, _events_in(over, groups, volume) - groups.freeable))


def excess_bytes(policy: Policy, volume: Volume) -> int:
    """How much more the database holds than the policy allows it."""
    by_size = volume.used - policy.max_bytes if policy.max_bytes is not None else 0
    room = volume.room
    by_room = policy.min_room_bytes - room if policy.min_room_bytes is not None and room is not None else 0
    return max(0, by_size, by_room)


def retain(store: Store, policy: Policy, now: datetime) -> Generator[list[Share], None, None]:
    """Remove what the policy does not keep, piece by piece; gives what each piece removed, once it is committed.

    Raises:
        StoreError: the store refused; what was removed before stays removed.
    """
    if (aged := _aged(policy, now)) is not None:
        yield from _remove(store, aged)
    if (rejected := _rejected(policy, now)) is not None:
        removed = _remove_rejects(store, rejected)
        if removed:
            yield removed
    if policy.default is not None:
        store.execute("DELETE FROM refusals WHERE least(ts, refused_at) < $cut", {"cut": now - policy.default})
    yield from shrink(store, policy)
    reclaim(store)


def shrink(store: Store, policy: Policy) -> Generator[list[Share], None, None]:
    """Remove the oldest events while the database, or what the volume has left, exceeds what the policy allows.

    Raises:
        StoreError: the store refused; what was removed before stays removed.
    """
    if policy.limits_size:
        yield from _shrink(store, lambda volume: excess_bytes(policy, volume))


def reclaim(store: Store) -> bool:
    """Make the blocks of deleted rows free for what comes next; not while others are in the middle of something."""
    try:
        store.execute("CHECKPOINT")
    except StoreFull:
        raise
    except StoreError:
        return False
    return True


def _aged(policy: Policy, now: datetime) -> _Condition | None:
    """The events past their limit."""
    parameters: dict[str, object] = {}

    def cases(column: str, limits: Mapping[str, timedelta]) -> str:
        whens = []
        for number, (name, limit) in enumerate(limits.items()):
            key = f"{column}_{number}"
            parameters.update({key: name, f"{key}_cut": now - limit})
            whens.append(f"WHEN {column} = ${key} THEN ${key}_cut::TIMESTAMPTZ")
        return f"CASE {' '.join(whens)} END" if whens else "NULL"

    limits = [*policy.streams.values(), *policy.levels.values()]
    limits += [policy.default] if policy.default is not None else []
    if not limits:
        return None
    own = f"greatest({cases('stream', policy.streams)}, {cases('level', policy.levels)})"
    parameters |= {"default_cut": None if policy.default is None else now - policy.default, "latest": now - min(limits)}
    return _Condition(f"ts < $latest AND ts < coalesce({own}, $default_cut::TIMESTAMPTZ)", parameters)


def _rejected(policy: Policy, now: datetime) -> _Condition | None:
    return None if policy.rejects is None else _Condition("rejected_at < $cut", {"cut": now - policy.rejects})


def _shares(store: Store, table: str, keys: str, condition: _Condition) -> list[Share]:
    return [
        Share(table, stream, level, count, size)
        for stream, level, count, size in store.execute(
            f"SELECT {keys}, count(*), sum(bytes)::BIGINT FROM {table} WHERE {condition.sql} "
            "GROUP BY ALL HAVING count(*) > 0 ORDER BY count(*) DESC, 1, 2",
            condition.parameters,
        )
    ]


def _remove(store: Store, condition: _Condition, most: int = 1 << 62) -> Iterator[list[Share]]:
    """Remove the oldest of the events that meet the condition, about `most` of them."""
    # Times are passed as text, which holds infinite ones too.
    for first, last in store.execute(
        f"""
        SELECT min(first)::VARCHAR, max(last)::VARCHAR
        FROM (
            SELECT first, last, sum(events) OVER (ORDER BY first) - events AS before
            FROM (SELECT min(ts) AS first, max(ts) AS last, count(*) AS events
                  FROM events WHERE {condition.sql} GROUP BY {rollup.MINUTE}, ts = 'infinity')
        )
        WHERE before < $most
        GROUP BY before // $piece ORDER BY min(first)
        """,
        condition.parameters | {"most": most, "piece": PIECE_EVENTS},
    ):
        piece = _Condition(
            f"({condition.sql}) AND ts >= $first::TIMESTAMPTZ AND ts <= $last::TIMESTAMPTZ",
            condition.parameters | {"first": first, "last": last},
        )
        yield _remove_events(store, piece)


def _remove_events(store: Store, condition: _Condition) -> list[Share]:
    with store.transaction() as connection:
        shares = _shares(store, "events", "stream, level", condition)
        connection.execute(
            f"""
            INSERT INTO expired
            SELECT source_id, {rollup.MINUTE}, count(*), 0, sum(bytes)
            FROM events WHERE {condition.sql} GROUP BY ALL
            """,
            condition.parameters,
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE leaving AS FROM events WHERE {condition.sql}", condition.parameters
        )
        mine_leaving(connection, "leaving")
        connection.execute("DROP TABLE leaving")
        connection.execute(f"DELETE FROM events WHERE {condition.sql}", condition.parameters)
    return shares


def _remove_rejects(store: Store, condition: _Condition) -> list[Share]:
    with store.transaction() as connection:
        shares = _shares(store, "rejects", "NULL, NULL", condition)
        connection.execute(
            f"INSERT INTO expired SELECT source_id, NULL, 0, count(*), sum(bytes) FROM rejects "
            f"WHERE {condition.sql} GROUP BY ALL",
            condition.parameters,
        )
        connection.execute(f"DELETE FROM rejects WHERE {condition.sql}", condition.parameters)
    return shares


def _shrink(store: Store, excess: Callable[[Volume], int]) -> Iterator[list[Share]]:
    """Remove the oldest events until the database is no larger than it may be.

    Ends early where nothing can be freed, as while a long query still sees what was removed.
    """
    if row_groups(store).unfreed:
        _leave_something_to_write(store)
    while reclaim(store):
        volume = measure(store)
        groups, over = row_groups(store), excess(volume)
        if over <= 0 or not groups.events:
            return
        wanted = _events_in(over, groups, volume)
        if groups.freeable < wanted:
            least = min(ROW_GROUP, groups.events // _LEAST_PART)
            yield from _remove(store, _EVERY, most=max(1, least, wanted - groups.freeable))
        elif not write_again(store, wanted - groups.unfreed):
            return


def _leave_something_to_write(store: Store) -> None:
    """A checkpoint that has nothing to write frees nothing either, not even what somebody saw until a moment ago."""
    store.execute("INSERT INTO meta VALUES ('checkpoint', '')")
    store.execute("DELETE FROM meta WHERE key = 'checkpoint'")  # not in one transaction, which would have done nothing


def _events_in(size: int, groups: RowGroups, volume: Volume) -> int:
    """How many events take so many bytes, by how many all of them take."""
    of_all = groups.bytes or volume.used
    rows = sum(group.rows for group in groups.groups)
    return min(rows, -(-size * rows // max(1, of_all)))
