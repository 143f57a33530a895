"""The sums that roll-ups hold, whatever rows they stand in."""

from typing import Any

from logpipe.store import Store


def sums(store: Store) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Counts and latencies by key, in order; sums of floating-point numbers to nine digits."""
    counts = store.execute(
        "SELECT * EXCLUDE (events, bytes), sum(events)::BIGINT, sum(bytes)::BIGINT FROM rollup_minute "
        "GROUP BY ALL ORDER BY ALL"
    )
    latencies = store.execute(
        "SELECT * EXCLUDE (events, sum_ms, max_ms), sum(events)::BIGINT, format('{:.9e}', sum(sum_ms)), max(max_ms) "
        "FROM latency_minute GROUP BY ALL ORDER BY ALL"
    )
    assert counts
    return counts, latencies
