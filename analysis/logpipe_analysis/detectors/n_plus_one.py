"""`n_plus_one`: a request that runs the same query again and again, once for each row of another.

The newest requests are looked at, so that a large store costs no more than a small one. Since when it is so is told by
the roll-up: from when on the query was run so often for each request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from logpipe.store.literals import literal
from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.place import Place
from logpipe_analysis.settings import NPlusOneSettings

_HOUR_US = 3_600_000_000
_REQUEST = "coalesce(request_id, trace_id)"

_REPEATED = f"""
WITH recent AS MATERIALIZED (
    SELECT service, environment, {_REQUEST} AS request, ts, duration_ms, http_method, http_route, db_statement,
        db_system
    FROM events
    WHERE {{within}} AND (db_statement IS NOT NULL OR http_route IS NOT NULL) AND {_REQUEST} IS NOT NULL
),
routes AS (
    SELECT request, max(concat_ws(' ', http_method, http_route)) AS route
    FROM recent WHERE db_statement IS NULL GROUP BY request
),
many AS (
    SELECT service, request
    FROM recent WHERE db_statement IS NOT NULL GROUP BY service, request HAVING count(*) >= $repeats
),
repeated AS (
    SELECT recent.service, environment, request, query_fingerprint(db_statement, db_system)[:500] AS operation,
        count(*) AS runs, sum(duration_ms) AS took_ms, max(ts) AS last
    FROM recent SEMI JOIN many USING (service, request)
    WHERE db_statement ILIKE 'select%'
    GROUP BY ALL
    HAVING count(*) >= $repeats
)
SELECT service, environment, operation, mode(route) AS route, count(*) AS requests, median(runs) AS runs,
    max(runs) AS most, coalesce(median(took_ms), 0) AS took_ms, epoch_us(max(last)) AS last_us,
    arg_max(request, (runs, took_ms, request)) AS worst
FROM repeated LEFT JOIN routes USING (request)
GROUP BY ALL
HAVING requests >= $requests
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class _Repeated:
    """A query that requests repeat, in the stretch that was looked at."""

    place: Place
    operation: str
    route: str | None
    """The operation of the requests, where they have one."""
    requests: int
    runs: float
    """Times in the median request."""
    most: int
    took_ms: float
    """Of all of them, in the median request."""
    last: datetime
    worst: str
    """The request that repeats it most."""


def detect(buckets: Buckets, settings: NPlusOneSettings) -> list[Finding]:
    """One finding for each service and query."""
    since = _newest(buckets, settings.max_queries)
    if since is None:
        return []
    return [_finding(buckets, settings, repeated, since) for repeated in _repeated(buckets, settings, since)]


def _newest(buckets: Buckets, queries: int) -> datetime | None:
    """From when on there are so many queries, or the first of fewer; None where there is none."""
    cells = buckets.cells
    events = cells.series(np.flatnonzero(cells.keys["operation_kind"] == "db"))
    if not events.any():
        return None
    enough = np.flatnonzero(np.cumsum(events[::-1])[::-1] >= queries)
    return buckets.range.at(int(enough[-1]) if len(enough) else int(np.flatnonzero(events)[0]))


def _repeated(buckets: Buckets, settings: NPlusOneSettings, since: datetime) -> Iterator[_Repeated]:
    rows = buckets.store.execute(
        _REPEATED.format(within=evidence.within(since, buckets.range.until)),
        {"repeats": settings.min_repeats, "requests": settings.min_requests},
    )
    for service, environment, operation, route, requests, runs, most, took_ms, last_us, worst in rows:
        last = datetime.fromtimestamp(last_us / 1e6, UTC)
        place = Place(service, environment)
        yield _Repeated(place, operation, route, requests, float(runs), most, float(took_ms), last, worst)


