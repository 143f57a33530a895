"""From a bucket to a trace: the newest that is in it, and never what is no id."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar, Timestamp

from logpipe.store import Store
from logpipe_shippers.prometheus import Limits, StoreCollector, latencies
from tests.shippers.test_prometheus import add
from tests.stores import passing_store

NEWEST = datetime(2026, 1, 1, 12, tzinfo=UTC)


def traced(store: Store, limits: Limits | None = None) -> dict[tuple[str, str, float], Exemplar]:
    """The exemplars by family, operation and the upper bound of their bucket, as a scraper reads them."""
    text = choose_encoder("application/openmetrics-text; version=1.0.0")[0](
        StoreCollector(store, limits, traced=True)
    ).decode()
    return {
        (
            family.name,
            sample.labels.get("operation") or sample.labels["route"],
            float(sample.labels["le"]),
        ): sample.exemplar
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    }


def event(seconds_ago: float, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {"event": "job", "duration_ms": 3.0}
    return row | {"ts": (NEWEST - timedelta(seconds=seconds_ago)).isoformat()} | fields


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.0, 0.7, 1.0, 1.5, 2.0, 70_000.0])), max_size=20))
def test_each_bucket_has_the_newest_trace_of_the_last_minutes(rows: list[tuple[int, float]]) -> None:
    """With its own duration, in its own bucket and in no other, and none from longer ago."""
    rows = [(0, 9.0), (350, 40.0), *rows]
    with passing_store() as store:
        add(store, [event(ago, duration_ms=ms, trace_id=f"t-{ago}-{round(ms * 10)}") for ago, ms in rows])
        found = traced(store)
    expected: dict[float, tuple[int, float]] = {}
    for ago, ms in rows:
        bound = next((bound for bound in map(float, latencies.BOUNDS) if ms / 1000 <= bound), float("inf"))
        if ago < latencies.EXEMPLAR_SPAN_S and ago <= expected.get(bound, (ago, ms))[0]:
            expected[bound] = (ago, ms)
    assert {bound for *_, bound in found} == set(expected)
    for (*_, bound), exemplar in found.items():
        ago, _ = expected[bound]
        assert exemplar.timestamp == Timestamp((NEWEST - timedelta(seconds=ago)).timestamp(), 0)
        assert exemplar.labels["trace_id"] == f"t-{ago}-{round(exemplar.value * 10_000)}"
        assert exemplar.value <= bound


def test_requests_queries_and_jobs_have_their_own() -> None:
    """By the name they are counted under, also where that is `other`."""
    with passing_store() as store:
        add(
            store,
            [
                event(1, event=None, http_method="GET", http_route="/a", trace_id="request"),
                event(1, event=None, db_statement="SELECT * FROM t WHERE id = 7", trace_id="query"),
                event(1, trace_id="job"),
                event(0, event="late", trace_id="late"),
                event(0, event="untraced"),
            ],
        )
        found, folded = traced(store), traced(store, Limits(operations=0))
    assert {name: exemplar.labels["trace_id"] for (_, name, _), exemplar in found.items()} == {
        "/a": "request",
        "select * from t where id = ?": "query",
        "job": "job",
        "late": "late",
    }
    assert {exemplar.labels["trace_id"] for exemplar in folded.values()} == {"request", "query", "late"}


@pytest.mark.parametrize("trace_id", ['a"b', "a\nb", "x" * 65, "", "é", "a b", "\0"])
def test_what_is_no_id_is_no_exemplar(trace_id: str) -> None:
    """Whatever programs write there, a scrape is not refused for it; a strange span is left out alone."""
    with passing_store() as store:
        add(store, [event(0, trace_id=trace_id), event(1, event="other", trace_id="t1", span_id=trace_id)])
        [exemplar] = traced(store).values()
    assert exemplar.labels == {"trace_id": "t1"}


def test_a_clock_that_is_ahead_leads_nowhere() -> None:
    """Events of tomorrow would be the newest until tomorrow."""
    with passing_store() as store:
        ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        add(store, [event(0, trace_id="now"), event(0, ts=ahead, trace_id="tomorrow")])
        [exemplar] = traced(store).values()
    assert exemplar.labels["trace_id"] == "now"


def test_only_the_latest_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the cost is bounded."""
    monkeypatch.setattr(latencies, "EXEMPLAR_ROWS", 5)
    with passing_store() as store:
        add(store, [event(0, duration_ms=float(2**octave), trace_id=f"t{octave}") for octave in range(10)])
        found = traced(store)
    assert {exemplar.labels["trace_id"] for exemplar in found.values()} == {f"t{octave}" for octave in range(5, 10)}


def test_the_text_format_has_none() -> None:
    """It has no way to write them."""
    with passing_store() as store:
        add(store, [event(0, trace_id="t1")])
        assert b"t1" not in generate_latest(StoreCollector(store, traced=True))
