"""Burn rates against a count of the events themselves, and files of objectives that say something wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from logpipe.errors import SettingError
from logpipe.store import Store
from logpipe_shippers import targets
from logpipe_shippers.prometheus import StoreCollector
from logpipe_shippers.prometheus.burn import WINDOWS
from logpipe_shippers.prometheus.objectives import Objective, load
from tests.shippers.test_prometheus import Series, add, key, named, read
from tests.stores import passing_store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BUCKET_MS = [2.0 ** (number / 8) for number in range(120)]
ROUTES = ("/a", "/b")


def series(store: Store, *objectives: Objective, now: datetime = NOW) -> Series:
    return read(generate_latest(StoreCollector(store, objectives=objectives, now=now)))


@dataclass(frozen=True)
class Request:
    minutes_ago: int
    status: int
    duration_ms: float
    route: str
    service: str

    @property
    def row(self) -> dict[str, object]:
        return {
            "ts": (NOW - timedelta(minutes=self.minutes_ago)).isoformat(),
            "http_status": self.status,
            "http_route": self.route,
            "http_method": "GET",
            "duration_ms": self.duration_ms,
            "service": self.service,
        }


EDGES = [minutes - before for minutes in (5, 30, 60, 120, 360, 1440, 4320) for before in (1, 0)]
REQUESTS = st.lists(
    st.builds(
        Request,
        st.one_of(
            st.integers(-5, 20), st.sampled_from([29, 30, 59, 60, 119, 120, 360, 1439, 1440, 4319, 4320, 10_000])
        ),
        st.sampled_from([200, 404, 499, 500, 503]),
        st.one_of(st.sampled_from(BUCKET_MS), st.floats(0, 5000)),
        st.sampled_from(ROUTES),
        st.sampled_from(["web", "api"]),
    ),
    max_size=30,
)


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(REQUESTS, st.sampled_from(BUCKET_MS), st.sampled_from([None, *ROUTES]))
def test_burn_rates_are_those_of_the_events(requests: list[Request], bound_ms: float, route: str | None) -> None:
    """At the bound of a bucket exactly, in every window: errors and slow requests, of a service and of a route."""
    up = Objective("web", "up", route=route, availability=0.99, window=timedelta(days=7))
    fast = Objective("web", "fast", route=route, latency_ms=bound_ms, share=0.9, window=timedelta(days=7))
    edges = [Request(ago, 500 if number % 2 else 200, bound_ms, "/a", "web") for number, ago in enumerate(EDGES)]
    requests = [*requests, *edges]
    with passing_store() as store:
        add(store, [request.row for request in requests])
        found = series(store, up, fast)
    counted = [one for one in requests if one.service == "web" and route in (None, one.route) and one.minutes_ago >= 0]
    for name, span in {**WINDOWS, "": up.window}.items():
        within = [one for one in counted if timedelta(minutes=one.minutes_ago) < span]
        for objective, bad in (
            (up, sum(one.status >= 500 for one in within)),
            (fast, sum(one.duration_ms > bound_ms for one in within)),
        ):
            burnt = bad / len(within) / (1 - objective.ratio) if within else 0.0
            labels = {"objective": objective.name, "service": "web", "indicator": objective.indicator}
            if name:
                assert found[key("logpipe_slo_burn_rate", window=name, **labels)] == pytest.approx(burnt)
            else:
                left = found[key("logpipe_slo_error_budget_remaining_ratio", **labels)]
                assert left == pytest.approx(1 - burnt)
                assert found[key("logpipe_slo_window_events", **labels)] == len(within)


def test_a_latency_between_bounds_never_hides_a_slow_request() -> None:
    """What lies between the bound that is told and the objective counts as slow, unless nothing above it was there."""
    fast = Objective("web", "fast", latency_ms=300, share=0.5)
    assert fast.bound_s == pytest.approx(0.27917, abs=1e-5)
    labels = {"objective": "fast", "service": "web", "indicator": "latency"}
    row = {"ts": NOW.isoformat(), "http_status": 200}
    for durations, bad in (([200, 299], 0), ([200, 299, 302], 2), ([301, 400], 2)):
        with passing_store() as store:
            add(store, [row | {"duration_ms": float(duration)} for duration in durations])
            found = series(store, fast)
        burnt = found[key("logpipe_slo_burn_rate", window="5m", **labels)]
        assert burnt == pytest.approx(bad / len(durations) / 0.5)
        assert found[key("logpipe_slo_latency_bound_seconds", **labels)] == pytest.approx(fast.bound_s)


def test_an_operation_that_is_no_request_fails_by_its_level() -> None:
    """Errors of jobs and queries have no status."""
    up = Objective("web", "jobs", operation="job", availability=0.5)
    with passing_store() as store:
        rows = [("INFO", 9)] * 3 + [("ERROR", 17)]
        add(store, [{"ts": NOW.isoformat(), "event": "job", "level": of, "severity": number} for of, number in rows])
        found = series(store, up)
    labels = {"objective": "jobs", "service": "web", "indicator": "availability"}
    assert found[key("logpipe_slo_burn_rate", window="1h", **labels)] == pytest.approx(0.25 / 0.5)
    assert found[key("logpipe_slo_objective_ratio", **labels)] == 0.5


def test_lines_of_a_request_are_no_requests() -> None:
    """They may name its route, or none; what has a status counts."""
    up = Objective("web", "up", availability=0.5)
    with passing_store() as store:
        lines: list[dict[str, object]] = [{"message": "m"}, {"event": "e"}, {"http_route": "/a"}] * 5
        requests: list[dict[str, object]] = [{"http_route": "/a", "http_status": of} for of in (200, 200, 200, 500)]
        add(store, [{"ts": NOW.isoformat(), "service": "web", "level": "ERROR"} | row for row in [*lines, *requests]])
        found = series(store, up)
    labels = {"objective": "up", "service": "web", "indicator": "availability"}
    assert found[key("logpipe_slo_window_events", **labels)] == 4
    assert found[key("logpipe_slo_burn_rate", window="1h", **labels)] == pytest.approx(0.25 / 0.5)


def test_without_objectives_there_are_no_series_of_them() -> None:
    """Nor names without samples."""
    with passing_store() as store:
        assert not [name for name, _ in read(generate_latest(StoreCollector(store))) if "slo" in name]


def written(folder: Path, text: str) -> Path:
    path = folder / "ship.toml"
    path.write_text(text)
    return path


def test_objectives_stand_beside_targets(tmp_path: Path) -> None:
    """In one file, of which each reader takes its own part."""
    text = """
