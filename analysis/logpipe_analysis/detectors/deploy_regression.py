"""`deploy_regression`: a deployment after which a service is worse, by the rule of a gate.

The hours before a deployment are its baseline, less the minutes of error spikes. What other findings tell is not told
again: a spike that began with the deployment says so itself, as a rise in latency does, which is then as severe.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import MINUTE, Buckets
from logpipe_analysis.deployments import Deployment, deployments
from logpipe_analysis.detectors.latency import disturbed
from logpipe_analysis.finding import SEVERITIES, Example, Finding, Severity
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.gate.effects import Effect, effects
from logpipe_analysis.gate.logged import Chosen, Logged
from logpipe_analysis.gate.sample import Sample
from logpipe_analysis.gate.told import telling, told
from logpipe_analysis.place import Place
from logpipe_analysis.settings import DeploymentSettings, GateSettings

_SLOWER = ("latency_shift", "latency_trend", "slow_query")
_DAY = timedelta(days=1)
_VERSIONS = "string_agg(DISTINCT version, ', ' ORDER BY version) AS versions"


@dataclass(frozen=True, slots=True)
class _Window:
    """A deployment, and the buckets that are compared: `before` to `at`, and `at` to `after`."""

    deployment: Deployment
    before: int
    at: int
    after: int
    until: int | None
    """The bucket in which the version ran no longer; None where it still runs."""

    @property
    def place(self) -> Place:
        return Place(self.deployment.service, self.deployment.environment)

    def stretches(self, day: int) -> dict[str, tuple[int, int]]:
        """By name, the buckets that are read; `day` is how many buckets a day has."""
        yesterday = (self.at - day, self.after - day) if self.at >= day else (0, 0)
        return {"before": (self.before, self.at), "after": (self.at, self.after), "yesterday": yesterday}


@dataclass(frozen=True, slots=True)
class Regressions:
    """What was found, and the other findings with it."""

    found: list[Finding]
    others: list[Finding]
    """With the deployment named in the spikes that began with it, and rises as severe as the regression they tell."""
    lasting: frozenset[str]
    """Fingerprints of what is not certain enough to be found, but would fail at a gate: what was found is not over."""


def detect(
    buckets: Buckets, settings: DeploymentSettings, gate: GateSettings, others: Sequence[Finding]
) -> Regressions:
    """Compare what followed each deployment with what was before it."""
    windows = list(_windows(buckets, settings))
    if not windows:
        return Regressions([], list(others), frozenset())
    samples = _Samples(buckets, windows, others)
    found, lasting, others = [], set(), list(others)
    for number, window in enumerate(windows):
        for alpha in (settings.alpha, gate.alpha):
            failing, others = _untold(buckets, window, _failing(samples, number, gate, alpha), settings, others)
            if failing:
                break
        if failing and alpha == settings.alpha:
            finding = _finding(buckets, window, failing, samples.version_before(number), others)
            found.append(replace(finding, confidence=1 - settings.alpha))
        elif failing and window.until is None:
            lasting.add(_fingerprint(window))
    return Regressions(found, [_named(buckets, finding, windows, settings) for finding in others], frozenset(lasting))


def _windows(buckets: Buckets, settings: DeploymentSettings) -> Iterator[_Window]:
    """One a deployment; a new version and the event that tells of it are one."""
    length, minute = buckets.range.buckets, MINUTE / buckets.range.bucket
    near = settings.same_minutes * minute
    last_seen = _last_seen(buckets)
    for place, ours in _by_place(deployments(buckets)):
        at = [(one.at - buckets.range.since) // buckets.range.bucket for one in ours]
        starts = [i for i in range(len(ours)) if i == 0 or at[i] - at[i - 1] > near]
        for i, first in enumerate(starts):
            end = starts[i + 1] if i + 1 < len(starts) else len(ours)
            following = at[end] if end < len(ours) else length
            previous = at[first - 1] if first else 0
            version = next((one.version for one in ours[first:end] if one.version), None)
            gone = last_seen.get((place.service, place.environment, version), length - 1) + 1
            yield _Window(
                replace(ours[first], version=version),
                max(previous, at[first] - round(settings.before_minutes * minute), 0),
                at[first],
                min(following, at[first] + round(settings.after_minutes * minute), length),
                min(gone, following) if min(gone, following) < length - near else None,
            )


def _by_place(found: list[Deployment]) -> Iterator[tuple[Place, list[Deployment]]]:
    for place in sorted({Place(one.service, one.environment) for one in found}, key=str):
        ours = [one for one in found if (one.service, one.environment) == (place.service, place.environment)]
        yield place, sorted(ours, key=lambda one: one.at)


def _last_seen(buckets: Buckets) -> dict[tuple[str, str | None, str | None], int]:
    """The last bucket of each version that more than a deployment's own event names."""
    cells = buckets.cells
    named = cells.by(("service", "environment", "version"), np.flatnonzero(cells.keys["version"].notna()))
    return {
        (str(service), environment, version): cells.last(keys)
        for (service, environment, version), keys in named.items()
        if cells.first(keys) < cells.last(keys)
    }


