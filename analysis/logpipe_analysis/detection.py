"""All detectors over one range, side by side on threads: one reads and counts while another computes.

Three threads: what is told by counts, by patterns, and by durations. What one needs of another it waits for; they begin
in an order in which one thread alone could do all of it, as it does where connections cannot be had for several.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from logpipe_analysis.buckets import Buckets
from logpipe_analysis.detectors import (
    deploy_regression,
    error_spike,
    latency,
    n_plus_one,
    new_pattern,
    new_query,
    pattern_surge,
    pattern_vanished,
    query_surge,
    silence,
    slow_query,
    volume,
)
from logpipe_analysis.finding import Finding
from logpipe_analysis.pattern_series import History
from logpipe_analysis.patterns import mine
from logpipe_analysis.settings import Settings


def detect(buckets: Buckets, settings: Settings, *, count_patterns: bool) -> tuple[list[Finding], frozenset[str]]:
    """What is found, of all kinds; and fingerprints of what was not, but is not over if it was found before.

    `count_patterns` has the patterns of new events counted first.

    Raises:
        StoreError: the store cannot be read, or patterns not be written.
    """
    # Buckets of less than a minute are temporary tables, and an owner runs one statement of ours at a time.
    alone = buckets.brief or buckets.store.attached
    own = buckets if alone else Buckets(buckets.store.for_threads(), buckets.range)
    with ThreadPoolExecutor(1 if alone else 3) as threads:
        counted = threads.submit(lambda: mine(own.store) if count_patterns else None)
        counts = threads.submit(_by_counts, own, settings, counted)
        durations = threads.submit(_by_durations, own, settings, counts)
        patterns = threads.submit(_by_patterns, own, settings, counted, counts)
        found = [*patterns.result(), *durations.result(), *counts.result().silences, *counts.result().volumes]
    regressions = deploy_regression.detect(own, settings.deployment, settings.gate, found)
    return [*regressions.others, *regressions.found], regressions.lasting


@dataclass(frozen=True, slots=True)
class _Counted:
    spikes: list[Finding]
    silences: list[Finding]
    volumes: list[Finding]


def _by_counts(buckets: Buckets, settings: Settings, counted: "Future[int | None]") -> _Counted:
    """Patterns have to be counted first for the errors of each, and for nothing else of this."""
    silences = silence.detect(buckets, settings.silence)
    volumes = volume.detect(buckets, settings.volume, settings.gauges)
    counted.result()
    return _Counted(error_spike.detect(buckets, settings.error_spike), silences, volumes)


def _by_patterns(
    buckets: Buckets, settings: Settings, counted: "Future[int | None]", counts: "Future[_Counted]"
) -> list[Finding]:
    """With the spikes, which are told with the patterns that came with them."""
    counted.result()
    history = History.of(buckets)
    found, spikes = new_pattern.detect(buckets, history, settings.new_pattern, counts.result().spikes)
    silences = counts.result().silences
    return [
        *spikes,
        *found,
        *pattern_surge.detect(buckets, history, settings.pattern_surge, [*spikes, *silences]),
        *pattern_vanished.detect(buckets, history, settings.pattern_vanished, silences),
    ]


def _by_durations(buckets: Buckets, settings: Settings, counts: "Future[_Counted]") -> list[Finding]:
    return [
        *slow_query.detect(buckets, settings.slow_query, settings.latency, settings.steps),
        *new_query.detect(buckets, settings.new_query, settings.slow_query.slow_log_ms),
        *query_surge.detect(buckets, settings.query_surge, settings.latency, settings.steps),
        *n_plus_one.detect(buckets, settings.n_plus_one),
        *latency.detect(buckets, settings.latency, settings.steps, counts.result().spikes),
    ]
