"""What speaks for one cause behind two findings, from their rows: deployments, operations, exceptions and requests."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from logpipe.store.literals import literal
from logpipe_analysis import phrases
from logpipe_analysis.buckets import MINUTE, Buckets, Place
from logpipe_analysis.deployments import Deployment, deployments
from logpipe_analysis.evidence import ERRORS, within
from logpipe_analysis.finding import Finding
from logpipe_analysis.settings import IncidentSettings
from logpipe_analysis.sides import OPERATION

_SLOW: Final = ("slow_query", "latency_shift", "latency_trend")
_FAILING: Final = {"error_spike": ERRORS, "new_pattern": f"(severity >= 13 OR {ERRORS})"}
_LOOKED_AT: Final = timedelta(hours=1)
"""Of a long finding, so much from its onset on."""
_EARLIER: Final = 3 * MINUTE
"""A finding may begin so long before its deployment: clocks and buckets are not that exact."""
_LEADING: Final = 1 / 3
"""Of the errors of a finding, the share from which an exception leads."""


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


class Evidence:
    """The store up to the end of the analysed range, asked about findings."""

    def __init__(self, buckets: Buckets, settings: IncidentSettings) -> None:
        self._buckets, self._settings = buckets, settings
        self._deployments = deployments(buckets)
        self._streams = {name for (name,) in buckets.store.execute(f"SELECT DISTINCT stream FROM {buckets.counts}")}
        self._exceptions: dict[str, str | None] = {}

    def link(self, one: Finding, other: Finding) -> Link | None:
        """The strongest evidence of a common cause; None where there is none."""
        if other.started_at < one.started_at:
            one, other = other, one
        if one.environment and other.environment and one.environment != other.environment:
            return None
        reason = self._deployed_together(one, other)
        if reason is None and other.started_at - one.started_at <= self._settings.together_minutes * MINUTE:
            reason = self._in_one_service(one, other) or self._same_exception(one, other)
            reason = reason or self._about_the_same(one, other)
            if one.service != other.service:
                return self._by_requests(one, other, reason)
        return Link(one.finding_id, other.finding_id, reason) if reason else None

    def deployment(self, finding: Finding) -> Deployment | None:
        """The last deployment of its service that a finding followed; one with a version first."""
        earliest = finding.started_at - self._settings.deployment_minutes * MINUTE
        near = [
            one
            for one in self._deployments
            if one.service == finding.service and earliest <= one.at <= finding.started_at + _EARLIER
        ]
        return max(near, key=lambda one: (one.version is not None, one.at), default=None)

    def exception(self, finding: Finding) -> str | None:
        """The exception that leads among the errors of a finding."""
        if finding.kind not in _FAILING:
            return None
        if finding.finding_id not in self._exceptions:
            self._exceptions[finding.finding_id] = self._leading_exception(finding)
        return self._exceptions[finding.finding_id]

    def _deployed_together(self, one: Finding, other: Finding) -> str | None:
        first, second = self.deployment(one), self.deployment(other)
        if first is None or second is None or first.version is None or second.version is None:
            return None
        if first == second:
            return f"both after the deployment of {first.version}"
        if abs(first.at - second.at) <= self._settings.rollout_minutes * MINUTE:
            return f"after deployments at {first.at:%H:%M} and {second.at:%H:%M}"
        return None

    def _in_one_service(self, one: Finding, other: Finding) -> str | None:
        return f"both in {one.service}" if one.service == other.service else None

    def _about_the_same(self, one: Finding, other: Finding) -> str | None:
        if one.subject is None or one.subject != other.subject or one.subject in self._streams:
            return None
        return (
            "the same query in both" if one.kind == "slow_query" else f"both about {phrases.shortened(one.subject, 50)}"
        )

    def _same_exception(self, one: Finding, other: Finding) -> str | None:
        name = self.exception(one)
        return f"{name.rsplit('.', 1)[-1]} in both" if name and name == self.exception(other) else None

    def _leading_exception(self, finding: Finding) -> str | None:
        rows = self._buckets.store.execute(
            f"SELECT exception_type, count(*) FROM events WHERE {self._rows(finding, finding.started_at)} "
            "AND exception_type IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        total = sum(count for _, count in rows)
        return rows[0][0] if rows and rows[0][1] >= max(_LEADING * total, self._settings.shared_requests) else None

    def _by_requests(self, one: Finding, other: Finding, otherwise: str | None) -> Link | None:
        """A link by the requests of both, which also tell whose rows come first; else for the other reason, if any."""
        shared = self._shared(self._rows(one, other.started_at), self._rows(other, other.started_at))
        enough = max(self._settings.shared_requests, self._settings.shared_share * shared.fewer)
        if shared.both >= enough and self._beyond_chance(one, other, shared):
            together = one.started_at == other.started_at
            if together and shared.later:
                one, other = other, one
            return Link(one.finding_id, other.finding_id, f"{shared.both:,} requests in both", together)
        reason = otherwise or self._connected(one, other)
        return Link(one.finding_id, other.finding_id, reason) if reason else None

    def _beyond_chance(self, one: Finding, other: Finding, shared: "_Shared") -> bool:
        """Whether so many requests are in both because of what is wrong, and not because each has many."""
        window = self._stretch(other, other.started_at)
        condition = f"(({_place(one)}) OR ({_place(other)})) AND {window}"
        [(requests,)] = self._buckets.store.execute(f"SELECT count(*) FROM ({_requests(condition)})")
        return bool(shared.both * requests >= self._settings.shared_lift * shared.first * shared.second)

    def _connected(self, one: Finding, other: Finding) -> str | None:
        """Services that share requests at all times, with findings that begin at once."""
        if other.started_at - one.started_at > self._settings.connected_minutes * MINUTE:
            return None
        before = within(one.started_at - _LOOKED_AT, one.started_at)
        shared = self._shared(f"{_place(one)} AND {before}", f"{_place(other)} AND {before}")
        enough = max(self._settings.shared_requests, self._settings.connected_share * shared.fewer)
        return "requests go through both services" if shared.both >= enough else None

    def _shared(self, one: str, other: str) -> "_Shared":
        """Requests of the rows under both conditions."""
        [(first, second, both, later)] = self._buckets.store.execute(
            f"""
            WITH one AS ({_requests(one)}), other AS ({_requests(other)})
            SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM other), count(*),
                coalesce(avg((other.ts < one.ts)::INTEGER) > 0.5, false)
            FROM one JOIN other USING (request)
            """
        )
        return _Shared(first, second, both, later)

    def _rows(self, finding: Finding, since: datetime) -> str:
        """The rows that a finding is about, as SQL; none where it is not about rows, as of a silence."""
        condition = f"{_place(finding)} AND {self._stretch(finding, since)}"
        if finding.kind in _SLOW and finding.unit == "ms" and finding.observed and finding.baseline:
            between = (finding.observed * finding.baseline) ** 0.5
            slow = f"duration_ms > {literal(between)} AND ({OPERATION}) = {literal(finding.subject)}"
            return f"{condition} AND {slow}"
        return f"{condition} AND {_FAILING.get(finding.kind, 'false')}"

    def _stretch(self, finding: Finding, since: datetime) -> str:
        """The finding from a moment on, for an hour at most."""
        until = self._buckets.range.until
        return within(since, min(finding.ended_at or until, since + _LOOKED_AT, until))


@dataclass(frozen=True, slots=True)
class _Shared:
    """Requests of one kind of rows, of another, and in both."""

    first: int
    second: int
    both: int
    later: bool
    """Whether of most that are in both the second's rows come first."""

    @property
    def fewer(self) -> int:
        return min(self.first, self.second)


def _place(finding: Finding) -> str:
    return Place(finding.service, finding.environment).condition()


def _requests(condition: str) -> str:
    """The requests of the rows under a condition, each with when it came first."""
    return (
        "SELECT request, min(ts) AS ts FROM (SELECT ts, unnest([trace_id, request_id]) AS request FROM events "
        f"WHERE {condition}) WHERE request IS NOT NULL GROUP BY request"
    )
