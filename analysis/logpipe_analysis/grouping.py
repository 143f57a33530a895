"""Findings of one cause, put together once and kept together: how incidents come to be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime

from logpipe_analysis import findings
from logpipe_analysis.buckets import MINUTE, Buckets
from logpipe_analysis.finding import Finding
from logpipe_analysis.first_line import first_line, in_order
from logpipe_analysis.incidents import Group, Link, groups, replace
from logpipe_analysis.links import Evidence
from logpipe_analysis.settings import IncidentSettings


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
    stored = groups(store)
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
            replace(connection, gone, changed, now)


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
    every: Mapping[str, Finding], stored: Sequence[Group], links: Iterable[Link]
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
    by_leader: dict[str, dict[str, Finding]] = {}
    for each, finding in every.items():
        by_leader.setdefault(leading(each), {})[each] = finding
    yield from by_leader.values()


def _told(group: Mapping[str, Finding], before: Sequence[Group], links: Sequence[Link], evidence: Evidence) -> Group:
    """A group as it is stored: under the id that it has, or that the oldest of several had."""
    ordered = in_order(group, links, evidence)
    ids = tuple(one.finding_id for one in ordered)
    oldest = min(before, key=lambda one: (min(map(ids.index, one.finding_ids)), one.incident_id), default=None)
    incident_id = oldest.incident_id if oldest else f"i{ids[0]}"
    sure = tuple(sorted(links, key=lambda link: (ids.index(link.one), ids.index(link.other))))
    return Group(incident_id, first_line(ordered, sure, evidence), ids, sure)
