"""Alertmanager as a target: what is open is sent again and again, what has ended once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import orjson

from logpipe.store import Store
from logpipe_analysis import findings, marks
from logpipe_analysis.finding import SEVERITIES, Finding
from logpipe_shippers.alertmanager import told
from logpipe_shippers.alertmanager.alert import Alert, annotations, labels, url
from logpipe_shippers.alertmanager.settings import Settings
from logpipe_shippers.alertmanager.told import Told
from logpipe_shippers.delivery import configuration, record
from logpipe_shippers.delivery.receiver import Receiver, Rejected
from logpipe_shippers.delivery.shipper import Delivery, Refusal

PATH: Final = "/api/v2/alerts"
_LASTS_INTERVALS: Final = 4
"""An alert outlives so many intervals without a word; Prometheus gives its alerts as many."""
_LOOK_S: Final = 10.0
"""New findings, and the end of old ones, wait no longer than this."""
_MOST_ALERTS: Final = 500
"""In one request."""
_JSON: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


def make(name: str, table: Mapping[str, Any], where: str) -> "Alertmanager":
    """The target of a table `[alertmanager.NAME]`.

    Raises:
        SettingError: a setting cannot be used.
    """
    return Alertmanager(name, configuration.settings(Settings, table, where))


@dataclass(slots=True)
class Batch:
    """Alerts as they were at a time, and which of them were refused."""

    at: datetime
    alerts: Sequence[Alert]
    whole: bool
    """Whether all that lasts is among them, and not only what is new."""
    gone: Sequence[str]
    """Findings that have ended, and of which Alertmanager would not hear before."""
    refused: dict[int, str] = field(default_factory=dict)
    """Reasons, by the place among `alerts`."""


class Alertmanager:
    """One Alertmanager. Of several that share their silences each is a target of its own."""

    is_of_now = True

    def __init__(
        self, name: str, settings: Settings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """
        Raises:
            Misconfigured: the address is none of a server.
            SettingError: a certificate cannot be read, or there are two ways to authenticate.
        """
        self._name = f"alertmanager:{name}"
        self._settings = settings
        self._receiver = Receiver(settings, PATH, {"Content-Type": "application/json"})
        self._clock = clock
        self._whole_at: datetime | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def interval_s(self) -> float:
        return min(_LOOK_S, self._settings.interval.total_seconds())

    def take(self, store: Store) -> Batch | None:
        """All that lasts where that is due, also where it is nothing: a receiver that is gone is noticed; else news."""
        now = self._clock()
        whole = self._whole_at is None or not timedelta() <= now - self._whole_at < self._settings.interval
        known = told.load(store, self._name)
        lasting = self._lasting(store, known)
        ended = known.keys() - lasting.keys()
        alerts = [
            *self._of_lasting(store, lasting.values(), known, now, whole),
            *(self._ended(store, each, known[each], now) for each in sorted(ended) if not known[each].refused),
        ]
        gone = [each for each in sorted(ended) if known[each].refused]
        return Batch(now, alerts, whole, gone) if alerts or whole else None

    def send(self, batch: Batch) -> Delivery:
        """Post; an alert that was taken long ago has ended by the time that it says, and wakes nobody."""
        lasts_until = batch.at + _LASTS_INTERVALS * self._settings.interval
        batch.refused.clear()
        for start in range(0, max(len(batch.alerts), 1), _MOST_ALERTS):
            places = range(start, min(start + _MOST_ALERTS, len(batch.alerts)))
            batch.refused.update(self._post(batch.alerts, places, lasts_until))
        refusals = [_refusal(batch.alerts[place], reason) for place, reason in batch.refused.items()]
        return Delivery(len(batch.alerts) - len(refusals), refusals)

    def settle(self, store: Store, batch: Batch, delivery: Delivery) -> None:
        """Keep what was sent for the first time, forget what has ended."""
        known = told.load(store, self._name)
        sent = [
            (alert, place in batch.refused)
            for place, alert in enumerate(batch.alerts)
            if _is_news(alert, known.get(alert.finding_id)) or place in batch.refused
        ]

        def remember(connection: duckdb.DuckDBPyConnection) -> None:
            told.write(connection, self._name, sent, batch.gone)

        record.settled(store, self._name, delivery, also=remember)
        if batch.whole:
            self._whole_at = batch.at

    def close(self) -> None:
        self._receiver.close()

    def _lasting(self, store: Store, known: Mapping[str, Told]) -> dict[str, Finding]:
        """What is open and worth an alert; one that was is so to its end."""
        least = SEVERITIES.index(self._settings.min_severity)
        return {
            one.finding_id: one
            for one in findings.load(store, status="open")
            if one.finding_id in known or SEVERITIES.index(one.severity) >= least
        }

    def _of_lasting(
        self, store: Store, lasting: Iterable[Finding], known: Mapping[str, Told], now: datetime, whole: bool
    ) -> Iterator[Alert]:
        incidents, acknowledged = _incidents(store), _acknowledged(store)
        for finding in lasting:
            before = known.get(finding.finding_id)
            alert = self._firing(finding, before, incidents.get(finding.finding_id), now)
            alert = replace(alert, annotations=annotations(finding, acknowledged.get(finding.finding_id, "")))
            if before is None or before.labels != alert.labels:
                if before is not None and not before.refused:
                    yield replace(alert, labels=before.labels, starts_at=before.sent_at, ended_at=now)
                yield alert
            elif whole and not before.refused:
                yield alert

    def _firing(self, finding: Finding, before: Told | None, incident_id: str | None, now: datetime) -> Alert:
        alert = Alert(
            finding.finding_id,
            labels(finding, None if before is None else before.labels, incident_id, self._settings.labels),
            now,
            url=url(finding.finding_id, self._settings.external_url),
        )
        return alert if before is None or before.labels != alert.labels else replace(alert, starts_at=before.sent_at)

    def _ended(self, store: Store, finding_id: str, before: Told, now: datetime) -> Alert:
        """Resolved, muted, or not among the findings any more."""
        found = findings.load(store, finding_id=finding_id)
        ends = [one.ended_at for one in found if one.ended_at is not None and one.status == "resolved"]
        about = annotations(found[0]) if found else {}
        link = url(finding_id, self._settings.external_url)
        return Alert(finding_id, before.labels, before.sent_at, min([*ends, now]), about, link)

    def _post(self, alerts: Sequence[Alert], places: Sequence[int], lasts_until: datetime) -> dict[int, str]:
        """Why which were refused. Alertmanager takes the good ones of a request with bad ones, and may have them twice.

        Raises:
            Unavailable, Misconfigured: nothing can be sent now.
        """
        body = orjson.dumps([alerts[place].posted(lasts_until) for place in places], option=_JSON)
        try:
            self._receiver.post(body)
        except Rejected as refused:
            if len(places) <= 1:
                return {place: str(refused) for place in places}
            half = len(places) // 2
            first = self._post(alerts, places[:half], lasts_until)
            return first | self._post(alerts, places[half:], lasts_until)
        return {}


def _is_news(alert: Alert, before: Told | None) -> bool:
    return alert.ended_at is not None or before is None or before.labels != alert.labels


def _refusal(alert: Alert, reason: str) -> Refusal:
    return Refusal(0, 0, alert.starts_at, f"finding {alert.finding_id}: {reason}")


def _acknowledged(store: Store) -> dict[str, str]:
    """Who said to be at each finding of which that was said."""
    return {each: f"by {mark.text}" if mark.text else "yes" for each, mark in marks.acknowledged(store).items()}


def _incidents(store: Store) -> dict[str, str]:
    """The incident of each finding."""
    return dict(store.execute("SELECT unnest(finding_ids), incident_id FROM incidents"))
