"""Incidents: findings of one cause, as they are stored."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
import orjson

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import findings
from logpipe_analysis.finding import SEVERITIES, Finding, Severity

_ID_LENGTH = 8
"""Of a finding's id."""


@dataclass(frozen=True, slots=True)
class Link:
    """Two findings of one cause."""

    one: str
    other: str
    """Their ids; `one` began first."""
    reason: str
    """What shows it, in a few words."""
    leads: bool = False
    """Whether they began together, and the rows of `one` come first in the requests of both."""


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
class Group:
    """An incident as it is stored: its findings are named only."""

    incident_id: str
    title: str
    finding_ids: tuple[str, ...]
    links: tuple[Link, ...]


def load(store: Store) -> list[Incident]:
    """All incidents, the newest onset first."""
    by_id = {one.finding_id: one for one in findings.load(store) if one.status in ("open", "resolved")}
    loaded = []
    for stored in groups(store):
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
    found = (one.finding_ids for one in groups(store) if incident_id == one.incident_id)
    part_of = (one.finding_ids for one in groups(store) if incident_id[1:] in one.finding_ids)
    ids = next(found, None) or next(part_of, ())
    return [one for one in findings.load(store) if one.finding_id in ids]


def groups(store: Store) -> list[Group]:
    """Those of all incidents, in the order of their ids."""
    rows = store.execute("SELECT incident_id, title, finding_ids, links FROM incidents ORDER BY incident_id")
    return [
        Group(incident_id, title, tuple(ids), tuple(Link(**link) for link in orjson.loads(links)))
        for incident_id, title, ids, links in rows
    ]


def replace(
    connection: duckdb.DuckDBPyConnection, gone: Sequence[Group], changed: Sequence[Group], now: datetime
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
