"""Incidents: findings of one cause, put together once and kept together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
import orjson

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import findings
from logpipe_analysis.buckets import MINUTE, Buckets
from logpipe_analysis.finding import SEVERITIES, Finding, Severity
from logpipe_analysis.first_line import first_line, in_order
from logpipe_analysis.links import Evidence, Link
from logpipe_analysis.settings import IncidentSettings

_ID_LENGTH = 8
"""Of a finding's id."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One or more findings of one cause."""

    incident_id: str
    """An i, and the id of the finding that it began with."""
    title: str
    """What probably happened, from the evidence alone."""
    findings: tuple[Finding, ...]
    """In the order of their onsets."""
    links: tuple[Link, ...]
    """What puts them together."""

    @property
    def severity(self) -> Severity:
        """That of its worst finding."""
        return max((one.severity for one in self.findings), key=SEVERITIES.index)

    @property
    def open(self) -> bool:
        """Whether any of it lasts."""
        return any(one.status == "open" for one in self.findings)

    @property
    def started_at(self) -> datetime:
        return min(one.started_at for one in self.findings)

    @property
    def ended_at(self) -> datetime | None:
        """None while any of it lasts."""
        ends = [one.ended_at for one in self.findings if one.ended_at is not None]
        return max(ends) if len(ends) == len(self.findings) else None

    @property
    def services(self) -> tuple[str, ...]:
        """In the order in which they were hit."""
        return tuple(dict.fromkeys(one.service for one in self.findings))


@dataclass(frozen=True, slots=True)
class _Stored:
    incident_id: str
    title: str
    finding_ids: tuple[str, ...]
    links: tuple[Link, ...]


def load(store: Store) -> list[Incident]:
    """All incidents, the newest onset first."""
    by_id = {one.finding_id: one for one in findings.load(store) if one.status in ("open", "resolved")}
    loaded = []
    for stored in _stored(store):
        own = tuple(by_id[each] for each in stored.finding_ids if each in by_id)
        if own:
            loaded.append(Incident(stored.incident_id, stored.title, own, stored.links))
    return sorted(loaded, key=lambda one: (one.started_at, one.incident_id), reverse=True)


def find(store: Store, known_id: str, database: str) -> Incident:
    """The incident with this id, or with this finding; the id of one that has become part of another finds that one.

    Raises:
        QueryError: there is none.
    """
    finding_id = known_id[1:] if len(known_id) == _ID_LENGTH + 1 else known_id
    for one in load(store):
        if one.incident_id == known_id or finding_id in (each.finding_id for each in one.findings):
            return one
    raise QueryError(
        f"no incident has the id {known_id!r} in {database}",
        remedy=f"list them with: logpipe incidents --db {database}",
        reason="unknown_incident",
    )


def members(store: Store, incident_id: str) -> list[Finding]:
    """The findings of the incident of this id, those that are muted among them; empty where it is none.

    The id of one that has become part of another means that one.
    """
    if len(incident_id) != _ID_LENGTH + 1:
        return []
    found = (one.finding_ids for one in _stored(store) if incident_id == one.incident_id)
    part_of = (one.finding_ids for one in _stored(store) if incident_id[1:] in one.finding_ids)
    ids = next(found, None) or next(part_of, ())
    return [one for one in findings.load(store) if one.finding_id in ids]


def record(buckets: Buckets, changes: findings.Changes, settings: IncidentSettings, now: datetime) -> None:
    """Put what an analysis changed among the findings into incidents, in one transaction; nothing where nothing did.

    Findings that are in one incident stay so. Where one links two incidents they become one, with the id of the older.
    """
    touched = {one.finding_id for one in (*changes.new, *changes.updated, *changes.resolved)}
    if not touched:
        return
    store = buckets.store
    every = {one.finding_id: one for one in findings.load(store)}
    evidence = Evidence(buckets, settings, every.values())
    stored = _stored(store)
    links = [link for one in stored for link in one.links]
    linked = {frozenset((link.one, link.other)) for link in links}
    near = _near(every.values(), touched, buckets.range.until, settings)
    links += evidence.links(
        (one, other) for one, other in near if frozenset((one.finding_id, other.finding_id)) not in linked
    )
    gone, changed = [], []
    for group in _groups(every, stored, links):
        if touched & group.keys():
            before = [one for one in stored if group.keys() & set(one.finding_ids)]
            after = _told(group, before, [link for link in links if link.one in group], evidence)
            if before != [after]:
                gone += before
                changed.append(after)
    if changed:
        with store.transaction() as connection:
            _write(connection, gone, changed, now)


def _near(
    every: Iterable[Finding], touched: Set[str], until: datetime, settings: IncidentSettings
) -> Iterator[tuple[Finding, Finding]]:
    """Pairs of which one has changed, near enough to be of one cause, the earlier first."""
    reach = max(settings.together_minutes, 2 * settings.deployment_minutes) * MINUTE
    ordered = sorted((one for one in every if one.started_at < until), key=lambda one: (one.started_at, one.finding_id))
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.started_at - one.started_at > reach:
                break
            if one.finding_id in touched or other.finding_id in touched:
                yield one, other


def _groups(
    every: Mapping[str, Finding], stored: Sequence[_Stored], links: Iterable[Link]
) -> Iterator[dict[str, Finding]]:
    """Findings that hang together, by what is stored and by links."""
    leader = {each: each for each in every}

    def leading(each: str) -> str:
        while leader[each] != each:
            each = leader[each]
        return each

    together = [*(one.finding_ids for one in stored), *((link.one, link.other) for link in links)]
    for ids in together:
        known = [each for each in ids if each in leader]
        for each in known[1:]:
            leader[leading(each)] = leading(known[0])
    groups: dict[str, dict[str, Finding]] = {}
    for each, finding in every.items():
        groups.setdefault(leading(each), {})[each] = finding
    yield from groups.values()


def _told(
    group: Mapping[str, Finding], before: Sequence[_Stored], links: Sequence[Link], evidence: Evidence
) -> _Stored:
    """A group as it is stored: under the id that it has, or that the oldest of several had."""
    ordered = in_order(group, links, evidence)
    ids = tuple(one.finding_id for one in ordered)
    oldest = min(before, key=lambda one: (min(map(ids.index, one.finding_ids)), one.incident_id), default=None)
    incident_id = oldest.incident_id if oldest else f"i{ids[0]}"
    sure = tuple(sorted(links, key=lambda link: (ids.index(link.one), ids.index(link.other))))
    return _Stored(incident_id, first_line(ordered, sure, evidence), ids, sure)


def _stored(store: Store) -> list[_Stored]:
    rows = store.execute("SELECT incident_id, title, finding_ids, links FROM incidents ORDER BY incident_id")
    return [
        _Stored(incident_id, title, tuple(ids), tuple(Link(**link) for link in orjson.loads(links)))
        for incident_id, title, ids, links in rows
    ]


def _write(
    connection: duckdb.DuckDBPyConnection, gone: Sequence[_Stored], changed: Sequence[_Stored], now: datetime
) -> None:
    """Replace rows; one that was known keeps the time at which it was detected."""
    detected = dict(connection.execute("SELECT incident_id, detected_at FROM incidents").fetchall())
    for one in gone:
        connection.execute("DELETE FROM incidents WHERE incident_id = ?", [one.incident_id])
    for one in changed:
        links = orjson.dumps([asdict(link) for link in one.links]).decode()
        connection.execute(
            "INSERT INTO incidents (incident_id, title, finding_ids, links, detected_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [one.incident_id, one.title, list(one.finding_ids), links, detected.get(one.incident_id, now), now],
        )
