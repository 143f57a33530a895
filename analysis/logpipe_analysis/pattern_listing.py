"""Patterns for people: the list of them, and one whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from logpipe.store import Store
from logpipe_analysis import findings
from logpipe_analysis.evidence import EVENT_TEMPLATE
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.pattern_choices import require
from logpipe_analysis.pattern_values import Values, behind
from logpipe_analysis.reports import Scope

_MARKS: Final = {"new_pattern": "new", "pattern_surge": "surging", "pattern_vanished": "vanished"}
_TREND_STEPS: Final = 24
_SAMPLE_MINUTES: Final = 200
_SAMPLE_EVENTS: Final = 10_000

# The newest events of a pattern: of the last minutes that have it, so that few others are looked at.
_SAMPLE: Final = f"""
WITH members AS (
    SELECT pattern_id FROM patterns LEFT JOIN pattern_merges USING (pattern_id)
    WHERE coalesce(into_id, pattern_id) = $id
),
minutes AS (
    SELECT DISTINCT minute FROM pattern_minute SEMI JOIN members USING (pattern_id)
    ORDER BY minute DESC LIMIT {_SAMPLE_MINUTES}
),
near AS (
    SELECT ts, source_id, source_pos, concat_ws(': ', exception_type, coalesce(nullif(message, ''), event)) AS text,
        {EVENT_TEMPLATE} AS own_template
    FROM events
    WHERE ts >= (SELECT min(minute) FROM minutes) AND ts < (SELECT max(minute) + INTERVAL 1 MINUTE FROM minutes)
        AND date_trunc('minute', ts) IN (SELECT minute FROM minutes)
)
SELECT coalesce(path, 'source ' || near.source_id), source_pos::BIGINT, epoch_us(ts), left(text, 2000)
FROM near
LEFT JOIN sources USING (source_id)
WHERE pattern_of(own_template).pattern_id = $id
ORDER BY ts DESC, source_id, source_pos
LIMIT {_SAMPLE_EVENTS}
"""
_MEMBERS: Final = """
SELECT pattern_id, patterns.template FROM patterns LEFT JOIN pattern_merges USING (pattern_id)
WHERE coalesce(into_id, pattern_id) = ? ORDER BY first_seen, pattern_id
"""
_SERVICES: Final = (
    "SELECT service, sum(events)::BIGINT FROM pattern_counts WHERE pattern_id = ? GROUP BY 1 ORDER BY 2 DESC, 1"
)
_TREND: Final = """
SELECT epoch_us(time_bucket(to_seconds($step_s), minute)), sum(events)::BIGINT
FROM pattern_counts WHERE pattern_id = $id GROUP BY 1 ORDER BY 1
"""
_STEPS_S: Final = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400, 28 * 86_400)


@dataclass(frozen=True, slots=True)
class Listed:
    """A pattern over a range."""

    pattern_id: str
    events: int
    event_share: float
    """Of all events of the range."""
    severity: int
    """The worst."""
    services: Sequence[str]
    first_seen: datetime
    """In the whole store, as `last_seen`; minutes."""
    last_seen: datetime
    name: str | None
    muted: bool
    template: str
    marks: Sequence[str] = ()
    """new (in the range, or by a finding), surging, vanished."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event of a pattern, and where it stands."""

    path: str
    source_pos: int
    ts: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A pattern with all that is known of it."""

    pattern: Listed
    members: Sequence[tuple[str, str]]
    """Ids and templates of the patterns that it is merged of, the earliest first."""
    services: Sequence[tuple[str, int]]
    trend: Sequence[tuple[datetime, int]]
    """Events of each step of `step_s` seconds that has any."""
    step_s: int
    sampled: int
    """Events, the newest, that the values are of."""
    values: Sequence[Values]
    lines: Sequence[Line]


def listed(store: Store, scope: Scope, min_severity: int = 0) -> list[Listed]:
    """The patterns of a range, the most frequent first; `scope.limit` of them."""
    found = _listed(store, scope, "severity >= ?", [min_severity])
    return found[: scope.limit] if scope.limit else found


def whole(store: Store, pattern_id: str, *, lines: int = 5) -> Whole:
    """One pattern, by its id or that of one that is merged into it.

    Raises:
        QueryError: there is no such pattern.
    """
    require(store, pattern_id)
    [(into,)] = store.execute(
        "SELECT coalesce((SELECT into_id FROM pattern_merges WHERE pattern_id = $id), $id)", {"id": pattern_id}
    )
    [pattern] = _listed(store, Scope(), "pattern_id = ?", [into])
    sample = store.execute(_SAMPLE, {"id": into})
    length = (pattern.last_seen - pattern.first_seen).total_seconds()
    step_s = next((step for step in _STEPS_S if length <= step * _TREND_STEPS), _STEPS_S[-1])
    trend = store.execute(_TREND, {"id": into, "step_s": step_s})
    return Whole(
        pattern,
        store.execute(_MEMBERS, [into]),
        store.execute(_SERVICES, [into]),
        [(_time(at), events) for at, events in trend],
        step_s,
        len(sample),
        behind(pattern.template, (text for *_, text in sample)),
        [Line(path, position, _time(at), text) for path, position, at, text in sample[:lines]],
    )


def _listed(store: Store, scope: Scope, condition: str, parameters: Sequence[object]) -> list[Listed]:
    rows = store.execute(
        "SELECT pattern_id, events, event_share, severity, services, epoch_us(first_seen), epoch_us(last_seen), name, "
        "muted, template FROM top_patterns(since := ?::TIMESTAMPTZ, until := ?::TIMESTAMPTZ, of_service := ?::VARCHAR) "
        f"WHERE {condition}",
        [scope.since, scope.until, scope.service, *parameters],
    )
    known = findings.load(store)
    return [_with_marks(row, scope, known) for row in rows]


def _with_marks(row: tuple[Any, ...], scope: Scope, known: Sequence[Finding]) -> Listed:
    first, last = _time(row[5]), _time(row[6])
    pattern = Listed(*(*row[:5], first, last, *row[7:]))
    marks = {
        mark
        for finding in known
        for kind, mark in _MARKS.items()
        if finding.kind == kind
        and finding.status == "open"
        and finding.fingerprint == fingerprint(kind, finding.service, None, pattern.pattern_id)
    }
    if scope.since and first >= scope.since:
        marks.add("new")
    return replace(pattern, marks=sorted(marks))


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