def _onset(buckets: Buckets, repeated: _Repeated, since: datetime) -> datetime:
    """The first bucket of the hours, back from the last request, in which requests ran the query half as often."""
    own, requests = "operation_kind = 'db' AND operation = $operation", "operation_kind IS DISTINCT FROM 'db'"
    names: dict[str, object] = {"operation": repeated.operation}
    if repeated.route is not None:
        requests = "operation_kind = 'http' AND operation = $route"
        names["route"] = repeated.route
    hours = buckets.store.execute(
        f"SELECT epoch_us(minute) // {_HOUR_US} AS hour, min(i) FILTER ({own}), "
        f"coalesce(sum(events) FILTER ({own}), 0)::DOUBLE, coalesce(sum(events) FILTER ({requests}), 0)::DOUBLE "
        f"FROM {buckets.counts} WHERE {repeated.place.condition()} AND minute <= $last "
        "GROUP BY hour ORDER BY hour DESC",
        names | {"last": repeated.last},
    )
    recent = [(runs, times) for hour, _, runs, times in hours if hour >= int(since.timestamp() * 1e6) // _HOUR_US]
    usual = sum(runs for runs, _ in recent) / max(sum(times for _, times in recent), 1.0)
    onset = since
    for _, first, runs, times in hours:
        if runs < usual / 2 * times:
            break
        if first is not None:
            onset = buckets.range.at(first)
    return onset


def _finding(buckets: Buckets, settings: NPlusOneSettings, repeated: _Repeated, since: datetime) -> Finding:
    start = _onset(buckets, repeated, since)
    lasts = buckets.range.until - repeated.last <= timedelta(minutes=settings.quiet_minutes)
    end = None if lasts else repeated.last + timedelta(microseconds=1)
    query = phrases.shortened(repeated.operation, 90)
    looked_at = phrases.duration((end or buckets.range.until) - since)
    return Finding(
        kind="n_plus_one",
        severity="warning" if repeated.took_ms >= settings.warning_ms else "info",
        service=repeated.place.service,
        environment=repeated.place.environment,
        subject=repeated.operation,
        started_at=start,
        ended_at=end,
        baseline=1.0,
        observed=repeated.runs,
        unit="queries/request",
        score=round(repeated.took_ms * repeated.requests / 1000, 2),
        confidence=1.0,
        title=phrases.shortened(f"{phrases.number(repeated.runs)} times a request: {query}"),
        explanation=(
            f"{repeated.place.service}: {repeated.route or 'a request'} runs “{query}” "
            f"{phrases.number(repeated.runs)} times (at most {repeated.most:,}), "
            f"{phrases.milliseconds(repeated.took_ms)} together, in {repeated.requests:,} requests of {looked_at}; "
            f"one query for all rows would do; {phrases.span(start, end, buckets.range.bucket)}."
        ),
        evidence=evidence.examples(
            buckets.store,
            f"{evidence.of_operation(repeated.place, 'db', repeated.operation, since, buckets.range.until)} "
            f"AND {_REQUEST} = {literal(repeated.worst)}",
        ),
        sql=_sql(buckets, settings, repeated, since, end),
        fingerprint=fingerprint("n_plus_one", repeated.place.service, repeated.place.environment, repeated.operation),
    )


def _sql(
    buckets: Buckets, settings: NPlusOneSettings, repeated: _Repeated, since: datetime, end: datetime | None
) -> str:
    """Requests that repeat the query, and how often, by the minute or bucket in which they began."""
    width = max(buckets.range.bucket_us, 60_000_000)
    return (
        f"SELECT make_timestamptz(epoch_us(began) // {width} * {width}) AS bucket, count(*) AS requests, "
        "median(runs) AS runs\n"
        f"FROM (\n    SELECT {_REQUEST} AS request, min(ts) AS began, count(*) AS runs\n    FROM events\n"
        f"    WHERE {repeated.place.condition()} AND {evidence.operation_is('db', repeated.operation)}\n"
        f"        AND {evidence.within(since, end or buckets.range.until)}\n    GROUP BY request\n"
        f"    HAVING count(*) >= {settings.min_repeats}\n)\nGROUP BY 1\nORDER BY 1"
    )
