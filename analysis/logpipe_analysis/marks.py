"""What people say of findings: not to hear of one again, that one is dealt with or somebody at it, a note.

Later runs keep to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from logpipe.store import Store
from logpipe_analysis.finding import Finding

Action = Literal["mute", "unmute", "resolve", "acknowledge", "note"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IN_FORCE = """
SELECT fingerprint
FROM (
    SELECT fingerprint, action, until
    FROM finding_marks
    WHERE action IN ('mute', 'unmute')
    QUALIFY row_number() OVER (PARTITION BY fingerprint ORDER BY made_at DESC) = 1
)
WHERE action = 'mute' AND (until IS NULL OR until > ?)
"""
_ACKNOWLEDGED = """
SELECT finding_id, text, epoch_us(made_at)
FROM finding_marks
WHERE action = 'acknowledge'
ORDER BY made_at
"""
_OF_FINDING = """
SELECT action, text, epoch_us(until), epoch_us(made_at)
FROM finding_marks
WHERE finding_id = $finding_id OR (fingerprint = $fingerprint AND action IN ('mute', 'unmute'))
ORDER BY made_at
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that was said of a finding; a mute concerns all findings of its fingerprint."""

    action: Action
    text: str | None
    """The reason, the note, or who acknowledged."""
    until: datetime | None
    """The end of a mute; None where it has none."""
    made_at: datetime


@dataclass(frozen=True, slots=True)
class InForce:
    """What a run keeps to."""

    muted: frozenset[str]
    """Fingerprints."""
    resolved: frozenset[str]
    """Ids of findings."""

    def told(self, finding: Finding) -> str | None:
        """What a list says of a finding that people have muted or resolved, also one that was over before."""
        if finding.status == "muted" or finding.fingerprint in self.muted:
            return "muted"
        return "resolved by hand" if finding.finding_id in self.resolved else None


def in_force(store: Store, now: datetime) -> InForce:
    """The mutes that have not run out, and the findings that people have resolved."""
    muted = store.execute(_IN_FORCE, [now])
    resolved = store.execute("SELECT DISTINCT finding_id FROM finding_marks WHERE action = 'resolve'")
    return InForce(frozenset(row[0] for row in muted), frozenset(row[0] for row in resolved))


def acknowledged(store: Store) -> Mapping[str, Mark]:
    """The findings that somebody said to be at, with what was said last."""
    rows = store.execute(_ACKNOWLEDGED)
    return {each: Mark("acknowledge", text, None, _EPOCH + timedelta(microseconds=made)) for each, text, made in rows}


def of(store: Store, finding: Finding) -> tuple[Mark, ...]:
    """All that was said of a finding, the oldest first."""
    rows = store.execute(_OF_FINDING, {"finding_id": finding.finding_id, "fingerprint": finding.fingerprint})
    return tuple(
        Mark(action, text, _time(until), _EPOCH + timedelta(microseconds=made)) for action, text, until, made in rows
    )


def mute(store: Store, finding: Finding, reason: str | None, until: datetime | None, now: datetime) -> None:
    """Have all findings of this fingerprint make no alarm, before `until` where there is one."""
    _say(
        store, finding, Mark("mute", reason, until, now),
        "UPDATE findings SET status = 'muted' WHERE fingerprint = $fingerprint AND status = 'open'",
    )  # fmt: skip


def unmute(store: Store, finding: Finding, now: datetime) -> bool:
    """Take a mute back; returns whether there was one."""
    if finding.status != "muted" and finding.fingerprint not in in_force(store, now).muted:
        return False
    _say(
        store, finding, Mark("unmute", None, None, now),
        "UPDATE findings SET status = if(ended_at IS NULL, 'open', 'resolved') "
        "WHERE fingerprint = $fingerprint AND status = 'muted'",
    )  # fmt: skip
    return True


def resolve(store: Store, finding: Finding, reason: str | None, now: datetime) -> None:
    """Close a finding for good; one that lasts ends with the newest event. What sets in later is another finding."""
    _say(
        store, finding, Mark("resolve", reason, None, now),
        "UPDATE findings SET status = 'resolved', ended_at = coalesce(ended_at, greatest(started_at, "
        "(SELECT max(minute) + INTERVAL 1 MINUTE FROM rollup_minute WHERE minute < '9999-01-01'))) "
        "WHERE finding_id = $finding_id",
    )  # fmt: skip


def acknowledge(store: Store, finding: Finding, by: str | None, now: datetime) -> bool:
    """Say that somebody is at it, so that nobody else is called; returns whether there was something to be at."""
    if finding.status != "open":
        return False
    _say(store, finding, Mark("acknowledge", by, None, now), None)
    return True


def note(store: Store, finding: Finding, text: str, now: datetime) -> None:
    """Keep a text with a finding."""
    _say(store, finding, Mark("note", text, None, now), None)


def _say(store: Store, finding: Finding, mark: Mark, change: str | None) -> None:
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO finding_marks VALUES (?, ?, ?, ?, ?, ?)",
            [finding.finding_id, finding.fingerprint, mark.action, mark.text, mark.until, mark.made_at],
        )
        if change:
            names = {"finding_id": finding.finding_id, "fingerprint": finding.fingerprint}
            connection.execute(change, {name: value for name, value in names.items() if f"${name}" in change})


def _time(us: int | None) -> datetime | None:
    return None if us is None else _EPOCH + timedelta(microseconds=us)
