"""What speaks for one cause behind two findings, from their rows: deployments, operations, exceptions and requests."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from logpipe.store.literals import literal
from logpipe_analysis import phrases
from logpipe_analysis.buckets import MINUTE, Buckets
from logpipe_analysis.common_requests import Rows, exceptions, shared
from logpipe_analysis.deployments import Deployment, deployments
from logpipe_analysis.evidence import ERRORS
from logpipe_analysis.finding import Finding
from logpipe_analysis.incidents import Link
from logpipe_analysis.place import Place
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

_T = TypeVar("_T")
Pair = tuple[Finding, Finding]


class Evidence:
    """The store up to the end of the analysed range, asked about findings."""

    def __init__(self, buckets: Buckets, settings: IncidentSettings, findings: Iterable[Finding]) -> None:
        """`findings` are all that may be asked about."""
        self._buckets, self._settings = buckets, settings
        self._deployments = deployments(buckets)
        self._streams = {name for (name,) in buckets.store.execute(f"SELECT DISTINCT stream FROM {buckets.counts}")}
        self._failing = _by_onset((one, one) for one in findings if one.kind in _FAILING)
        self._exceptions: dict[str, str | None] = {}
        self._followed: dict[str, Deployment | None] = {}

    def links(self, pairs: Iterable[Pair]) -> list[Link]:
        """Of each pair, the earlier first, the strongest evidence of a common cause, where there is any."""
        found, asked = [], []
        for one, other in pairs:
            if one.environment and other.environment and one.environment != other.environment:
                continue
            if reason := self._deployed_together(one, other):
                found.append(Link(one.finding_id, other.finding_id, reason))
            elif other.started_at - one.started_at <= self._settings.together_minutes * MINUTE:
                if one.service != other.service:
                    asked.append((one, other))
                else:
                    found.append(Link(one.finding_id, other.finding_id, f"both in {one.service}"))
        by_requests = self._by_requests(asked)
        linked = {frozenset((link.one, link.other)) for link in by_requests}
        rest = [(one, other) for one, other in asked if frozenset((one.finding_id, other.finding_id)) not in linked]
        return [*found, *by_requests, *self._otherwise(rest)]

    def deployment(self, finding: Finding) -> Deployment | None:
        """The last deployment of its service that a finding followed; one with a version first."""
        if finding.finding_id not in self._followed:
            earliest = finding.started_at - self._settings.deployment_minutes * MINUTE
            near = [
                one
                for one in self._deployments
                if one.service == finding.service and earliest <= one.at <= finding.started_at + _EARLIER
            ]
            last = max(near, key=lambda one: (one.version is not None, one.at), default=None)
            self._followed[finding.finding_id] = last
        return self._followed[finding.finding_id]

    def exception(self, finding: Finding) -> str | None:
        """The exception that leads among the errors of a finding."""
        if finding.kind not in _FAILING:
            return None
        if finding.finding_id not in self._exceptions:
            self._read_exceptions(finding.started_at)
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

    def _about_the_same(self, one: Finding, other: Finding) -> str | None:
        if one.subject is None or one.subject != other.subject or one.subject in self._streams:
            return None
        return (
            "the same query in both" if one.kind == "slow_query" else f"both about {phrases.shortened(one.subject, 50)}"
        )

    def _same_exception(self, one: Finding, other: Finding) -> str | None:
        name = self.exception(one)
        return f"{name.rsplit('.', 1)[-1]} in both" if name and name == self.exception(other) else None

    def _read_exceptions(self, onset: datetime) -> None:
        """Those of all findings that began then."""
        own = self._failing[onset]
        found = exceptions(self._buckets.store, onset, [self._rows(one, onset) for one in own])
        for one, named in zip(own, found, strict=True):
            enough = max(_LEADING * sum(count for _, count in named), self._settings.shared_requests)
            self._exceptions[one.finding_id] = named[0][0] if named and named[0][1] >= enough else None

    def _by_requests(self, pairs: Iterable[Pair]) -> list[Link]:
        """Links of pairs that share requests beyond chance; the requests also tell whose rows come first."""
        return [
            link
            for onset, of_onset in _by_onset((other, (one, other)) for one, other in pairs).items()
            for link in self._of_onset(onset, of_onset)
        ]

    def _of_onset(self, onset: datetime, pairs: Sequence[Pair]) -> Iterator[Link]:
        """Those of pairs whose later finding began then."""
        store, settings = self._buckets.store, self._settings
        found = shared(store, onset, [(self._rows(one, onset), self._rows(other, onset)) for one, other in pairs])
        many = [
            (one, other, requests)
            for (one, other), requests in zip(pairs, found, strict=True)
            if requests.both >= max(settings.shared_requests, settings.shared_share * requests.fewer)
        ]
        whole = shared(store, onset, [_everything(one, other, self._end(other, onset)) for one, other, _ in many])
        for (one, other, requests), every in zip(many, whole, strict=True):
            # Else it is chance: each is in many of the requests.
            if requests.both * every.either >= settings.shared_lift * requests.first * requests.second:
                together = one.started_at == other.started_at
                first, second = (other, one) if together and requests.later else (one, other)
                yield Link(first.finding_id, second.finding_id, f"{requests.both:,} requests in both", together)

    def _otherwise(self, pairs: Iterable[Pair]) -> Iterator[Link]:
        """Links of pairs of different services for another reason than requests that went wrong in both."""
        unexplained = []
        for one, other in pairs:
            if reason := self._same_exception(one, other) or self._about_the_same(one, other):
                yield Link(one.finding_id, other.finding_id, reason)
            elif other.started_at - one.started_at <= self._settings.connected_minutes * MINUTE:
                unexplained.append((one, (one, other)))
        for onset, of_onset in _by_onset(unexplained).items():
            yield from self._connected(onset, of_onset)

    def _connected(self, onset: datetime, pairs: Sequence[Pair]) -> Iterator[Link]:
        """Services that share requests at all times, with findings that begin at once, the earlier one then."""
        before = [_everything(one, other, onset) for one, other in pairs]
        found = shared(self._buckets.store, onset - _LOOKED_AT, before)
        for (one, other), requests in zip(pairs, found, strict=True):
            enough = max(self._settings.shared_requests, self._settings.connected_share * requests.fewer)
            if requests.both >= enough:
                yield Link(one.finding_id, other.finding_id, "requests go through both services")

    def _rows(self, finding: Finding, since: datetime) -> Rows:
        """The rows that a finding is about; none where it is not about rows, as of a silence."""
        condition = _FAILING.get(finding.kind, "false")
        if finding.kind in _SLOW and finding.unit == "ms" and finding.observed and finding.baseline:
            between = (finding.observed * finding.baseline) ** 0.5
            condition = f"duration_ms > {literal(between)} AND ({OPERATION}) = {literal(finding.subject)}"
        return Rows(_place(finding), self._end(finding, since), condition)

    def _end(self, finding: Finding, since: datetime) -> datetime:
        """To where a finding is looked at from a moment on: an hour at most."""
        until = self._buckets.range.until
        return min(finding.ended_at or until, since + _LOOKED_AT, until)


def _place(finding: Finding) -> Place:
    return Place(finding.service, finding.environment)


def _everything(one: Finding, other: Finding, until: datetime) -> tuple[Rows, Rows]:
    """All rows of both places."""
    return Rows(_place(one), until), Rows(_place(other), until)


def _by_onset(of: Iterable[tuple[Finding, _T]]) -> dict[datetime, list[_T]]:
    """Values put together by the onset of the finding beside each."""
    onsets: dict[datetime, list[_T]] = {}
    for finding, value in of:
        onsets.setdefault(finding.started_at, []).append(value)
    return onsets
