"""`n_plus_one`: a request that runs the same query again and again, once for each row of another.

Whole requests are drawn by the hash of their id, so that a large store costs no more than a small one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from logpipe.store.literals import literal
from logpipe_analysis import evidence, phrases
from logpipe_analysis.buckets import Buckets, Place
from logpipe_analysis.finding import Finding
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.settings import NPlusOneSettings

_REQUEST = "coalesce(request_id, trace_id)"

_REPEATED = f"""
WITH drawn AS MATERIALIZED (
    SELECT service, environment, {_REQUEST} AS request, ts, duration_ms, http_method, http_route, db_statement
    FROM events
    WHERE {{within}} AND (db_statement IS NOT NULL OR http_route IS NOT NULL)
        AND hash({_REQUEST}) % $one_in = 0
),
routes AS (
    SELECT request, max(concat_ws(' ', http_method, http_route)) AS route
    FROM drawn WHERE db_statement IS NULL GROUP BY request
),
many AS (
    SELECT service, request
    FROM drawn WHERE db_statement IS NOT NULL GROUP BY service, request HAVING count(*) >= $repeats
),
repeated AS (
    SELECT drawn.service, environment, request, query_fingerprint(db_statement)[:500] AS operation,
        count(*) AS runs, sum(duration_ms) AS took_ms, min(ts) AS first, max(ts) AS last
    FROM drawn SEMI JOIN many USING (service, request)
    WHERE db_statement ILIKE 'select%'
    GROUP BY ALL
    HAVING count(*) >= $repeats
)
SELECT service, environment, operation, mode(route) AS route, count(*) AS requests, median(runs) AS runs,
    max(runs) AS most, coalesce(median(took_ms), 0) AS took_ms, sum(runs)::BIGINT AS queries,
    epoch_us(min(first)) AS first_us, epoch_us(max(last)) AS last_us, arg_max(request, runs) AS worst
FROM repeated LEFT JOIN routes USING (request)
GROUP BY ALL
HAVING requests >= $requests
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class _Repeated:
    """A query that requests repeat; counts are of the requests that were drawn."""

    place: Place
    operation: str
    route: str | None
    requests: int
    runs: float
    """Times in the median request."""
    most: int
    took_ms: float
    """Of all of them, in the median request."""
    first: datetime
    last: datetime
    worst: str
    """The request that repeats it most."""


def detect(buckets: Buckets, settings: NPlusOneSettings) -> list[Finding]:
    """One finding for each service and query."""
    [(queries,)] = buckets.store.execute(
        f"SELECT coalesce(sum(events), 0)::BIGINT FROM {buckets.counts} WHERE operation_kind = 'db'"
    )
    if queries < settings.min_repeats:
        return []
    one_in = -(-int(queries) // settings.max_queries)
    return [_finding(buckets, settings, repeated, one_in) for repeated in _repeated(buckets, settings, one_in)]


def _repeated(buckets: Buckets, settings: NPlusOneSettings, one_in: int) -> Iterator[_Repeated]:
    rows = buckets.store.execute(
        _REPEATED.format(within=buckets.within("ts")),
        {"one_in": one_in, "repeats": settings.min_repeats, "requests": settings.min_requests},
    )
    for service, environment, operation, route, requests, runs, most, took_ms, _, first_us, last_us, worst in rows:
        first, last = (datetime.fromtimestamp(us / 1e6, UTC) for us in (first_us, last_us))
        place = Place(service, environment)
        yield _Repeated(place, operation, route, requests, float(runs), most, float(took_ms), first, last, worst)


def _finding(buckets: Buckets, settings: NPlusOneSettings, repeated: _Repeated, one_in: int) -> Finding:
    usual_gap = (repeated.last - repeated.first) / max(repeated.requests - 1, 1)
    quiet = buckets.range.until - repeated.last
    lasts = quiet <= max(timedelta(minutes=settings.quiet_minutes), 5 * usual_gap)
    end = None if lasts else repeated.last + timedelta(microseconds=1)
    query = phrases.shortened(repeated.operation, 90)
    where = repeated.route or "requests"
    drawn = f" of those looked at, one in {one_in:,}" if one_in > 1 else ""
    return Finding(
        kind="n_plus_one",
        severity="warning" if repeated.took_ms >= settings.warning_ms else "info",
        service=repeated.place.service,
        environment=repeated.place.environment,
        subject=repeated.operation,
        started_at=repeated.first,
        ended_at=end,
        baseline=1.0,
        observed=repeated.runs,
        unit="queries/request",
        score=round(repeated.took_ms * repeated.requests * one_in / 1000, 2),
        confidence=1.0,
        title=phrases.shortened(f"{phrases.number(repeated.runs)} times a request: {query}"),
        explanation=(
            f"{repeated.place.service}: {where} runs “{query}” {phrases.number(repeated.runs)} times a request "
            f"(at most {repeated.most:,}), {phrases.milliseconds(repeated.took_ms)} together, in "
            f"{repeated.requests:,} requests{drawn}; one query for all rows would do; "
            f"{phrases.span(repeated.first, end, buckets.range.bucket)}."
        ),
        evidence=evidence.examples(
            buckets.store,
            f"{repeated.place.condition()} AND {_REQUEST} = {literal(repeated.worst)} "
            f"AND {evidence.operation_is('db', repeated.operation)} AND {buckets.within('ts')}",
        ),
        sql=_sql(buckets, settings, repeated, end),
        fingerprint=fingerprint("n_plus_one", repeated.place.service, repeated.place.environment, repeated.operation),
    )


def _sql(buckets: Buckets, settings: NPlusOneSettings, repeated: _Repeated, end: datetime | None) -> str:
    """Requests that repeat the query, and how often, by the minute or bucket in which they began."""
    width = max(buckets.range.bucket_us, 60_000_000)
    return (
        f"SELECT make_timestamptz(epoch_us(began) // {width} * {width}) AS bucket, count(*) AS requests, "
        "median(runs) AS runs\n"
        f"FROM (\n    SELECT {_REQUEST} AS request, min(ts) AS began, count(*) AS runs\n    FROM events\n"
        f"    WHERE {repeated.place.condition()} AND {evidence.operation_is('db', repeated.operation)}\n"
        f"        AND {evidence.within(repeated.first, end or buckets.range.until)}\n    GROUP BY request\n"
        f"    HAVING count(*) >= {settings.min_repeats}\n)\nGROUP BY 1\nORDER BY 1"
    )