class _Samples:
    """What was logged around each deployment, but for the buckets of error spikes."""

    def __init__(self, buckets: Buckets, windows: Sequence[_Window], others: Sequence[Finding]) -> None:
        self._windows, self._day = windows, _DAY // buckets.range.bucket
        spikes = [one for one in others if one.kind == "error_spike"]
        wanted = {window.place: np.zeros(buckets.range.buckets, dtype=bool) for window in windows}
        for window in windows:
            for since, until in window.stretches(self._day).values():
                wanted[window.place][since:until] = True
        self._logged = {
            place: Logged(buckets, place, near & ~disturbed(buckets, place, spikes)) for place, near in wanted.items()
        }

    def of(self, number: int, stretch: str) -> Sample:
        """A stretch of one deployment: of the new version after it, of any other before."""
        return self._logged[self._windows[number].place].sample(*self._asked(number, stretch))

    def version_before(self, number: int) -> str | None:
        """The one that most was logged by."""
        return self._logged[self._windows[number].place].most(*self._asked(number, "before"))

    def _asked(self, number: int, stretch: str) -> tuple[int, int, Chosen]:
        window = self._windows[number]
        since, until = window.stretches(self._day)[stretch]
        new, after = window.deployment.version, stretch == "after"

        def chosen(version: str | None) -> bool:
            return new is None or (version == new) is after or (after and version is None)

        return since, until, chosen


def _failing(samples: _Samples, number: int, gate: GateSettings, alpha: float) -> list[Effect]:
    """What fails beside the hours before, and is no usual thing at that time of day where the day before is known."""
    after = samples.of(number, "after")
    found = effects(samples.of(number, "before"), after, gate, alpha, worse_only=True)
    failing = [effect for effect in found if effect.outcome == "fail"]
    yesterday = samples.of(number, "yesterday") if failing else None
    if yesterday is None or 2 * len(yesterday.minutes) < len(after.minutes):
        return failing
    usual = {(one.metric, one.kind, one.operation): one for one in effects(yesterday, after, gate, alpha)}
    return [
        effect
        for effect in failing
        if (other := usual.get((effect.metric, effect.kind, effect.operation))) is None
        or other.ratio.value > other.tolerated_ratio
    ]


def _untold(
    buckets: Buckets, window: _Window, failing: list[Effect], settings: DeploymentSettings, others: list[Finding]
) -> tuple[list[Effect], list[Finding]]:
    """What no other finding tells; and the others, one of which is as severe as the slowness that is left to it.

    The deployment's spike tells of the errors, and a rise that began in these hours of the latency.
    """
    slower = [effect for effect in failing if effect.unit == "ms"]
    failing_more = [effect for effect in failing if effect.unit != "ms"]
    if any(_began_with(buckets, one, window, settings) for one in others):
        failing_more = []
    onset, latest = buckets.range.at(window.at), buckets.range.at(window.after)
    earliest = onset - timedelta(minutes=settings.same_minutes)
    rises = [
        one
        for one in others
        if one.kind in _SLOWER and one.service == window.place.service and earliest <= one.started_at < latest
    ]
    if slower and rises:
        least = SEVERITIES.index(_severity(slower))
        nearest = min(rises, key=lambda one: (-SEVERITIES.index(one.severity), abs(one.started_at - onset)))
        as_severe = replace(nearest, severity=SEVERITIES[max(SEVERITIES.index(nearest.severity), least)])
        others, slower = [as_severe if one is nearest else one for one in others], []
    return [effect for effect in failing if effect in slower or effect in failing_more], others


