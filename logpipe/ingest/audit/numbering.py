"""What the numbers say that processes gave their records (`instance`, `seq`): which are absent, and what that means.

A process numbers its records from 1, over all four streams. An absent number is lost only where it can be nowhere else:
see `coverage`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from logpipe.ingest.audit.accounts import pages
from logpipe.ingest.audit.coverage import ALWAYS, ELSEWHERE, NEVER, Coverage, coverage_by_source
from logpipe.ingest.audit.numbering_queries import DECIDED, DROPS, HOLES, PROCESSES, REORDERED, REPEATS, SHOWN
from logpipe.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record begins."""

    path: str
    source_id: int
    source_pos: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Numbers in a row that are absent, with the records before and after them."""

    first: int
    last: int
    decided: bool
    """Whether they can be in no file but one that was read."""
    previous: Place | None
    """None before a process's first record."""
    next: Place | None


@dataclass(frozen=True, slots=True)
class Repeat:
    """A number that several rows have."""

    seq: int
    rows: int
    first: Place | None
    last: Place | None


@dataclass(frozen=True, slots=True)
class Reordering:
    """A record that stands right behind a later one of its process."""

    seq: int
    behind: int
    place: Place | None


@dataclass(frozen=True, slots=True)
class Drop:
    """A record of the emitter that says how many it could not write."""

    at: datetime | None
    count: int
    """Records, some of which may have had no number yet."""
    numbers: int
    reason: str


@dataclass(frozen=True, slots=True)
class Process:
    """What the numbers of one process say; `absent = told + undecided + missing`. Lists hold the first few."""

    instance: str
    service: str | None
    host: str | None
    process: int | None
    first_at: datetime | None
    last_at: datetime | None
    records: int
    highest: int
    absent: int
    """Numbers from 1 to the highest that no row has."""
    told: int
    """Of these, those of records of which the emitter itself says that it could not write them."""
    undecided: int
    """Of the rest, those that may stand where nothing was read, or may have been removed; `doubts` says why."""
    missing: int
    """The others: at least so many are in no file."""
    repeated: int
    reordered: int
    doubts: tuple[str, ...]
    drops: tuple[Drop, ...]
    holes: tuple[Hole, ...]
    repeats: tuple[Repeat, ...]
    reorderings: tuple[Reordering, ...]


@dataclass(frozen=True, slots=True)
class Numbering:
    """What the numbers of all processes say: sums, and the processes that have anything to tell."""

    processes: int
    records: int
    absent: int
    told: int
    undecided: int
    missing: int
    repeated: int
    reordered: int
    troubled: tuple[Process, ...]


def check_numbering(store: Store) -> Numbering:
    """What is absent, repeated or reordered among the numbers of each process; to be asked in one transaction.

    Raises:
        StoreError: the store refused.
    """
    summaries = [_Summary(*row) for row in store.execute(PROCESSES)]
    reordered = _reordered(store)
    asked = [one for one in summaries if one.absent or one.repeated or one.instance in reordered]
    troubled = tuple(_processes(store, asked, reordered)) if asked else ()
    names = ("absent", "told", "undecided", "missing", "repeated", "reordered")
    sums = {name: sum(getattr(process, name) for process in troubled) for name in names}
    return Numbering(len(summaries), sum(one.records for one in summaries), **sums, troubled=troubled)


@dataclass(frozen=True, slots=True)
class _Summary:
    """The rows of one process."""

    instance: str
    service: str | None
    host: str | None
    process: int | None
    first_at: datetime | None
    last_at: datetime | None
    source_ids: list[int]
    records: int
    highest: int
    repeated: int

    @property
    def absent(self) -> int:
        return self.highest - (self.records - self.repeated)


@dataclass
class _Reordered:
    """What stands behind a later record, over all files of a process."""

    rows: int = 0
    examples: list[dict[str, int]] = field(default_factory=list)


def _reordered(store: Store) -> dict[str, _Reordered]:
    found: dict[str, _Reordered] = defaultdict(_Reordered)
    for first, last in pages(store):
        for instance, rows, example in store.execute(REORDERED, {"first": first, "last": last}):
            found[instance].rows += rows
            found[instance].examples.append(example)
    return found


