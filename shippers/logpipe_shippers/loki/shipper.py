"""The target: events to a Loki, in the order in which they came into the store, each once."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from logpipe.store import Store
from logpipe_shippers.delivery import backlog, configuration, record
from logpipe_shippers.delivery.backlog import Cursor, Slice
from logpipe_shippers.delivery.beginning import Beginning
from logpipe_shippers.delivery.receiver import Receiver
from logpipe_shippers.delivery.shipper import Delivery, Refusal
from logpipe_shippers.loki import repeats
from logpipe_shippers.loki.lines import Lines, lines
from logpipe_shippers.loki.push import PUSH_PATH, Push
from logpipe_shippers.loki.rows import RAW, read
from logpipe_shippers.loki.settings import LokiSettings
from logpipe_shippers.loki.streams import Streams

_log = logging.getLogger("logpipe.ship")

_MOST_BYTES: Final = 16 << 20
"""Of logs that are read at a time, about."""
_SIZES: Final = """
SELECT first(bytes ORDER BY ledger_id), first(events ORDER BY ledger_id), sum(events) FILTER (so_far <= ?2)
FROM (
    SELECT ledger_id, events, to_pos - from_pos AS bytes, sum(to_pos - from_pos) OVER (ORDER BY ledger_id) AS so_far
    FROM (FROM ledger WHERE ledger_id > ?1 AND to_pos > from_pos ORDER BY ledger_id LIMIT 1000)
)
"""


@dataclass(slots=True)
class LokiBatch:
    """Some of the backlog."""

    lines: Lines | None
    """None where there are no events."""
    end: Cursor
    begun: Cursor | None = None
    """The target's cursor when it was taken."""
    push: Push | None = field(default=None)
    """How far it was brought."""


class LokiShipper:
    """A `Shipper` of batches of events."""

    is_of_now = False

    def __init__(self, name: str, settings: LokiSettings, since: datetime | None = None) -> None:
        """`since` is where a new target begins, if not as the settings say.

        Raises:
            Misconfigured, SettingError: the address, a certificate or the credentials are none.
        """
        self.name = f"loki:{name}"
        self.interval_s = settings.interval.total_seconds()
        self._settings = settings
        self._beginning = Beginning(self.name, since or settings.since)
        self._batch_bytes = settings.batch_bytes
        """As the settings say, or less where Loki takes less at once."""
        self._fitted = settings.batch_events
        """Events of the last batch, or more where nothing spoke against more."""
        tenant = {"X-Scope-OrgID": settings.tenant} if settings.tenant else None
        self._receiver = Receiver(settings, PUSH_PATH, tenant)

    def take(self, store: Store) -> LokiBatch | None:
        batch = self._after(store, self._beginning.stands(store), Streams.of(store, self.name))
        if batch is not None:
            batch.begun = record.cursor(store, self.name)
        return batch

    def send(self, batch: LokiBatch) -> Delivery:
        if batch.lines is None:
            return Delivery(0)
        if batch.push is None:
            encoded = batch.lines.encode(self._settings, self._settings.format)
            batch.push = Push.of(encoded, self._batch_bytes)
        try:
            batch.push.send(self._receiver)
        finally:
            self._note_limit(batch.push.most_bytes)
        order = batch.push.encoded.order
        reasons = batch.lines.refusals | {int(order[entry]): why for entry, why in batch.push.refused.items()}
        refusals = [batch.lines.refusal(row, why) for row, why in sorted(reasons.items())]
        return Delivery(len(order) - len(batch.push.refused), refusals)

    def settle(self, store: Store, batch: LokiBatch, delivery: Delivery) -> None:
        after = batch.lines.assigned.after if batch.lines is not None else None
        record.settled(
            store,
            self.name,
            delivery,
            batch.begun,
            batch.end,
            also=None if after is None else lambda connection: after.write(connection, self.name),
        )

    def close(self) -> None:
        self._receiver.close()

    def _note_limit(self, most_bytes: int | None) -> None:
        if most_bytes is not None and most_bytes < self._batch_bytes:
            self._batch_bytes = most_bytes
            _log.warning("%s: a request meets nothing but 429; from now on they have %d bytes", self.name, most_bytes)

    def preview(self, store: Store) -> Iterator[tuple[int, list[Refusal]]]:
        """What would be sent and refused, batch by batch; nothing is sent, and nothing written down.

        Raises:
            StoreError: the store cannot be read.
        """
        cursor, end = self._beginning.stands(store), backlog.newest(store)
        streams = Streams.of(store, self.name)
        while cursor.ledger_id < end and (batch := self._after(store, cursor, streams)) is not None:
            if (found := batch.lines) is not None:
                yield (
                    len(found.rows) - len(found.refusals),
                    [found.refusal(row, why) for row, why in sorted(found.refusals.items())],
                )
                streams = found.assigned.after
            cursor = batch.end

    def _after(self, store: Store, cursor: Cursor, streams: Streams) -> LokiBatch | None:
        most = min(self._most(store, cursor), 2 * self._fitted)
        while (part := backlog.next_slice(store, cursor, most)) is not None:
            found = self._lines(store, cursor, part, streams)
            if found is None or found.repeatable == 1 or most == 1:
                self._fitted = most
                return LokiBatch(found, part.end if found is not None else backlog.passed(store, part.end, most))
            [(events,)] = store.execute(f"SELECT count(*) FROM ({part.events('source_pos')})")  # of all services
            most = max(1, int(min(most, events) * found.repeatable))
        return None

    def _lines(self, store: Store, cursor: Cursor, part: Slice, streams: Streams) -> Lines | None:
        services = self._settings.services
        rows = read(store, part.events(RAW), services, entries=(cursor.ledger_id, part.last_id))
        if rows is None:
            return None
        repeated = repeats.numbers(rows, repeats.earlier(store, rows, cursor, part, services))
        return lines(rows, repeated, streams, self._settings, now=datetime.now(UTC))

    def _most(self, store: Store, cursor: Cursor) -> int:
        """Events to read at a time: as many as the settings say, but fewer where they are large."""
        [(first_bytes, first_events, within)] = store.execute(_SIZES, [cursor.ledger_id, _MOST_BYTES])
        if within is None:
            within = first_events * _MOST_BYTES / first_bytes if first_bytes else self._settings.batch_events
        return max(1, min(self._settings.batch_events, int(within)))


def target(name: str, table: Mapping[str, Any], where: str) -> LokiShipper:
    """Of a table `[loki.NAME]`.

    Raises:
        SettingError: it holds what is no setting.
    """
    return LokiShipper(name, configuration.settings(LokiSettings, table, where))
