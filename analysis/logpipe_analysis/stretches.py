"""The two ranges that a finding stands for: its own stretch, and the time before it."""

from datetime import UTC, datetime, timedelta
from typing import Final

from logpipe.store import Store
from logpipe_analysis.finding import Finding
from logpipe_analysis.sides import Stretch

LEAST_BEFORE: Final = timedelta(hours=1)
"""Of the time before a short stretch: a few minutes show what is usual too seldom."""


def of_finding(finding: Finding, newest: datetime) -> Stretch:
    """From onset to end; to the newest event while it lasts."""
    since = finding.started_at
    return Stretch(since, max(finding.ended_at or newest, since + timedelta(seconds=finding.bucket_s)))


def before(store: Store, stretch: Stretch) -> Stretch:
    """The time right before a stretch, as long as it but at least an hour, as far as there are events."""
    since = stretch.since - max(stretch.length, LEAST_BEFORE)
    [(oldest,)] = store.execute("SELECT epoch_us(min(minute)) FROM rollup_minute WHERE minute >= ?", [since])
    if oldest is not None:
        since = max(since, datetime.fromtimestamp(oldest / 1e6, UTC))
    return Stretch(min(since, stretch.since - timedelta(minutes=1)), stretch.since)
