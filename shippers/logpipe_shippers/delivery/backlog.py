"""What a target has not shipped: a cursor over the ledger, which says in what order bytes became events.

The order is that of arrival, so what is read late is shipped late, and nothing twice. A cursor may stand within an
entry of the ledger, since one entry may hold more events than are shipped at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from logpipe.store import Store

_ENTRIES: Final = """
SELECT ledger_id, source_id, from_pos, to_pos, events
FROM (
    SELECT *, sum(events) OVER (ORDER BY ledger_id) - events AS before
    FROM (
        FROM ledger
        WHERE ledger_id > $ledger_id AND to_pos > from_pos
        ORDER BY ledger_id
        LIMIT $entries
    )
)
WHERE before < $most
ORDER BY ledger_id
"""
_MOST_ENTRIES: Final = 1_000
"""That are looked at at a time, so that a long backlog costs no more than a short one."""
_MOST_PASSED: Final = 2_000_000
"""Events that are passed over at a time, so that the store is not open for long."""
_WITHIN: Final = "source_id = {source_id} AND source_pos >= {from_pos} AND source_pos < {to_pos}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """All is shipped up to a ledger entry, and of the next one, `next_id`, what lies before a byte.

    A reparse gives the entries of a source new numbers, behind all others: then the byte means nothing any more.
    """

    ledger_id: int = 0
    next_pos: int = 0
    next_id: int = 0
    since: datetime | None = None
    """What happened before is not for the target; None where all is."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of one source."""

    source_id: int
    from_pos: int
    to_pos: int

    @property
    def condition(self) -> str:
        """The events in it, as SQL."""
        return _WITHIN.format(source_id=self.source_id, from_pos=self.from_pos, to_pos=self.to_pos)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the backlog, and the cursor behind it."""

    ranges: Sequence[Range]
    end: Cursor

    @property
    def last_id(self) -> int:
        """The last entry of the ledger that it has some of."""
        return self.end.next_id or self.end.ledger_id

    def events(self, columns: str) -> str:
        """SQL of the events in it. One statement a range, so that the engine need not look at other rows."""
        since = self.end.since
        wanted = "" if since is None else f" AND (ts IS NULL OR NOT isfinite(ts) OR ts >= '{since.isoformat()}')"
        return "\nUNION ALL ".join(f"SELECT {columns} FROM events WHERE {one.condition}{wanted}" for one in self.ranges)


def beginning(store: Store, since: datetime) -> Cursor:
    """That of a new target: before the first entry with an event of `since` or later.

    Raises:
        StoreError: the store cannot be read.
    """
    [(ledger_id,)] = store.execute(
        """
        SELECT coalesce(
            (
                SELECT min(ledger_id) - 1
                FROM ledger SEMI JOIN (SELECT DISTINCT source_id FROM events WHERE ts >= $since) USING (source_id)
                WHERE EXISTS (
                    SELECT 1 FROM events
                    WHERE events.source_id = ledger.source_id AND ts >= $since
                        AND source_pos >= from_pos AND source_pos < to_pos)
            ),
            (SELECT max(ledger_id) FROM ledger),
            0)
        """,
        {"since": since},
    )
    return Cursor(int(ledger_id), since=since)


def before(store: Store, since: datetime) -> int:
    """Events that are older.

    Raises:
        StoreError: the store cannot be read.
    """
    [(events,)] = store.execute("SELECT count(*) FROM events WHERE ts < ? AND isfinite(ts)", [since])
    return int(events)


def newest(store: Store) -> int:
    """The last entry of the ledger; 0 where there is none.

    Raises:
        StoreError: the store cannot be read.
    """
    [(ledger_id,)] = store.execute("SELECT coalesce(max(ledger_id), 0) FROM ledger")
    return int(ledger_id)


def next_slice(store: Store, cursor: Cursor, most: int) -> Slice | None:
    """About `most` events behind the cursor, never many more; None where there is nothing.

    Raises:
        StoreError: the store cannot be read.
    """
    entries = store.execute(_ENTRIES, {"ledger_id": cursor.ledger_id, "most": most, "entries": _MOST_ENTRIES})
    if not entries:
        return None
    first_id, source_id, from_pos, to_pos, events = entries[0]
    if first_id == cursor.next_id:
        from_pos = max(from_pos, cursor.next_pos)
    if events > most and (cut := _cut(store, Range(source_id, from_pos, to_pos), most)) is not None:
        return Slice([Range(source_id, from_pos, cut)], Cursor(cursor.ledger_id, cut, int(first_id), cursor.since))
    whole = [(first_id, source_id, from_pos, to_pos, events), *entries[1:]]
    if events <= most < sum(entry[4] for entry in whole) and len(whole) > 1:
        whole = whole[:-1]
    return Slice(_merged([Range(*entry[1:4]) for entry in whole]), Cursor(whole[-1][0], since=cursor.since))


def passed(store: Store, cursor: Cursor, most: int) -> Cursor:
    """Behind the events that come next and are too old for the target, of which it passes over ever more at a time.

    For a cursor behind a slice of about `most` events that had none for it: the next one may be far away.

    Raises:
        StoreError: the store cannot be read.
    """
    size = 4 * most
    while cursor.since is not None and size <= _MOST_PASSED:
        part = next_slice(store, cursor, size)
        if part is None or store.execute(f"SELECT EXISTS ({part.events('source_pos')})") == [(True,)]:
            break
        cursor, size = part.end, 4 * size
    return cursor


def behind(store: Store, cursor: Cursor) -> int:
    """Events that are not shipped, at most: those before a cursor's byte in the next entry count.

    Raises:
        StoreError: the store cannot be read.
    """
    [(events,)] = store.execute(
        "SELECT coalesce(sum(events), 0)::BIGINT FROM ledger WHERE ledger_id > ?", [cursor.ledger_id]
    )
    return int(events)


def _cut(store: Store, within: Range, most: int) -> int | None:
    """Where events that are one too many begin, those of one line together; None where there are none."""
    [(cut,)] = store.execute(
        f"""
        SELECT min(source_pos) FROM events
        WHERE {within.condition} AND source_pos > (
            SELECT source_pos FROM events WHERE {within.condition} ORDER BY source_pos LIMIT 1 OFFSET {most - 1})
        """
    )
    return None if cut is None else int(cut)


def _merged(ranges: Sequence[Range]) -> list[Range]:
    """Those that touch as one, by source and byte."""
    return list(_touching(sorted(ranges, key=lambda one: (one.source_id, one.from_pos))))


def _touching(ranges: Sequence[Range]) -> Iterator[Range]:
    current: Range | None = None
    for one in ranges:
        if current is not None and (current.source_id, current.to_pos) == (one.source_id, one.from_pos):
            current = Range(one.source_id, current.from_pos, one.to_pos)
            continue
        if current is not None:
            yield current
        current = one
    if current is not None:
        yield current
