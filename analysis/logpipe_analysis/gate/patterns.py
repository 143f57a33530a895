"""Error and warning patterns that one side had and the other never, and whether that may be chance."""

from dataclasses import dataclass

from logpipe.record import ERROR_SEVERITY, SEVERITY_BY_LEVEL
from logpipe_analysis import evidence
from logpipe_analysis.gate.records import Record, records
from logpipe_analysis.gate.sides import Side

_MOST = 5000
"""Patterns of a side that are told of, where the other has them not: the most severe and frequent."""

_NAMED = f"""
SELECT {evidence.EVENT_TEMPLATE} AS name, severity, ts, source_id, source_pos
FROM events
WHERE {{where}} AND severity >= {SEVERITY_BY_LEVEL["WARNING"]} AND stream IS DISTINCT FROM 'access'
    AND coalesce(template, message, exception_type) IS NOT NULL
"""

_FOUND = f"""
SELECT name, max(severity), count(*), count(DISTINCT date_trunc('minute', ts)), min((source_id, source_pos))
FROM ({_NAMED})
GROUP BY name
ORDER BY 2 DESC, 3 DESC, name
LIMIT {_MOST}
"""

_OTHERS = f"""
WITH others AS (SELECT DISTINCT name FROM ({_NAMED})), asked AS (SELECT unnest($names::VARCHAR[]) AS name)
SELECT (SELECT count(*) FROM others ANTI JOIN asked USING (name)),
    (SELECT list(name) FROM others SEMI JOIN asked USING (name))
"""
"""How many patterns there are that are not asked about, and those that are, if any."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """An error or a warning, and how often one side had it that the other had not."""

    template: str
    is_error: bool
    events: int
    minutes: int
    """In which it came."""
    p_value: float
    """The chance that all its minutes fall on this side by volume alone, corrected for the patterns of both sides."""
    example: Record | None
    """Its first record."""


@dataclass(frozen=True, slots=True)
class _Seen:
    severity: int
    events: int
    minutes: int
    source_id: int
    source_pos: int


def only_in(side: Side, other: Side, limit: int | None = None) -> list[Pattern]:
    """The patterns of `side` that `other` never had, at whatever hour; errors first, then the least due to chance.

    Where they came at the same rate on both sides, each of their minutes would fall on `side` by its share of all
    events; minutes and not records, since records come in bursts. Examples are read for the first `limit`.
    """
    ours = _seen(side)
    [(more, shared)] = other.store.execute(_OTHERS.format(where=other.where("ts")), {"names": list(ours)})
    theirs, looked_at = set(shared or ()), len(ours) + more
    events, others = side.events(), other.events()
    share = events / max(events + others, 1)
    alone = {template: seen for template, seen in ours.items() if template not in theirs}
    ranked = sorted(
        alone.items(), key=lambda one: (one[1].severity < ERROR_SEVERITY, -one[1].minutes, -one[1].events, one[0])
    )
    return [
        Pattern(
            template,
            seen.severity >= ERROR_SEVERITY,
            seen.events,
            seen.minutes,
            min(share**seen.minutes * looked_at, 1.0),
            _example(side, seen),
        )
        for template, seen in ranked[:limit]
    ]


def _seen(side: Side) -> dict[str, _Seen]:
    rows = side.store.execute(_FOUND.format(where=side.where("ts")))
    return {
        name: _Seen(severity, events, minutes, place[0], place[1]) for name, severity, events, minutes, place in rows
    }


def _example(side: Side, seen: _Seen) -> Record | None:
    found = evidence.examples(side.store, f"source_id = {seen.source_id} AND source_pos = {seen.source_pos}")
    return records(side.store, found)[0] if found else None
