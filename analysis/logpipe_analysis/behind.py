"""The events that a finding is about: all of them, not only its examples."""

from datetime import timedelta

from logpipe.store.literals import literal
from logpipe_analysis.buckets import Place
from logpipe_analysis.evidence import ERRORS, operation_is
from logpipe_analysis.finding import Finding

_GONE = ("silence", "pattern_vanished")
"""Kinds that tell of events which did not come."""

_PATTERN = "left(concat_ws(': ', exception_type, message_template(coalesce(template, message))), 500)"


def events_behind(finding: Finding) -> str:
    """A statement: whole rows of `events` with the `path` of their file, in order of time.

    While the finding lasts these are the events up to now; of a silence, those before it.
    """
    return (
        "SELECT path, events.*\nFROM events LEFT JOIN sources USING (source_id)\n"
        f"WHERE {_whose(finding)}\n    AND {_when(finding)}\n    AND {_what(finding)}\n"
        "ORDER BY ts, source_id, source_pos"
    )


def _whose(finding: Finding) -> str:
    if "pattern" in finding.kind:  # patterns are counted over all environments
        return f"events.service = {literal(finding.service)}"
    return "events." + Place(finding.service, finding.environment).condition()


def _when(finding: Finding) -> str:
    if finding.kind in _GONE:
        reach = (finding.ended_at or finding.started_at) - finding.started_at
        before = finding.started_at - max(reach, 10 * timedelta(seconds=finding.bucket_s))
        return f"ts >= {literal(before)} AND ts < {literal(finding.started_at)}"
    if finding.ended_at is None:
        return f"ts >= {literal(finding.started_at)}"
    return f"ts >= {literal(finding.started_at)} AND ts < {literal(finding.ended_at)}"


def _what(finding: Finding) -> str:
    kind: str = finding.kind
    if kind == "error_spike":
        return ERRORS
    if finding.subject is None:
        return "true"
    if "pattern" in kind:
        return f"{_PATTERN} = {literal(finding.subject)}"
    if "query" in kind or kind == "n_plus_one":
        return operation_is("db", finding.subject)
    if "latency" in kind:
        return f"duration_ms >= 0 AND ({operation_is('http', finding.subject)} OR {_event(finding.subject)})"
    if kind in ("silence", "volume_change"):
        return f"(stream = {literal(finding.subject)} OR {_event(finding.subject)})"
    return "true"


def _event(name: str) -> str:
    return operation_is("event", name)
