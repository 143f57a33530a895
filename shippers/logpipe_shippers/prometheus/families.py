"""The metric families: their names, what they mean, and the statement that returns their series.

Names follow https://prometheus.io/docs/practices/naming/. All values come from roll-ups and from the small tables,
never from `events` (only exemplars do, of its latest rows), so that a scrape costs the same after ten million events as
after ten thousand in the same minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from logpipe.record import SEVERITY_BY_LEVEL, STREAMS


@dataclass(frozen=True, slots=True)
class Family:
    """A counter or gauge."""

    name: str
    """A counter's name is without `_total`, which the exposition adds."""
    documentation: str
    type: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    statement: str
    """The SQL file that returns one row a series: the values of `labels`, then the number."""
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LatencyFamily:
    """A histogram of durations in seconds."""

    name: str
    documentation: str
    operation_kind: Literal["http", "db", "event"]
    labels: tuple[str, ...]
    """After `service`; the operation's name is split into as many: the route and the method of `http`."""


EVENTS: Final = Family(
    "logpipe_events",
    "Events in the store, by service, stream and level.",
    "counter",
    ("service", "stream", "level"),
    "events",
    {"streams": list(STREAMS), "levels": list(SEVERITY_BY_LEVEL)},
)

HTTP: Final = (
    Family(
        "logpipe_http_requests",
        "Logged HTTP requests, which have a status, with and without a duration.",
        "counter",
        ("service", "method", "route"),
        "http",
        {"only_errors": False},
    ),
    Family(
        "logpipe_http_server_errors",
        "Logged HTTP requests that were answered with a status of 500 to 599.",
        "counter",
        ("service", "method", "route"),
        "http",
        {"only_errors": True},
    ),
    Family(
        "logpipe_http_responses",
        "Logged HTTP requests, by the status that they were answered with.",
        "counter",
        ("service", "status"),
        "http_responses",
    ),
)

BUSINESS: Final = Family(
    "logpipe_business_events",
    "Events of the stream 'business' that are neither requests nor queries, by name.",
    "counter",
    ("service", "event"),
    "business_events",
)

ERROR_PATTERNS: Final = Family(
    "logpipe_error_pattern_events",
    "Events of level ERROR and above that the analysis has counted, by the pattern of what they say.",
    "counter",
    ("service", "pattern", "template"),
    "error_patterns",
)

LATENCIES: Final = (
    LatencyFamily(
        "logpipe_http_request_duration_seconds", "Duration of logged HTTP requests.", "http", ("method", "route")
    ),
    LatencyFamily(
        "logpipe_db_query_duration_seconds",
        "Duration of logged database queries, by the query without its values.",
        "db",
        ("operation",),
    ),
    LatencyFamily(
        "logpipe_event_duration_seconds",
        "Duration of other events that carry one, by the event's name.",
        "event",
        ("operation",),
    ),
)

FINDINGS: Final = Family(
    "logpipe_findings",
    "Findings that last; the status is open, or acknowledged where somebody is at it.",
    "gauge",
    ("kind", "severity", "service", "status"),
    "open_findings",
)

HEALTH: Final = (
    Family(
        "logpipe_last_event_timestamp_seconds",
        "Beginning of the minute of the latest event.",
        "gauge",
        ("service",),
        "last_event",
    ),
    Family(
        "logpipe_last_ingest_timestamp_seconds",
        "When lines were last taken in.",
        "gauge",
        (),
        "last_ingest",
    ),
    Family("logpipe_read_bytes", "Bytes of logs read, decompressed.", "counter", (), "read_bytes"),
    Family("logpipe_lines", "Lines read, by what became of them.", "counter", ("class",), "ledger_lines"),
    Family("logpipe_rejects", "Rejected lines that the store keeps, by reason.", "gauge", ("reason",), "rejects"),
    Family("logpipe_sources", "Log files known, by state; each generation counts.", "gauge", ("state",), "sources"),
    Family("logpipe_gaps", "Ranges of log files known to be lost.", "counter", (), "gaps"),
    Family("logpipe_gap_bytes", "Bytes known to be lost, where the length is known.", "counter", (), "gap_bytes"),
    Family("logpipe_source_read_bytes", "Bytes read, by log file.", "counter", ("source",), "source_bytes"),
    Family("logpipe_source_lines", "Lines read, by log file.", "counter", ("source",), "source_lines"),
    Family("logpipe_source_gaps", "Ranges known to be lost, by log file.", "counter", ("source",), "source_gaps"),
    Family("logpipe_batches", "Batches of lines that were committed.", "counter", (), "batches"),
    Family("logpipe_batch_seconds", "Time to make rows of the lines of batches.", "counter", (), "batch_seconds"),
    Family(
        "logpipe_commit_seconds",
        "Time from when the rows of batches were made until they were committed.",
        "counter",
        (),
        "commit_seconds",
    ),
    Family(
        "logpipe_export_sources_folded",
        "Log files past the limit, which are exported together as source 'other'.",
        "gauge",
        (),
        "folded_sources",
    ),
    Family(
        "logpipe_export_operations_folded",
        "Operations past the limit, which are exported together as operation or route 'other'.",
        "gauge",
        ("service", "operation_kind"),
        "folded_operations",
    ),
    Family(
        "logpipe_export_patterns_folded",
        "Patterns of errors past the limit, which are exported together as pattern 'other'.",
        "gauge",
        ("service",),
        "folded_patterns",
    ),
)

SHIPPING: Final = (
    Family(
        "logpipe_ship_accepted",
        "Events, findings or samples that a target's receiver took.",
        "counter",
        ("target",),
        "ship_accepted",
    ),
    Family("logpipe_ship_refused", "Those that it will never take.", "counter", ("target",), "ship_refused"),
    Family("logpipe_ship_retries", "Attempts that failed and are made again.", "counter", ("target",), "ship_retries"),
    Family(
        "logpipe_ship_behind_events",
        "Events in the store that are not shipped, at most.",
        "gauge",
        ("target",),
        "ship_behind",
    ),
    Family(
        "logpipe_ship_failing_seconds",
        "For how long nothing has been taken; 0 while it works.",
        "gauge",
        ("target",),
        "ship_failing",
    ),
    Family(
        "logpipe_ship_followed",
        "Whether a process is to ship to it all the time; 0 where each run was for once.",
        "gauge",
        ("target",),
        "ship_followed",
    ),
    Family(
        "logpipe_ship_last_success_timestamp_seconds",
        "When something was last taken.",
        "gauge",
        ("target",),
        "ship_last_success",
    ),
)

FAMILIES: Final = (EVENTS, *HTTP, BUSINESS, ERROR_PATTERNS, *LATENCIES, FINDINGS, *HEALTH, *SHIPPING)
