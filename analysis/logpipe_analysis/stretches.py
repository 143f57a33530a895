"""The two ranges that a finding or an incident stands for: its own stretch, and the time before it."""

from datetime import UTC, datetime, timedelta
from typing import Final

from logpipe.store import Store
from logpipe_analysis import findings, incidents
from logpipe_analysis.sides import Stretch

LEAST_BEFORE: Final = timedelta(hours=1)
"""Of the time before a short stretch: a few minutes show what is usual too seldom."""


def of_id(store: Store, known_id: str, newest: datetime) -> tuple[Stretch, str | None] | None:
    """From onset to end, to the newest event while it lasts, of a finding or an incident, and its only service."""
    found = findings.load(store, finding_id=known_id)
    group = found or [each for one in incidents.load(store) if one.incident_id == known_id for each in one.findings]
    if not group:
        return None
    since = min(one.started_at for one in group)
    until = max(one.ended_at or newest for one in group)
    services = {one.service for one in group}
    bucket = timedelta(seconds=group[0].bucket_s)
    return Stretch(since, max(until, since + bucket)), services.pop() if len(services) == 1 else None


def before(store: Store, stretch: Stretch) -> Stretch:
    """The time right before a stretch, as long as it but at least an hour, as far as there are events."""
    since = stretch.since - max(stretch.length, LEAST_BEFORE)
    [(oldest,)] = store.execute("SELECT epoch_us(min(minute)) FROM rollup_minute WHERE minute >= ?", [since])
    if oldest is not None:
        since = max(since, datetime.fromtimestamp(oldest / 1e6, UTC))
    return Stretch(min(since, stretch.since - timedelta(minutes=1)), stretch.since)
