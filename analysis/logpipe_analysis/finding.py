"""A finding: what happened, where, since when, how far from normal, and the SQL that shows it again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Kind = Literal[
    "error_spike",
    "slow_query",
    "new_query",
    "query_surge",
    "n_plus_one",
    "latency_trend",
    "latency_shift",
    "new_pattern",
    "pattern_surge",
    "pattern_vanished",
    "silence",
    "deploy_regression",
    "volume_change",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Severity = Literal["info", "warning", "critical"]
Status = Literal["open", "resolved", "muted"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the most severe."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that shows the finding, by the file and byte at which it stands."""

    source_id: int
    source_pos: int
    ts: datetime
    text: str
    """The message, or the exception or statement, cut to 500 characters."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem over one stretch of time. Times are UTC."""

    kind: Kind
    severity: Severity
    service: str
    environment: str | None
    subject: str | None
    """What it is about: a route, a query's fingerprint, a pattern, a stream."""
    started_at: datetime
    """Onset: the beginning of the first bucket that is out of line."""
    ended_at: datetime | None
    """None while it lasts."""
    baseline: float | None
    observed: float | None
    unit: str | None
    """Of baseline and observed: errors/min, ms, events/min, queries/request, ratio."""
    score: float
    """How far from normal, in the detector's own measure; larger is further."""
    confidence: float
    """0 to 1."""
    title: str
    """Under 80 characters, with the subject."""
    explanation: str
    """One or two sentences with the figures."""
    evidence: tuple[Example, ...]
    sql: str
    """Shows the observation again, on the same store, without parameters."""
    fingerprint: str
    """Same problem, same fingerprint: of kind, service, environment and subject; an error spike's has no subject,
    and a latency's is the same for a shift and a trend."""
    finding_id: str = ""
    """Given when it is stored; short, typed by people in `logpipe explain ID`."""
    status: Status = "open"
    bucket_s: float = 60.0
    """The resolution at which it was found, in seconds; given when it is stored."""
