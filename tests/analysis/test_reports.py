"""The SQL reports as a library."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import reports
from logpipe_analysis.reports import Scope

NAMES = [
    "business-events",
    "errors-by-service",
    "latency-percentiles",
    "log-bytes-by-source-line",
    "slow-endpoints",
    "slow-queries",
    "top-exceptions",
    "volume-by-stream",
]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def rows(database: Path, name: str, scope: Scope) -> list[dict[str, object]]:
    with Store.open(database, read_only=True) as store, reports.run(store, reports.find(name), scope) as result:
        return [row for batch in result.batches for row in batch.to_pylist()]


def test_the_reports_say_what_they_answer() -> None:
    """A question as the title, and how it is counted as the description."""
    found = reports.all_reports()
    assert [report.name for report in found] == NAMES
    for report in found:
        assert report.title.endswith("?")
        assert "exact" in report.description
        assert all(parameter in report.sql for parameter in ("$since", "$until", "$service"))


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_bounded_by_time_service_and_rows(shop: Path, name: str) -> None:
    """Everything, nothing, one service, one row."""
    everything = rows(shop, name, Scope())
    assert everything
    assert rows(shop, name, Scope(limit=1)) == everything[:1]
    assert rows(shop, name, Scope(since=NOON + timedelta(days=1))) == []
    assert rows(shop, name, Scope(until=datetime(2025, 1, 1, tzinfo=UTC))) == []
    assert rows(shop, name, Scope(service="nobody")) == []


def test_a_report_reads_its_range_alone(shop: Path) -> None:
    """From the start on, up to and without the end."""
    scope = Scope(since=datetime(2026, 1, 2, 1, tzinfo=UTC), until=datetime(2026, 1, 2, 2, tzinfo=UTC))
    assert [(row["service"], row["events"]) for row in rows(shop, "errors-by-service", scope)] == [("nginx", 400)]


def test_the_order_of_a_report_survives_its_limit(shop: Path) -> None:
    """The costliest come first."""
    [row] = rows(shop, "slow-queries", Scope(limit=1))
    assert (row["fingerprint"], row["queries"]) == ("select * from orders where id = ?", 1000)


@pytest.mark.parametrize(
    ("name", "near"), [("slow_query", "slow-queries"), ("errors", "errors-by-service"), ("zzz", "")]
)
def test_an_unknown_report_names_the_nearest(name: str, near: str) -> None:
    """Or how to list them."""
    with pytest.raises(QueryError, match=f"did you mean {near}" if near else "logpipe report"):
        reports.find(name)


def test_spans_count_back_from_the_newest_event(shop: Path, tmp_path: Path) -> None:
    """From the end of its minute; from now where there is none."""
    with Store.open(shop, read_only=True) as store:
        assert reports.newest_event(store) == NOON + timedelta(minutes=1)
    with Store.open(tmp_path / "empty.duckdb") as store:
        assert datetime.now(UTC) - reports.newest_event(store) < timedelta(minutes=1)
