"""The statement behind an error spike: errors and events a bucket of the very cell that the finding speaks of."""

from logpipe.store.literals import literal
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.detectors.error_cells import ErrorCell
from logpipe_analysis.evidence import LOGGED, SERVED, operation_is

_BEFORE, _AFTER = 60, 5
"""Buckets that are shown beside the episode."""

_WRITTEN = "count(*) FILTER (severity >= 17)"


def statement(buckets: Buckets, cell: ErrorCell, start: int, end: int) -> str:
    """As SQL, for an episode from bucket `start` to `end`. Of loggers and patterns only records are counted."""
    logged = cell.column in ("logger", "template")
    return buckets.shown(
        rolled=f"{LOGGED}::BIGINT AS errors, sum(events)::BIGINT AS events"
        if logged
        else f"greatest({LOGGED}, {SERVED})::BIGINT AS errors, sum(events)::BIGINT AS events",
        counted=f"{_WRITTEN} AS errors, count(*) AS events"
        if logged
        else f"greatest({_WRITTEN}, count(*) FILTER (http_status >= 500)) AS errors, count(*) AS events",
        relation={"logger": "events", "template": "pattern_minute"}.get(cell.column or "", "rollup_minute"),
        condition=_condition(buckets, cell),
        since=buckets.range.at(max(start - _BEFORE, 0)),
        until=buckets.range.at(min(end + _AFTER, buckets.range.buckets)),
    )


def _condition(buckets: Buckets, cell: ErrorCell) -> str:
    own, name = cell.place.condition(), literal(cell.name)
    match cell.column:
        case None:
            return own
        case "operation":
            return f"{own} AND {_operation(buckets, cell)}"
        case "template":  # environments are not told apart in what is counted of patterns
            return (
                f"service = {literal(cell.place.service)}"
                f" AND pattern_id IN (SELECT pattern_id FROM patterns WHERE template = {name})"
            )
    return f"{own} AND {cell.column} = {name}"


def _operation(buckets: Buckets, cell: ErrorCell) -> str:
    """As rolled up; over events by whatever kind an operation of that name is of."""
    if not buckets.brief:
        return f"operation = {literal(cell.name)}"
    keys = buckets.cells.keys
    kinds = sorted(set(keys.loc[keys["operation"] == cell.name, "operation_kind"]))
    conditions = [f"({operation_is(kind, str(cell.name))})" for kind in kinds]
    return f"({' OR '.join(conditions)})"