def _processes(store: Store, summaries: list[_Summary], reordered: dict[str, _Reordered]) -> Iterator[Process]:
    evidence = _Evidence(store, summaries)
    for one in summaries:
        coverage, moved = evidence.coverage(one), reordered.get(one.instance, _Reordered())
        holes, drops = evidence.holes[one.instance], evidence.drops[one.instance]
        dropped = next((numbers for *_, numbers in drops), 0)
        decided = evidence.decided[one.instance]
        missing = max(0, decided - dropped - coverage.rejects)
        told = min(dropped, one.absent - missing)
        undecided = one.absent - missing - told
        yield Process(
            instance=one.instance,
            service=one.service,
            host=one.host,
            process=one.process,
            first_at=one.first_at,
            last_at=one.last_at,
            records=one.records,
            highest=one.highest,
            absent=one.absent,
            told=told,
            undecided=undecided,
            missing=missing,
            repeated=one.repeated,
            reordered=moved.rows,
            doubts=tuple(_doubts(one, coverage, decided, dropped)) if undecided else (),
            drops=tuple(Drop(*drop) for *drop, _ in drops),
            holes=tuple(
                Hole(first, last, is_decided, evidence.place(previous), evidence.place(following))
                for first, last, is_decided, previous, following in holes
            ),
            repeats=tuple(
                Repeat(seq, rows, evidence.place(first), evidence.place(last))
                for seq, rows, first, last in evidence.repeats[one.instance]
            ),
            reorderings=tuple(Reordering(at["seq"], at["behind"], evidence.place(at)) for at in moved.examples[:SHOWN]),
        )


def _doubts(one: _Summary, coverage: Coverage, decided: int, dropped: int) -> Iterator[str]:
    if one.absent > decided:
        yield from coverage.words(one.first_at or ALWAYS, one.last_at or NEVER)
    if coverage.rejects and decided > dropped:
        yield f"lines of its files were rejected: {coverage.rejects:,}"


_NOTHING: Final = (1, 0)
"""A span that holds no number."""


class _Evidence:
    """What the store and the folders say of some processes; rows without their instance, by instance."""

    def __init__(self, store: Store, summaries: list[_Summary]) -> None:
        self._paths = dict(store.execute("SELECT source_id, path FROM sources"))
        self._coverages = coverage_by_source(store)
        short = [one for one in summaries if one.absent]
        self._read_spans(store, short)
        self.holes = _by_instance(self._holes(store, short) if short else ())
        self.drops = _by_instance(store.execute(DROPS) if short else ())
        self.repeats = _by_instance(store.execute(REPEATS) if any(one.repeated for one in summaries) else ())

    def _read_spans(self, store: Store, short: list[_Summary]) -> None:
        """Between which numbers, if any, all was read, and how many of these are absent."""
        asked = {
            "instances": [one.instance for one in short],
            "sinces": [self.coverage(one).since for one in short],
            "untils": [self.coverage(one).until for one in short],
        }
        rows = store.execute(DECIDED, asked) if short else ()
        self._spans = {instance: (first, last) for instance, first, last, _ in rows}
        self.decided = defaultdict(int, {instance: absent for instance, _, _, absent in rows})

    def _holes(self, store: Store, short: list[_Summary]) -> list[tuple[Any, ...]]:
        instances = [one.instance for one in short]
        firsts, lasts = zip(*(self._spans.get(instance, _NOTHING) for instance in instances), strict=True)
        return store.execute(HOLES, {"instances": instances, "firsts": list(firsts), "lasts": list(lasts)})

    def coverage(self, one: _Summary) -> Coverage:
        """Of all folders in which the process has records in files of the emitter."""
        found = {id(known): known for source_id in one.source_ids if (known := self._coverages.get(source_id))}
        return reduce(or_, found.values()) if found else ELSEWHERE

    def place(self, at: dict[str, int] | None) -> Place | None:
        return Place(self._paths[at["id"]], at["id"], at["pos"]) if at else None


def _by_instance(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for instance, *row in rows:
        found[instance].append(tuple(row))
    return found
