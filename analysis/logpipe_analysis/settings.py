"""Every parameter of the detectors, with its unit and meaning."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ErrorSpikeSettings:
    """When errors are a spike."""

    history_days: int = 3
    """Days of trailing baseline."""
    min_history_buckets: int = 20
    """Buckets of baseline without which a bucket is not judged: the detector is still learning."""
    windows: tuple[int, ...] = (1, 3, 8)
    """Lengths, in buckets, over which errors are summed and judged; the first is 1."""
    cap_quantile: float = 0.975
    """A past bucket enters the baseline capped at this quantile of its own expectation."""
    false_share: float = 0.1
    """The share of the findings that may be false, over all services and `share_histories`."""
    share_histories: int = 5
    """Times `history_days` that the share is kept over."""
    own_p_value: float = 0.05
    """A bucket of an improbable window belongs to the episode when it is itself as improbable as this."""
    min_errors: int = 5
    """Errors in the window, without which there is no spike."""
    max_names: int = 50
    """Loggers, and patterns, of a service that are judged at most: those with most errors."""
    min_ratio: float = 2.0
    """Observed errors per expected error, below which there is no spike."""
    min_presence: float = 0.7
    """Where fewer of a service's buckets hold any event, errors are judged by time and not by volume."""
    max_gap_buckets: int = 6
    """Improbable buckets at most this far apart are one episode."""
    min_gap_minutes: float = 6.0
    """The same in minutes, where buckets are shorter: an outage stays one, however closely it is looked at."""

    def gap_buckets(self, bucket: timedelta) -> int:
        """Improbable buckets of this length at most so far apart are one episode."""
        return max(self.max_gap_buckets, -(-timedelta(minutes=self.min_gap_minutes) // bucket))


@dataclass(frozen=True, slots=True)
class StepSettings:
    """When a level has stepped."""

    alpha: float = 1e-4
    """The chance of seeing a step in a series without one."""
    min_effect: float = 0.75
    """The least step, in standard deviations of the series around its levels."""
    min_length: int = 5
    """Values that a level lasts at least."""
    hampel_window: int = 7
    """Values that an outlier is judged by, itself in the middle."""
    hampel_limit: float = 4.0
    """Deviations from the neighbours' median from which a value is an outlier."""


@dataclass(frozen=True, slots=True)
class LatencySettings:
    """When the latency of an operation has risen."""

    bin_events: int = 20
    """Events that most bins hold; buckets are put together until they do."""
    min_bins: int = 20
    """Bins without which an operation is not judged."""
    min_ratio: float = 1.2
    """The least rise of the figure that shows it, as a factor."""
    min_added_ms: float = 1.0
    """The least rise in milliseconds."""
    min_events: int = 50
    """Events before and after, without which a rise is not reported."""
    min_duration_buckets: int = 10
    """Buckets that a rise lasts at least."""
    min_baseline_buckets: int = 15
    """Buckets of the level before."""
    min_ramp_buckets: int = 10
    """Buckets that a gradual rise takes at least; a shorter one is a step."""
    min_ramp_reach_buckets: int = 60
    """Buckets of the level before, and half as many of the level after, that a trend's onset is sought in at least."""
    p_value: float = 1e-6
    """The chance of a rise, above which it is not reported: many operations are looked at, every minute of the day."""
    trend_alpha: float = 1e-3
    """The chance of taking a step for a trend, and of a trend where there is none."""
    season_days: int = 2
    """Days of history from which on the profile of the day is taken out."""
    limit_p95_ms: float = 1000.0
    """The p95 that is not to be passed: of a climb that goes on it is said when it will be."""
    horizon_days: int = 30
    """Days ahead beyond which nothing is said of that."""
    deployment_minutes: int = 3
    """A rise this near to a new version or an event named `deployment` is put down to it."""
    together_buckets: int = 3
    """Rises of one service that begin this near to each other are one finding."""


@dataclass(frozen=True, slots=True)
class SlowQuerySettings:
    """When a query has turned slow for a while; lasting rises are judged by `LatencySettings`."""

    min_executions: int = 30
    """Executions in the range, without which a query is not judged."""
    slow_ratio: float = 4.0
    """An execution is slow from this many times the query's usual p95."""
    min_slow_ms: float = 50.0
    """An execution faster than this is never slow."""
    slow_log_ms: float = 10.0
    """A service whose fastest logged query takes longer than this logs slow queries only."""
    min_slow: int = 3
    """Slow executions in the window, without which there is no burst."""
    p_value: float = 1e-6
    """The chance of so many slow executions, below which it is a burst."""
    min_added_ms: float = 1000.0
    """Time that a burst adds at least."""
    history_days: int = 3
    """Days of trailing baseline."""
    min_history_buckets: int = 15
    """Buckets of baseline without which a bucket is not judged."""
    windows: tuple[int, ...] = (1, 3, 6)
    """Lengths, in buckets, over which slow executions are summed and judged; the first is 1."""
    cap_quantile: float = 0.975
    """A past bucket enters the baseline capped at this quantile of its own expectation."""
    max_gap_buckets: int = 6
    """Buckets at most this far apart are one burst."""


@dataclass(frozen=True, slots=True)
class NewQuerySettings:
    """When a query is new, and worth telling of."""

    min_executions: int = 30
    """Executions in the range, without which a query is not told of."""
    warm_up_buckets: int = 60
    """Buckets in which the service has run queries before the first sight, at least."""
    p_value: float = 1e-3
    """The chance that a query that was always there shows itself only so late."""
    min_time_share: float = 0.02
    """Of the service's database time since the first sight, at least."""
    warning_time_share: float = 0.2
    """The same, from which it is a warning."""
    together_buckets: int = 3
    """New queries of one service that begin this near to each other are one finding."""
    deployment_minutes: int = 3
    """A first sight this near to a new version or an event named `deployment` is put down to it."""
    quiet_buckets: int = 60
    """Buckets without it after which it is over."""


@dataclass(frozen=True, slots=True)
class QuerySurgeSettings:
    """When a query is run more often for each request; steps are found as `LatencySettings` and `StepSettings` say."""

    min_executions: int = 100
    """Executions in the range, and beyond what was usual, without which a query is not told of."""
    min_ratio: float = 2.0
    """The least growth of executions per request, as a factor."""
    warning_ratio: float = 5.0
    """The same, from which it is a warning."""
    together_buckets: int = 5
    """Queries of one service that grow this near to each other are one finding."""
    deployment_minutes: int = 3
    """A growth this near to a new version or an event named `deployment` is put down to it."""


@dataclass(frozen=True, slots=True)
class NPlusOneSettings:
    """When a request repeats a query too often."""

    min_repeats: int = 10
    """Times that one request runs the same SELECT at least."""
    min_requests: int = 5
    """Requests that do so at least."""
    max_queries: int = 200_000
    """The newest queries, of which so many are looked at."""
    warning_ms: float = 100.0
    """Time that the repeated query takes in the median request, from which it is a warning."""
    quiet_minutes: int = 60
    """Minutes without such a request after which it is over."""


@dataclass(frozen=True, slots=True)
class NewPatternSettings:
    """When an error or a warning is new."""

    min_severity: int = 13
    """The severity from which patterns are looked at: 13 is WARNING, 17 ERROR."""
    min_events: int = 3
    """Times that it has come at least."""
    warm_up_minutes: int = 60
    """History of the service before the first sight, at least so much or `warm_up_share`."""
    warm_up_share: float = 0.3
    """The same as a share of the service's history in the store."""
    p_value: float = 1e-3
    """The chance that a pattern that was always there shows itself only so late."""
    burst_events: int = 20
    """An error that has come so often, and three times a minute, is new whatever the chance."""
    quiet_buckets: int = 30
    """Buckets without it after which it is over, or five times its usual pause."""


@dataclass(frozen=True, slots=True)
class PatternSurgeSettings:
    """When a pattern surges."""

    history_days: int = 3
    """Days of trailing baseline."""
    warm_up_minutes: int = 120
    """Minutes since its first sight, before which a pattern is not judged."""
    windows: tuple[int, ...] = (1, 5, 15)
    """Lengths, in minutes, over which events are summed and judged; the first is 1."""
    cap_quantile: float = 0.975
    """A past minute enters the baseline capped at this quantile of its own expectation."""
    p_value: float = 1e-9
    """The chance of so many events in a window, below which it is a surge: many patterns are looked at all day."""
    own_p_value: float = 0.01
    """A minute of an improbable window belongs to the surge when it is itself as improbable as this."""
    min_events: int = 50
    """Events in the window at least."""
    min_ratio: float = 4.0
    """Observed events per expected event at least."""
    min_precedent_ratio: float = 2.0
    """Times as many as ever came in so long a stretch before."""
    max_gap_minutes: int = 10
    """Improbable minutes at most this far apart are one surge; so near to a spike or a silence there is none."""
    candidate_score: float = 5.0
    """Standard deviations of a Poisson count above the whole range, below which a pattern is not looked at closely."""
    max_candidates: int = 50
    """Patterns that are looked at closely at most, those that stand out most first."""


@dataclass(frozen=True, slots=True)
class PatternVanishedSettings:
    """When a pattern has vanished."""

    min_expected: float = 30.0
    """Events expected in the gap at least."""
    min_minutes: int = 30
    """Minutes of the gap at least."""
    min_gap_ratio: float = 5.0
    """Times as long as any gap of the pattern before."""
    warm_up_minutes: int = 240
    """Minutes from the first sight of a pattern to the gap at least."""
    p_value: float = 1e-8
    """The chance of such a gap."""
    dispersion: float = 0.05
    """Alpha of the negative binomial that gaps are judged by, where the pattern's own is not larger."""
    together_minutes: int = 10
    """Patterns of a service that vanish this near to each other, or to a silence of it, are one finding."""


@dataclass(frozen=True, slots=True)
class SilenceSettings:
    """When something steady has stopped."""

    min_buckets: int = 5
    """Empty buckets at least."""
    history_buckets: int = 120
    """Trailing buckets that the rate is taken from."""
    factors: tuple[int, ...] = (1, 5, 15)
    """Buckets to a longer one, in which thinner events are looked at."""
    min_history_buckets: int = 30
    """Buckets since the first event, without which nothing is steady."""
    min_occupancy: float = 0.9
    """The share of the trailing buckets that held events."""
    min_presence: float = 0.6
    """The same since the first event: a job that ran for an hour was never steady."""
    min_age_days: float = 1.0
    """What is younger must have held events for `min_presence` of all the range: it may be a job that runs once."""
    min_expected: float = 5.0
    """Events expected in the gap, without which it is none."""
    p_value: float = 1e-6
    """The chance of such a gap."""
    min_beats: int = 12
    """Intervals between events, without which nothing is known to be regular."""
    missed_beats: float = 3.0
    """Usual intervals that a heartbeat is late at least."""
    dispersion: float = 0.05
    """Alpha of the negative binomial that gaps are judged by: counts scatter more than Poisson's."""


@dataclass(frozen=True, slots=True)
class DifferenceSettings:
    """When two ranges differ."""

    false_share: float = 0.05
    """Of the differences told, the share that may be so by chance."""
    min_rows: int = 5
    """Rows of both ranges together, without which a value is not looked at."""
    min_ratio: float = 1.5
    """The least ratio of shares."""
    min_uneven_rows: int = 20
    """Rows in one range, from which a value is told that comes so unevenly that it may be chance."""
    min_level_rows: int = 50
    """Rows of each range, without which a duration or a number is not looked at."""
    min_level_ratio: float = 1.1
    """The least ratio of medians."""
    slots: int = 20
    """Slots of time that the shorter range is cut into; the same length cuts the longer, into 400 in all at most."""
    max_values: int = 1000
    """Values of a key that are looked at: the most frequent."""
    max_rows: int = 500000
    """Rows of each range that are read; a longer one is sampled."""


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """When findings are of one cause."""

    together_minutes: int = 10
    """Findings whose onsets lie further apart are put together by a deployment alone."""
    deployment_minutes: int = 30
    """A finding so soon after a deployment is put down to it."""
    rollout_minutes: int = 5
    """Deployments of several services this near to each other are one."""
    shared_requests: int = 3
    """Requests (by trace_id or request_id) in the rows of both findings, without which they are not linked by them."""
    shared_share: float = 0.2
    """The same as a share of the requests of the finding that has fewer."""
    shared_lift: float = 2.0
    """The same as a multiple of what chance would have in both."""
    connected_minutes: int = 2
    """Findings this near to each other, of services whose records share requests at all times, are linked."""
    connected_share: float = 0.1
    """The share of requests that two such services have in common at least, of those of the one that has fewer."""


@dataclass(frozen=True, slots=True)
class GateSettings:
    """When a new version is worse than the one before."""

    alpha: float = 0.05
    """The chance of one wrong answer by a gate, over all its figures and all its looks."""
    max_error_ratio: float = 1.4
    """Errors of the candidate per error of the baseline that are tolerated, at the same volume: half-way to twice."""
    max_added_errors: float = 0.001
    """A share of requests failing beyond the baseline's that is tolerated, whatever the ratio."""
    max_latency_ratio: float = 1.15
    """A p50 or p95 of the candidate that is tolerated, as a multiple of the baseline's: half-way to 30 % more."""
    max_added_ms: float = 1.0
    """A rise in milliseconds that is tolerated, whatever the ratio."""
    min_minutes: int = 10
    """Minutes with events of each version, without which a gate does not pass."""
    min_judged_minutes: int = 5
    """The same without which it does not fail."""
    min_operation_events: int = 100
    """Events of an operation in each version, without which it is not judged by itself."""
    history_days: int = 7
    """Days before the candidate's first minute in which its baseline is looked for."""
    same_hours_share: float = 0.5
    """Of the candidate's minutes, the share that the baseline must have too, by time or time of day, to go by that."""
    look_factor: float = 1.5
    """While waiting, a gate looks again when it has so many times the minutes of its last look."""


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """When a deployment seen in the data is a finding."""

    alpha: float = 0.001
    """The chance of a false finding per deployment: every deployment is looked at, and again as data come."""
    before_minutes: int = 120
    """Minutes before a deployment that it is compared with at most."""
    after_minutes: int = 60
    """Minutes after it that are looked at at most."""
    same_minutes: int = 3
    """A version first seen and an event `deployment` this near to each other are one; so is what began with it."""


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """When a volume has changed suddenly."""

    bin_buckets: int = 5
    """Buckets to a bin, in which volumes are judged; 1 where a day is no whole number of such bins."""
    min_bins_a_day: int = 24
    """Bins of a day, without which there is no time of day."""
    windows: tuple[int, ...] = (3, 12)
    """Lengths, in bins, over which events are summed and judged."""
    z: float = 4.0
    """Standard deviations beyond all that was usual."""
    min_ratio: float = 1.5
    """Times the most that was usual, or the least by this, at least: a doubled volume is less beside a busy day."""
    min_expected: float = 10.0
    """Usual events in the window, without which none is judged."""
    min_bins: int = 5
    """Bins that a change lasts at least; what is shorter is a burst."""


@dataclass(frozen=True, slots=True)
class GaugeSettings:
    """When a value of a gauge is out of line with its own past."""

    record_values: int = 2000
    """Values that the strangest so far is taken from: a week of five minutes."""
    limit: float = 1.1
    """From so many times as strange as the strangest of these it is out of line, and a change of volume a warning."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The analysis as a whole."""

    bucket: timedelta = timedelta(minutes=1)
    """The resolution of every series, and so of onsets."""
    island_days: int = 30
    """Days without one event that part the data into stretches; the newest large one is analysed by default."""
    island_share: float = 0.1
    """The share of all events that makes a stretch large."""
    max_buckets: int = 200_000
    """Buckets of a range at most: 139 days of minutes."""
    error_spike: ErrorSpikeSettings = field(default_factory=ErrorSpikeSettings)
    """Of `error_spike`."""
    steps: StepSettings = field(default_factory=StepSettings)
    """Of the search for steps in latencies."""
    latency: LatencySettings = field(default_factory=LatencySettings)
    """Of `latency_shift` and `latency_trend`, and of what they share with `slow_query`."""
    slow_query: SlowQuerySettings = field(default_factory=SlowQuerySettings)
    """Of `slow_query`."""
    new_query: NewQuerySettings = field(default_factory=NewQuerySettings)
    """Of `new_query`."""
    query_surge: QuerySurgeSettings = field(default_factory=QuerySurgeSettings)
    """Of `query_surge`."""
    n_plus_one: NPlusOneSettings = field(default_factory=NPlusOneSettings)
    """Of `n_plus_one`."""
    new_pattern: NewPatternSettings = field(default_factory=NewPatternSettings)
    """Of `new_pattern`."""
    pattern_surge: PatternSurgeSettings = field(default_factory=PatternSurgeSettings)
    """Of `pattern_surge`."""
    pattern_vanished: PatternVanishedSettings = field(default_factory=PatternVanishedSettings)
    """Of `pattern_vanished`."""
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    """Of `silence`."""
    difference: DifferenceSettings = field(default_factory=DifferenceSettings)
    """Of `logpipe diff`."""
    incidents: IncidentSettings = field(default_factory=IncidentSettings)
    """Of the incidents that findings are put together to."""
    gate: GateSettings = field(default_factory=GateSettings)
    """Of `logpipe gate`, and what it shares with `deploy_regression`."""
    deployment: DeploymentSettings = field(default_factory=DeploymentSettings)
    """Of `deploy_regression`."""
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    """Of `volume_change`."""
    gauges: GaugeSettings = field(default_factory=GaugeSettings)
    """Of values at regular times, as the volumes of `volume_change`."""
