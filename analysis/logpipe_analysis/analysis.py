"""One analysis: every detector over a range, its findings stored once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta

import pandas as pd

from logpipe.store import Store
from logpipe_analysis import findings, grouping, recall
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.finding import KINDS, SEVERITIES, Finding, Kind
from logpipe_analysis.settings import Settings
from logpipe_analysis.timerange import TimeRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Later records, and those before 1970, are not looked at: a clock was wrong, and Python's times end soon."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an analysis found, and what it did to the stored findings."""

    since: datetime | None
    """None where the store holds no events in the range."""
    until: datetime | None
    changes: findings.Changes
    notes: tuple[str, ...]
    """What a person should know of the analysis itself: a service whose normal is still being learnt."""

    @property
    def findings(self) -> list[Finding]:
        """All of the range, the most severe first, then the newest."""
        ordered = sorted(self.changes.all, key=lambda finding: (finding.started_at, finding.finding_id), reverse=True)
        return sorted(ordered, key=lambda finding: -SEVERITIES.index(finding.severity))

    def to_pandas(self) -> pd.DataFrame:
        """A row a finding, in the order of `findings`, indexed by its id; times are UTC, NaT for what lasts."""
        frame = pd.DataFrame(
            [asdict(finding) for finding in self.findings], columns=[one.name for one in fields(Finding)]
        )
        for name in ("started_at", "ended_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame.set_index("finding_id")


def analyze(
    store: Store,
    since: datetime | None = None,
    until: datetime | None = None,
    kinds: Sequence[Kind] | None = None,
    settings: Settings | None = None,
) -> Analysis:
    """Look for findings of `kinds` (all, where None) between `since` and `until` (all data, where None) and store them.

    Baselines reach back before `since`. Running it twice on the same store changes nothing; where the newest data are
    looked at, the second run only looks up what the first came to. What came at `until` and after is not looked at, nor
    is the bucket in which it lies: the findings are those that there were then.

    Raises:
        StoreError: the store cannot be read or written.
    """
    settings = settings or Settings()
    kinds = tuple(kinds or KINDS)
    asked_before = recall.question(since, until, kinds, settings)
    if outcome := recall.recall(store, asked_before):
        stored = {finding.finding_id: finding for finding in findings.load(store)}
        unchanged = tuple(stored[finding_id] for finding_id in outcome.finding_ids)
        return Analysis(outcome.since, outcome.until, findings.Changes(unchanged=unchanged), outcome.notes)
    covered, notes = _covered(store, since, until, settings)
    if covered is None:
        return Analysis(since, until, findings.Changes(), ("there are no events in that range",))
    buckets = Buckets(store, covered)
    found, lasting = _detected(buckets, kinds, settings, count_patterns=True)
    notes += _learning(buckets, settings)
    notes += _learning_volumes(buckets) if "volume_change" in kinds else []
    asked = max(since, covered.since) if since else covered.since
    if asked >= covered.until:
        notes.append(
            f"there are no events in that range: the last ones before it end at {covered.until:%Y-%m-%d %H:%M}"
        )
    reaches_end = until is None or covered.until > _newest_minute(store)
    # All that was detected is recorded, also what ended before `asked`: else a finding that has ended in between would
    # be resolved at the wrong time.
    changes = findings.record(
        store,
        found,
        lasting=lasting,
        kinds=kinds,
        since=covered.since,
        until=covered.until,
        reaches_end=reaches_end,
        bucket=covered.bucket,
        adjoining=adjoining(settings),
        now=datetime.now(UTC),
    )
    grouping.record(buckets, changes, settings.incidents, datetime.now(UTC))
    analysis = Analysis(asked, covered.until, changes.since(asked, covered.until), tuple(notes))
    if reaches_end:  # findings of the past are told as they were then, and are stored as they are now
        ids = tuple(finding.finding_id for finding in analysis.changes.all)
        recall.remember(store, asked_before, recall.Outcome(asked, covered.until, ids, analysis.notes))
    return analysis


def _detected(
    buckets: Buckets, kinds: Sequence[Kind], settings: Settings, *, count_patterns: bool
) -> tuple[list[Finding], frozenset[str]]:
    # Not above: it loads SciPy, which takes longer than to look up what an analysis came to.
    from logpipe_analysis.detection import detect

    found, lasting = detect(buckets, settings, count_patterns=count_patterns)
    return [finding for finding in found if finding.kind in kinds], lasting


def _learning_volumes(buckets: Buckets) -> list[str]:
    from logpipe_analysis.detectors import volume

    return volume.learning(buckets)


def adjoining(settings: Settings) -> timedelta:
    """Findings of one fingerprint at most this far apart are the same."""
    return settings.error_spike.gap_buckets(settings.bucket) * settings.bucket


def as_of(store: Store, until: datetime, kinds: Sequence[Kind] | None, settings: Settings) -> list[Finding]:
    """What an analysis of all data finds that runs at `until`; nothing is stored, nor are patterns counted."""
    covered, _ = _covered(store, None, until, settings)
    if covered is None:
        return []
    return _detected(Buckets(store, covered), kinds or KINDS, settings, count_patterns=False)[0]


def extent(store: Store, until: datetime | None, settings: Settings) -> TimeRange | None:
    """The stretch that an analysis up to `until` looks at; None where it holds no events."""
    return _covered(store, None, until, settings)[0]


def _covered(
    store: Store, since: datetime | None, until: datetime | None, settings: Settings
) -> tuple[TimeRange | None, list[str]]:
    """The stretch of data to look at: what is asked for, and history before it for the baselines.

    Without bounds it is the newest stretch that holds a good share of the events: a handful of records with a wrong
    clock, years away, must not stretch the range.
    """
    history = timedelta(days=settings.error_spike.history_days)
    lower = max(since, _EPOCH + history) - history if since else _EPOCH
    upper = TimeRange.border(min(until, _LATEST), settings.bucket) if until else _LATEST
    minutes = store.execute(
        """
        SELECT epoch_us(min(minute)), epoch_us(max(minute)), sum(events)::BIGINT
        FROM (
            SELECT *, sum(leap::INTEGER) OVER (ORDER BY minute) AS island
            FROM (
                SELECT minute, events,
                    coalesce(minute - lag(minute) OVER (ORDER BY minute) > to_days($apart), false) AS leap
                FROM (SELECT minute, sum(events) AS events FROM rollup_minute
                      WHERE minute >= $lower AND minute < $upper
                      GROUP BY minute)
            )
        )
        GROUP BY island
        ORDER BY 1 DESC
        """,
        {"apart": settings.island_days, "lower": lower, "upper": upper},
    )
    if not minutes:
        return None, []
    total = sum(events for _, _, events in minutes)
    first_us, last_us, events = next(
        (island for island in minutes if island[2] >= settings.island_share * total), minutes[0]
    )
    start, end = (_EPOCH + timedelta(microseconds=us) for us in (first_us, last_us + 60_000_000))
    notes = []
    if events < total:
        notes.append(
            f"looked at {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}; {total - events:,} events lie more than "
            f"{settings.island_days} days apart from these: name their time with --since and --until"
        )
    end = min(end, upper)
    covered = TimeRange.covering(start, end, settings.bucket)
    if covered.buckets > settings.max_buckets:
        start = covered.until - settings.max_buckets * settings.bucket
        covered = replace(covered, since=start)
        notes.append(
            f"looked at the last {settings.max_buckets:,} buckets only, from {start:%Y-%m-%d %H:%M}; "
            "longer buckets reach further, as --bucket 5m"
        )
    return covered, notes


def _newest_minute(store: Store) -> datetime:
    [(newest,)] = store.execute("SELECT max(epoch_us(minute)) FROM rollup_minute WHERE minute < ?", [_LATEST])
    return _EPOCH + timedelta(microseconds=newest or 0)


def _learning(buckets: Buckets, settings: Settings) -> list[str]:
    """The services whose history is still too short for a baseline."""
    needed = settings.error_spike.min_history_buckets
    known = {
        service: buckets.range.buckets - buckets.cells.first(keys)
        for (service,), keys in buckets.cells.by(("service",)).items()
    }
    return [
        f"{service}: still learning what is normal ({seen} of {needed} buckets); a shorter --bucket learns sooner"
        for service, seen in known.items()
        if seen <= needed
    ]
