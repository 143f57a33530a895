"""Where executions of a query are slow for a while: more of them, far above the usual, than the past explains."""

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from logpipe_analysis.buckets import Latency
from logpipe_analysis.rises import Level, Rise, level_of
from logpipe_analysis.settings import SlowQuerySettings
from logpipe_analysis.statistics import counts, histograms
from logpipe_analysis.statistics.counts import Excess
from logpipe_analysis.statistics.episodes import Episode, episodes

Floats = npt.NDArray[np.float64]

_MILLISECOND = timedelta(milliseconds=1)


def bursts(latency: Latency, bucket: timedelta, settings: SlowQuerySettings) -> Iterator[Rise]:
    """Stretches with slow executions where the query is logged each time; slow is several times its usual p95.

    Executions are logged when they end, so a burst began as much earlier as they took.
    """
    events = latency.events
    each = histograms.log_quantiles(latency.rows, latency.columns, latency.counts, latency.lowest, 0.95)
    usual = float(np.exp(np.median(each)))
    limit_ms = max(settings.slow_ratio * usual, settings.min_slow_ms)
    column = max(int(np.ceil(np.log(limit_ms) / histograms.LOG_WIDTH)) - latency.lowest, 0)
    above = latency.columns >= column
    slow = np.bincount(latency.rows[above], weights=latency.counts[above], minlength=latency.length).astype(np.float64)
    if counts.window_sum(slow, max(settings.windows)).max() < settings.min_slow:
        return
    judged = _judged(slow, events, bucket, settings)
    for episode in _episodes(judged, slow, settings):
        taken = latency.binned(episode.end - episode.start, episode.start, episode.end)[:, column:]
        typical_ms = float(np.exp(histograms.log_quantile(taken, latency.lowest + column, 0.5)[0]))
        before, after = level_of(latency, 0, episode.start), level_of(latency, episode.start, episode.end)
        if after.total_ms - after.events * before.mean_ms < settings.min_added_ms:
            continue
        onset = max(latency.first + episode.start - int(typical_ms / (bucket / _MILLISECOND)), 0)
        lasts = episode.end + settings.max_gap_buckets >= len(events)
        end = None if lasts else latency.first + episode.end
        p_value = float(judged.own[episode.start : episode.end].min())
        yield Rise(onset, end, False, "p95", before, after, p_value, 1.0)


def surges(
    latency: Latency, first: int, limit_ms: float, bucket: timedelta, settings: SlowQuerySettings
) -> Iterator[Rise]:
    """Stretches in which a query turns up in a log that holds slow executions only, as PostgreSQL's usually does.

    There the fast ones are not known, so what is judged is how many there are in the time since bucket `first`, when
    the log began; `limit_ms` is the fastest execution that the log holds.
    """
    lead = latency.first - first
    slow = np.concatenate((np.zeros(lead), latency.events))
    judged = _judged(slow, np.ones_like(slow), bucket, settings)
    done = 0
    for episode in _episodes(judged, slow, settings):
        if episode.start < done:
            continue
        done = _fading(slow, episode)
        after = level_of(latency, max(episode.start - lead, 0), done - lead)
        if after.total_ms < settings.min_added_ms:
            continue
        before = Level(limit_ms, limit_ms, limit_ms, 0.0, 0.0)
        lasts = done + settings.max_gap_buckets >= len(slow)
        p_value = float(judged.own[episode.start : episode.end].min())
        expected = float(judged.expected[episode.start : episode.end].mean() * (done - episode.start))
        end = None if lasts else first + done
        yield Rise(first + episode.start, end, False, "p50", before, after, p_value, 1.0, expected)


def _judged(slow: Floats, volume: Floats, bucket: timedelta, settings: SlowQuerySettings) -> Excess:
    return counts.excess(
        slow,
        volume,
        history=max(timedelta(days=settings.history_days) // bucket, settings.min_history_buckets),
        min_history=settings.min_history_buckets,
        windows=settings.windows,
        cap_quantile=settings.cap_quantile,
    )


def _episodes(judged: Excess, slow: Floats, settings: SlowQuerySettings) -> Iterator[Episode]:
    hot = counts.surging(
        judged,
        slow,
        windows=settings.windows,
        p_value=settings.p_value,
        own_p_value=0.05,
        min_count=settings.min_slow,
        min_ratio=settings.slow_ratio,
    )
    yield from episodes(hot, settings.max_gap_buckets)


def _fading(slow: Floats, episode: Episode) -> int:
    """The end of an episode that may have become the usual: where a stretch as long has less than a quarter of it."""
    length = max(episode.end - episode.start, 30)
    rate = slow[episode.start : episode.end].mean()
    total = np.concatenate(([0.0], np.cumsum(slow)))
    starts = np.arange(episode.end, len(slow))
    ahead = (total[np.minimum(starts + length, len(slow))] - total[starts]) / np.minimum(length, len(slow) - starts)
    faded = np.flatnonzero(ahead < rate / 4)
    end = int(starts[faded[0]]) if len(faded) else len(slow)
    return int(np.flatnonzero(slow[:end])[-1]) + 1
