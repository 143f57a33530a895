"""Logs that hold slow queries only, as PostgreSQL's usually does: a query is seen there only when it is slow."""

from logpipe_analysis.buckets import Buckets
from logpipe_analysis.place import Place


def slow_logs(buckets: Buckets, least_ms: float) -> dict[Place, float]:
    """The services whose fastest query that was logged took `least_ms` or longer, and how long it took."""
    found = buckets.durations
    fastest = {
        place: min(int(found.bucket[found.of(number)].min()) for number in numbers)
        for place, numbers in found.by_place("db").items()
    }
    limits = {place: 2.0 ** (bucket / 8) for place, bucket in fastest.items()}
    return {place: limit for place, limit in limits.items() if limit >= least_ms}
