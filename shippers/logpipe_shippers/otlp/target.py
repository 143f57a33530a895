"""A receiver of OTLP over HTTP as a target: events in the order of arrival."""

import gzip
import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from logpipe.errors import SettingError
from logpipe.store import Store
from logpipe_shippers.delivery import backlog, configuration, record
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.backlog import Cursor, Slice
from logpipe_shippers.delivery.beginning import Beginning
from logpipe_shippers.delivery.receiver import Receiver, Rejected
from logpipe_shippers.delivery.shipper import Delivery, Refusal
from logpipe_shippers.otlp import answers
from logpipe_shippers.otlp.records import COLUMNS, Record, Source, records, request, source_key

PATH: Final = "/v1/logs"
MOST_EVENTS: Final = 5_000
"""In a batch."""
MOST_BYTES: Final = 16_000_000
"""Of log lines in a batch, about; but one event at least."""
REQUEST_BYTES: Final = 1_000_000
"""Of a request before it is compressed, about; but one record at least."""
HALVINGS: Final = 64
"""In search of the records that are refused, without one that is taken; what is refused next is so together."""
_COMPRESSION_LEVEL: Final = 4
_COMPRESSIONS: Final = ("gzip", "none")

_log = logging.getLogger("logpipe.ship")


@dataclass(frozen=True, slots=True)
class Settings(Access):
    """How the receiver is spoken to, and of what."""

    compression: str = "gzip"
    """Of requests: gzip or none."""
    since: timedelta | None = None
    """So far back a new target begins, and older events are left out; all are shipped where it is not set."""
    interval: timedelta = timedelta(seconds=1)
    """Between two looks for new events."""

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        configuration.check_interval(self.interval)
        if self.compression not in _COMPRESSIONS:
            raise SettingError(
                f"compression is {self.compression!r}, not one of {', '.join(_COMPRESSIONS)}", reason="setting_value"
            )


def make(name: str, table: Mapping[str, Any], where: str) -> "Otlp":
    """The target of a table `[otlp.NAME]`.

    Raises:
        SettingError: a setting cannot be used.
    """
    return Otlp(name, configuration.settings(Settings, table, where))


@dataclass(slots=True)
class Batch:
    """Some events. What became of them is noted here, so that none is sent again when the rest is tried again."""

    rows: Sequence[Sequence[Any]]
    sources: Mapping[int, Source]
    begun: Cursor | None
    """The target's cursor when it was taken."""
    end: Cursor
    waiting: deque[Sequence[Record]] | None = None
    """Requests; None before they are made."""
    accepted: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    unnamed: int = 0
    halvings: int = 0
    """Since the receiver took something."""


class Otlp:
    """One receiver."""

    is_of_now = False

    def __init__(self, name: str, settings: Settings, since: datetime | None = None) -> None:
        """`since` is where a new target begins, if not as the settings say.

        Raises:
            Misconfigured: the address is none of a server.
            SettingError: a certificate cannot be read, or there are two ways to authenticate.
        """
        self._name = f"otlp:{name}"
        self._settings = settings
        self._beginning = Beginning(self._name, since or settings.since)
        self._compressed = settings.compression == "gzip"
        headers = {"Content-Type": "application/x-protobuf"}
        encoding = {"Content-Encoding": "gzip"} if self._compressed else {}
        self._receiver = Receiver(settings, PATH, {**headers, **encoding}, retried=answers.RETRIED, said=answers.said)
        self._warned = ""

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_s(self) -> float:
        return self._settings.interval.total_seconds()

    def take(self, store: Store) -> Batch | None:
        begun = record.cursor(store, self._name)
        part = _next_slice(store, self._beginning.stands(store))
        if part is None:
            return None
        rows = store.execute(f"FROM ({part.events(COLUMNS)}) ORDER BY source_id, source_pos")
        end = part.end if rows else backlog.passed(store, part.end, MOST_EVENTS)
        return Batch(rows, _sources(store, part), begun, end)

    def send(self, batch: Batch) -> Delivery:
        if batch.waiting is None:
            batch.waiting = deque(_requests(records(batch.rows, batch.sources, time.time_ns())))
        while batch.waiting:
            self._send(batch, batch.waiting)
        return Delivery(batch.accepted, batch.refusals, batch.unnamed)

    def settle(self, store: Store, batch: Batch, delivery: Delivery) -> None:
        record.settled(store, self._name, delivery, batch.begun, batch.end)

    def close(self) -> None:
        self._receiver.close()

    def _send(self, batch: Batch, waiting: deque[Sequence[Record]]) -> None:
        """The next request, which waits until something became of it."""
        part = waiting[0]
        body = request(part)
        try:
            answer = self._receiver.post(gzip.compress(body, _COMPRESSION_LEVEL, mtime=0) if self._compressed else body)
        except Rejected as refused:
            waiting.popleft()
            if len(part) > 1 and batch.halvings < HALVINGS:
                batch.halvings += 1
                waiting.extendleft((part[len(part) // 2 :], part[: len(part) // 2]))
            else:
                batch.refusals += [_refusal(one, str(refused)) for one in part]
            return
        waiting.popleft()
        batch.halvings = 0
        self._taken(batch, part, *answers.refused(answer))

    def _taken(self, batch: Batch, part: Sequence[Record], count: int, why: str) -> None:
        """A receiver says how many it refused, and not which; by the protocol they are not sent again."""
        count = min(count, len(part))
        batch.accepted += len(part) - count
        if count == len(part):
            batch.refusals += [_refusal(one, why or "refused without a reason") for one in part]
        elif count:
            told = f"{count:,} of the {len(part):,} records from here on: {why or 'refused without a reason'}"
            batch.refusals.append(_refusal(part[0], told))
            batch.unnamed += count - 1
        elif why and why != self._warned:
            self._warned = why
            _log.warning("%s: the receiver says: %s", self._name, why)


def _next_slice(store: Store, cursor: Cursor) -> Slice | None:
    """So few events that they have about `MOST_BYTES` at most."""
    most = MOST_EVENTS
    while (part := backlog.next_slice(store, cursor, most)) is not None and most > 1:
        [(size,)] = store.execute(f"SELECT coalesce(sum(bytes), 0)::BIGINT FROM ({part.events('bytes')})")
        if size <= MOST_BYTES:
            break
        most = max(1, min(most // 2, most * MOST_BYTES // size))
    return part


def _sources(store: Store, part: Slice) -> dict[int, Source]:
    rows = store.execute(
        "SELECT source_id, path, family, generation, epoch_us(first_seen_at) FROM sources "
        "WHERE list_contains($ids, source_id)",
        {"ids": sorted({one.source_id for one in part.ranges})},
    )
    return {source_id: Source(path, source_key(*identity)) for source_id, path, *identity in rows}


def _requests(found: Iterator[Record]) -> Iterator[Sequence[Record]]:
    part: list[Record] = []
    size = 0
    for one in found:
        added = one.log.ByteSize()
        if part and size + added > REQUEST_BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += added
    if part:
        yield part


def _refusal(one: Record, reason: str) -> Refusal:
    return Refusal(one.source_id, one.source_pos, one.ts, reason)
