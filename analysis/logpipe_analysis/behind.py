"""The events that a finding is about: all of them, not only its examples."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis.evidence import ERRORS, of_version, operation_is
from logpipe_analysis.finding import Finding, Kind
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.place import Place

_GONE: Final = ("silence", "pattern_vanished")
"""Kinds that tell of events which did not come."""
_COUNTED: Final = (
    "SELECT pattern_id, coalesce(into_id, pattern_id) FROM patterns LEFT JOIN pattern_merges USING (pattern_id)"
)


def events_behind(store: Store, finding: Finding) -> str:
    """A statement: whole rows of `events` with the `path` of their file, in order of time.

    While the finding lasts these are the events up to now; of a silence, those before it.
    """
    return (
        f"SELECT path, events.*\nFROM (\n    FROM events\n    WHERE {_within(finding)}\n"
        f"        AND {_WHAT[finding.kind](store, finding)}\n) AS events\n"
        "LEFT JOIN sources USING (source_id)\nORDER BY ts, source_id, source_pos"
    )


def _within(finding: Finding) -> str:
    return f"{_whose(finding)} AND {_when(finding)}"


def _whose(finding: Finding) -> str:
    if _WHAT[finding.kind] is _pattern:  # patterns are counted over all environments
        return f"service = {literal(finding.service)}"
    return Place(finding.service, finding.environment).condition()


def _when(finding: Finding) -> str:
    if finding.kind in _GONE:
        reach = (finding.ended_at or finding.started_at) - finding.started_at
        before = finding.started_at - max(reach, 10 * timedelta(seconds=finding.bucket_s))
        return f"ts >= {literal(before)} AND ts < {literal(finding.started_at)}"
    if finding.ended_at is None:
        return f"ts >= {literal(finding.started_at)}"
    return f"ts >= {literal(finding.started_at)} AND ts < {literal(finding.ended_at)}"


def _errors(_: Store, __: Finding) -> str:
    return ERRORS


def _query(_: Store, finding: Finding) -> str:
    return operation_is("db", finding.subject or "")


def _timed(_: Store, finding: Finding) -> str:
    name = finding.subject or ""
    return f"duration_ms >= 0 AND ({operation_is('http', name)} OR {operation_is('event', name)})"


def _pattern(store: Store, finding: Finding) -> str:
    """By the pattern's id, which the fingerprint is made of: its template may be told otherwise since.

    Only what is the service's in that time is masked.
    """
    ids = store.execute(_COUNTED)
    told = (into for one, into in ids if finding.fingerprint == fingerprint(finding.kind, finding.service, None, one))
    return (
        "(source_id, source_pos) IN (\n            SELECT (source_id, source_pos) FROM event_patterns\n"
        f"            WHERE {_within(finding)} AND pattern_id = {literal(next(told, None))}\n        )"
    )


def _stopped(_: Store, finding: Finding) -> str:
    """A service as a whole, a stream or an event; which, only the fingerprint says."""
    if finding.subject is None:
        return "true"
    of_stream = fingerprint("silence", finding.service, finding.environment, f"stream {finding.subject}")
    if finding.fingerprint == of_stream:
        return f"stream = {literal(finding.subject)}"
    return operation_is("event", finding.subject)


def _version(_: Store, finding: Finding) -> str:
    return of_version(finding.subject)


def _volume(_: Store, finding: Finding) -> str:
    """Without errors, which are not counted as volume."""
    of = "true" if finding.subject is None else f"stream = {literal(finding.subject)}"
    return f"severity < 17 AND {of}"


_WHAT: Final[Mapping[Kind, Callable[[Store, Finding], str]]] = {
    "error_spike": _errors,
    "slow_query": _query,
    "new_query": _query,
    "query_surge": _query,
    "n_plus_one": _query,
    "latency_trend": _timed,
    "latency_shift": _timed,
    "new_pattern": _pattern,
    "pattern_surge": _pattern,
    "pattern_vanished": _pattern,
    "silence": _stopped,
    "deploy_regression": _version,
    "volume_change": _volume,
}
"""Which events of its service and time a finding of each kind is about, as SQL over `events`."""