def _began_with(buckets: Buckets, finding: Finding, window: _Window, settings: DeploymentSettings) -> bool:
    """Whether it is an error spike that began with a deployment."""
    near = timedelta(minutes=settings.same_minutes)
    return (
        finding.kind == "error_spike"
        and Place(finding.service, finding.environment) == window.place
        and abs(finding.started_at - buckets.range.at(window.at)) <= near
    )


def _named(buckets: Buckets, finding: Finding, windows: Sequence[_Window], settings: DeploymentSettings) -> Finding:
    """A finding that began with a deployment, with a sentence that says so."""
    window = next((one for one in windows if _began_with(buckets, finding, one, settings)), None)
    if window is None:
        return finding
    version = window.deployment.version or "a new version"
    return replace(finding, explanation=f"{finding.explanation} It began with the deployment of {version}.")


def _finding(
    buckets: Buckets, window: _Window, failing: list[Effect], before: str | None, others: Sequence[Finding]
) -> Finding:
    place, start = window.place, buckets.range.at(window.at)
    end = None if window.until is None else buckets.range.at(window.until)
    version = window.deployment.version or "the new version"
    worst = telling(failing)[0]
    new = next(
        (one.subject for one in others if one.kind == "new_pattern" and one.service == place.service
         and start <= one.started_at < buckets.range.at(window.after)),
        None,
    )  # fmt: skip
    beside = f"; with it a new error, “{phrases.shortened(new, 80)}”" if new else ""
    than = before or "before"
    reasons = "; ".join(map(told, telling(failing)[:3]))
    return Finding(
        kind="deploy_regression",
        severity=_severity(failing),
        service=place.service,
        environment=place.environment,
        subject=window.deployment.version,
        started_at=start,
        ended_at=end,
        baseline=worst.baseline,
        observed=worst.candidate,
        unit=worst.unit,
        score=round(worst.ratio.low / worst.tolerated_ratio, 3),
        confidence=0.0,  # of the settings
        title=phrases.shortened(f"{version} is worse than {than}"),
        explanation=(
            f"{place.service}: {version} is worse than {than}: {reasons}{beside}; "
            f"{phrases.span(start, end, buckets.range.bucket)}."
        ),
        evidence=_examples(buckets, window, failing),
        sql=buckets.shown(
            rolled=f"{_VERSIONS}, sum(events)::BIGINT AS events, {evidence.SERVED} AS server_errors, "
            f"{evidence.LOGGED} AS logged_errors",
            counted=f"{_VERSIONS}, count(*) AS events, count(*) FILTER (http_status >= 500) AS server_errors, "
            "count(*) FILTER (severity >= 17) AS logged_errors",
            relation="rollup_minute",
            condition=place.condition(),
            since=buckets.range.at(window.before),
            until=buckets.range.at(window.after),
        ),
        fingerprint=_fingerprint(window),
    )


def _fingerprint(window: _Window) -> str:
    place = window.place
    return fingerprint("deploy_regression", place.service, place.environment, window.deployment.version)


def _severity(failing: list[Effect]) -> Severity:
    """Critical where the whole service has certainly three times the errors, or takes certainly twice as long."""
    whole = [effect for effect in failing if effect.operation is None]
    grave = any(effect.ratio.low >= (2 if effect.unit == "ms" else 3) for effect in whole)
    return "critical" if grave else "warning"


def _examples(buckets: Buckets, window: _Window, failing: list[Effect]) -> tuple[Example, ...]:
    """Its errors where there are more of them, else the slowest of what became slow."""
    worst = telling(failing)[0]
    stretch = evidence.within(buckets.range.at(window.at), buckets.range.at(window.after))
    condition = f"{window.place.condition()} AND {stretch} AND {evidence.of_version(window.deployment.version)}"
    if worst.unit != "ms":
        return evidence.examples(buckets.store, f"{condition} AND {evidence.ERRORS}")
    slow = next((one for one in failing if one.unit == "ms" and one.kind and one.operation), None)
    of = evidence.operation_is(slow.kind, slow.operation) if slow and slow.kind and slow.operation else "true"
    return evidence.examples(buckets.store, f"{condition} AND isfinite(duration_ms) AND {of}", order="-duration_ms")
