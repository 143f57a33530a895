"""A channel as a target: it is told of what is open as routes say, once, and of its end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from logpipe.errors import SettingError
from logpipe.store import Store
from logpipe_analysis import findings, marks
from logpipe_analysis.finding import Finding
from logpipe_shippers.delivery import configuration, record
from logpipe_shippers.delivery.receiver import Rejected
from logpipe_shippers.delivery.shipper import Delivery, Refusal
from logpipe_shippers.notify import message, told
from logpipe_shippers.notify.attention import at_it
from logpipe_shippers.notify.channels import way
from logpipe_shippers.notify.message import Known, Message
from logpipe_shippers.notify.planning import Channel, Situation, due, is_direct
from logpipe_shippers.notify.routing import Routing, everybody
from logpipe_shippers.notify.routing import read as routes
from logpipe_shippers.notify.settings import Settings
from logpipe_shippers.notify.told import HELD, Planned

_LOOK_S: Final = 10.0

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Batch:
    """One message."""

    planned: Planned
    message: Message


class Notifier:
    """One channel."""

    is_of_now = True

    def __init__(self, name: str, settings: Settings, routing: Routing, *, clock: Clock = _now) -> None:
        """
        Raises:
            SettingError: the URL is none, or what it needs is not installed.
        """
        self.channel = Channel(name, settings, routing)
        self._way = way(settings)
        self._clock = clock

    @property
    def name(self) -> str:
        return self.channel.target

    @property
    def interval_s(self) -> float:
        return _LOOK_S

    def take(self, store: Store) -> Batch | None:
        """The next message, written down before it is sent; first of all one that may not have been sent."""
        now = self._clock()
        planned = told.unsent(store, self.name)
        if planned is not None and _still_holds(store, planned):
            return Batch(planned, self._composed(store, planned, now))
        if planned is not None:
            with store.transaction() as connection:
                told.sent(connection, self.name, planned, now)
        situation = self._situation(store, now)
        planned = due(self.channel, situation)
        if planned is None:
            return None
        composed = self._composed(store, planned, now)
        planned = replace(planned, title=composed.subject)
        told.begin(store, self.name, planned, now)
        return Batch(planned, composed)

    def send(self, batch: Batch) -> Delivery:
        """A message that the service will never take is passed over, and recorded."""
        try:
            self._way.send(batch.message)
        except Rejected as refused:
            return Delivery(0, [Refusal(0, 0, batch.message.at, f"message {batch.message.key}: {refused}")])
        return Delivery(1)

    def settle(self, store: Store, batch: Batch, delivery: Delivery) -> None:
        """It is not sent again."""

        def remember(connection: duckdb.DuckDBPyConnection) -> None:
            told.sent(connection, self.name, batch.planned, self._clock())

        record.settled(store, self.name, delivery, also=remember)

    def test(self) -> None:
        """Send a message that says that it is a test.

        Raises:
            Unavailable, Misconfigured, Rejected: it was not taken.
        """
        self._way.send(message.trial(self.channel.name, self.channel.settings, self._clock()))

    def close(self) -> None:
        self._way.close()

    def _situation(self, store: Store, now: datetime) -> Situation:
        return Situation(
            now=now,
            findings=sorted(findings.load(store, status="open"), key=lambda one: (one.started_at, one.finding_id)),
            incidents=told.incidents(store),
            threads=told.threads(store, now - self.channel.settings.cool_down),
            acknowledged=marks.acknowledged(store),
            fingerprints=told.fingerprints(store, self.name),
            messages_within_an_hour=told.messages_within_an_hour(store, self.name, now),
        )

    def _composed(self, store: Store, planned: Planned, now: datetime) -> Message:
        about, said = _about(store, planned), marks.acknowledged(store)
        at_them = [said[each] for each in planned.finding_ids if each in said]
        escalated = (
            planned.said == "problem"
            and planned.group_key != HELD
            and not any(is_direct(self.channel, one) for one in about)
        )
        known = Known(
            now=now,
            paths=told.paths(store, [example.source_id for one in about for example in one.evidence]),
            before=told.finding_ids_before(store, self.name, planned),
            by=max(at_them, key=lambda mark: mark.made_at).text if at_them else None,
            escalated=escalated,
        )
        return message.compose(planned, about, self.channel.settings, known)


def attended(store: Store, now: datetime) -> Mapping[str, str | None]:
    """The open findings that nobody else is called for, with who is at them."""
    said, threads = marks.acknowledged(store), told.threads(store, now)
    found = {one.finding_id: at_it(one, threads, said) for one in findings.load(store, status="open")}
    return {each: mark.text for each, mark in found.items() if mark is not None}


def _still_holds(store: Store, planned: Planned) -> bool:
    """Whether a message that was kept up is to be sent: nobody is called for what is over, its end is told instead."""
    return planned.said in ("acknowledged", "resolved") or any(one.status == "open" for one in _about(store, planned))


def _about(store: Store, planned: Planned) -> Sequence[Finding]:
    """The findings of a message: those that are open, unless it says that none is."""
    loaded = [one for each in planned.finding_ids for one in findings.load(store, finding_id=each)]
    return [one for one in loaded if one.status == "open"] or loaded


def make(name: str, table: Mapping[str, Any], where: str, routing: Routing | None = None) -> Notifier:
    """The target of a table `[notify.NAME]`; without routes it hears of all from `warning` on.

    Raises:
        SettingError: a setting cannot be used.
    """
    with configuration.placed(where):
        return Notifier(name, configuration.settings(Settings, table, where), routing or everybody([name]))


def load(path: str | Path) -> list[Notifier]:
    """The channels of a file, whatever else it holds.

    Raises:
        SettingError: the file cannot be read, names no channel, or says what is no setting of one.
    """
    found = configuration.read(path)
    tables, routing = found.get("notify"), routes(found, path)
    if not isinstance(tables, dict) or not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingError(f"{path} names no channel", remedy="add [notify.NAME] with its url", reason="settings_empty")
    return [make(name, table, f"{path}: [notify.{name}]", routing) for name, table in tables.items()]
