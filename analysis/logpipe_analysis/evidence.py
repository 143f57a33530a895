"""The rows that show a finding. Only here, and for patterns, are events read."""

from datetime import UTC, datetime

from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis.finding import Example
from logpipe_analysis.place import Place

MOST_EVENTS = 200
"""Events that examples are chosen from."""
MAX_TEXT = 500
"""Characters of an example that are kept."""

ERRORS = "(severity >= 17 OR http_status >= 500)"
"""An event that counts as an error, as SQL over `events`."""

LOGGED = "coalesce(sum(events) FILTER (severity >= 17), 0)"
"""Error records, as SQL over the roll-up."""

SERVED = "coalesce(sum(events) FILTER (http_status >= 500), 0)"
"""Responses of status 500 and above, as SQL over the roll-up."""

EVENT_TEMPLATE = "event_template(stream, http_method, http_route, template, message, exception_type, event)"
"""What an event is counted by, before patterns are merged, as SQL over `events`; `pattern_of` tells the pattern."""

SAID = f"CASE WHEN stream IS DISTINCT FROM 'access' AND concat(template, message) <> '' THEN {EVENT_TEMPLATE} END"
"""The same for events that have a message; NULL for others."""

_HTTP = "(coalesce(http_route, http_method) IS NOT NULL OR http_status IS NOT NULL)"

_TEXT = f"""
left(coalesce(
    nullif(concat_ws(': ', exception_type, exception_message), ''),
    CASE WHEN db_statement IS NOT NULL THEN concat_ws(' ', round(duration_ms, 1) || ' ms', db_statement) END,
    CASE WHEN {_HTTP} AND message IS NULL
        THEN concat_ws(' ', http_method, coalesce(http_path, http_route), http_status, round(duration_ms, 1) || ' ms')
    END,
    message, event, ''), {MAX_TEXT})
"""


def within(since: datetime, until: datetime, column: str = "ts") -> str:
    """A stretch of time as SQL."""
    return f"{column} >= {literal(since)} AND {column} < {literal(until)}"


def operation_is(kind: str, operation: str) -> str:
    """The events that the roll-ups count under this operation, as SQL over `events`."""
    name = literal(operation)
    match kind:
        case "db":
            return f"db_statement IS NOT NULL AND query_fingerprint(db_statement, db_system)[:500] = {name}"
        case "http":
            return (
                f"db_statement IS NULL AND {_HTTP} AND concat_ws(' ', http_method, coalesce(http_route, '*')) = {name}"
            )
    return f"db_statement IS NULL AND NOT {_HTTP} AND event = {name}"


def of_version(version: str | None) -> str:
    """The events after a deployment that are put down to it, as SQL over `events`: those that name no other version."""
    return "true" if version is None else f"coalesce(version = {literal(version)}, true)"


def of_operation(place: Place, kind: str, operation: str, since: datetime, until: datetime) -> str:
    """The events of an operation in a stretch of time, as SQL over `events`."""
    return f"{place.condition()} AND {within(since, until)} AND {operation_is(kind, operation)}"


def examples(
    store: Store, condition: str, *, order: str = "ts", limit: int = 5, distinct: bool = True
) -> tuple[Example, ...]:
    """The first events under a condition; each text once where `distinct`."""
    once = "QUALIFY row_number() OVER (PARTITION BY text ORDER BY rank, source_id, source_pos) = 1" if distinct else ""
    rows = store.execute(
        f"""
        SELECT source_id, source_pos, epoch_us(ts), text
        FROM (
            SELECT source_id, source_pos, ts, {_TEXT} AS text, {order} AS rank
            FROM events
            WHERE {condition}
            ORDER BY {order}, source_id, source_pos
            LIMIT {MOST_EVENTS}
        )
        {once}
        ORDER BY rank, source_id, source_pos
        LIMIT {limit}
        """
    )
    return tuple(
        Example(source_id, pos, datetime.fromtimestamp(us / 1e6, UTC), text) for source_id, pos, us, text in rows
    )