[[objective]]
service = "web"
availability = 0.999

[[objective]]
service = "web"
route = "/checkout"
latency_ms = 300
share = 0.99
window = "7d"

[pushgateway.main]
url = "http://localhost:9091"
"""
    up, fast = load(written(tmp_path, text))
    assert up == Objective("web", "web availability", availability=0.999)
    assert (fast.name, fast.window, fast.ratio) == ("web /checkout latency", timedelta(days=7), 0.99)
    [target] = targets.load(tmp_path / "ship.toml")
    assert target.name == "pushgateway:main"
    target.close()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "has 0 tables [[objective]], not 1 to 100"),
        ("[objective]", "objectives are tables [[objective]]"),
        ('[[objective]]\nservice = "web"', "[[objective]] 1 has either availability, or latency_ms and share"),
        ('[[objective]]\nservice = "web"\nlatency_ms = 3', "has either availability, or latency_ms and share"),
        ('[[objective]]\nservice = "web"\navailability = 0.9\nlatency_ms = 3', "has either availability, or"),
        ('[[objective]]\nservice = "web"\navailability = 0.9\nshare = 0.5', "has either availability, or"),
        (
            '[[objective]]\nservice = "web"\navailability = 99.9',
            "asks for a share of 99.9, which is not between 0 and 1",
        ),
        ('[[objective]]\nservice = "web"\navailability = 1', "asks for a share of 1, which is not between"),
        ('[[objective]]\nservice = "web"\nlatency_ms = 0\nshare = 0.5', "has a latency_ms that is not above 0"),
        ('[[objective]]\nservice = "web"\navailability = 0.9\nwindow = "1s"', "has a window that is not between"),
        ('[[objective]]\nservice = "web"\navailability = 0.9\nname = "a\\u0000"', "has a name with control characters"),
        (
            '[[objective]]\nservice = "web"\navailability = 0.9\nroute = "/"\noperation = "job"',
            "has operation and route",
        ),
        ('[[objective]]\nservice = "web"\navailabilty = 0.9', "has no setting availabilty; did you mean availability"),
        ("[[objective]]\navailability = 0.9", "lacks service"),
        (
            '[[objective]]\nservice = "web"\navailability = 0.9\n' * 2,
            "has several objectives called 'web availability'",
        ),
    ],
)
def test_what_is_no_objective_is_refused(tmp_path: Path, table: str, said: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(SettingError) as wrong:
        load(written(tmp_path, table))
    assert said in str(wrong.value)


def test_names_are_labels_whatever_services_are_called() -> None:
    """A hostile service stays one sample a line, and is called as in other families."""
    hostile = 'quote " backslash \\ newline \n nul \0 é'
    up = Objective(hostile, "up", availability=0.5)
    with passing_store() as store:
        add(store, [{"ts": NOW.isoformat(), "service": hostile, "http_status": 500}])
        found = series(store, up)
    burnt = named(found, "logpipe_slo_burn_rate")
    assert set(burnt.values()) == {2.0}
    [of_events] = named(found, "logpipe_http_requests_total")
    assert {dict(labels)["service"] for labels in burnt} == {dict(of_events)["service"]}
