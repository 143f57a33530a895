"""Findings of one cause are one incident; what merely happens at the same time is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import findings, grouping, incidents
from logpipe_analysis.analysis import analyze, extent
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.settings import Settings

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

WITHOUT_TIMES = "SELECT incident_id, title, finding_ids, links FROM incidents ORDER BY incident_id"


def _failing(first: float, last: float, odds: float = 0.4) -> Callable[[Any, np.random.Generator], Any]:
    """Severities: one error in two hundred, far more from minute `first` to `last`."""

    def severity(when: Any, generator: np.random.Generator) -> Any:
        chance = np.where((when >= first) & (when < last), odds, 0.005)
        return np.where(generator.random(len(when)) < chance, 17, 9)

    return severity


def _requests(name: str) -> Callable[[Any, np.random.Generator], Any]:
    return lambda when, generator: [f"{name}{number}" for number in range(len(when))]


def _called(frame: pd.DataFrame, service: str) -> pd.DataFrame:
    """The rows of a service that was called for each of these, and answered first."""
    return frame.assign(ts=frame["ts"] - pd.Timedelta(milliseconds=5), service=service)


def _grouped(store: Store) -> list[list[tuple[str, str]]]:
    """Service and kind of the findings of each incident, the oldest incident first."""
    found = reversed(incidents.load(store))
    return [[(finding.service, finding.kind) for finding in one.findings] for one in found]


def test_errors_of_the_same_requests_are_one_incident(traffic: Traffic, filled: Filled) -> None:
    """The service whose rows come first is named first, and the line says what links them."""
    web = traffic(1, 240, 30, service="web", severity=_failing(150, 160), request_id=_requests("r"))
    store = filled(web, _called(web, "api"))
    analyze(store)
    assert _grouped(store) == [[("api", "error_spike"), ("web", "error_spike")]]
    [one] = incidents.load(store)
    assert one.title.startswith("api: errors ×")
    assert "at the same time web: errors ×" in one.title
    assert "2 findings in 2 services" in one.title
    assert "requests in both" in one.title
    assert (one.severity, one.open, one.services) == ("critical", False, ("api", "web"))


def test_what_merely_happens_at_once_is_not_put_together(traffic: Traffic, filled: Filled) -> None:
    """Two services that know nothing of each other fail in the same ten minutes."""
    store = filled(
        traffic(1, 240, 30, service="web", severity=_failing(150, 160), request_id=_requests("w")),
        traffic(2, 240, 30, service="mail", severity=_failing(150, 160), request_id=_requests("m")),
    )
    analyze(store)
    assert _grouped(store) == [[("mail", "error_spike")], [("web", "error_spike")]] or _grouped(store) == [
        [("web", "error_spike")],
        [("mail", "error_spike")],
    ]
    assert {one.title for one in incidents.load(store)} == {
        finding.explanation for one in incidents.load(store) for finding in one.findings
    }


def test_requests_in_both_by_chance_link_nothing(traffic: Traffic, filled: Filled) -> None:
    """Services that serve the same requests, each with errors of its own, minutes apart."""
    web = traffic(1, 240, 30, service="web", severity=_failing(150, 170), request_id=_requests("r"))
    api = _called(web, "api")
    minutes = (api["ts"] - api["ts"].iloc[0].floor("h")).dt.total_seconds() / 60
    api["severity"] = _failing(156, 170)(minutes.to_numpy(), np.random.default_rng(3))
    store = filled(web, api)
    analyze(store)
    assert sorted(map(len, _grouped(store))) == [1, 1]


def test_a_silence_and_errors_of_a_service_that_calls_it_are_one(traffic: Traffic, filled: Filled) -> None:
    """The dead service has no rows to share; that requests go through both, and the onset, link them."""
    web = traffic(1, 240, 30, service="web", severity=_failing(150, 170), request_id=_requests("r"))
    api = _called(web, "api").assign(severity=9)
    stopped = (api["ts"] - api["ts"].iloc[0].floor("h")).dt.total_seconds().between(150 * 60, 170 * 60)
    store = filled(web, api[~stopped])
    analyze(store)
    assert _grouped(store) == [[("api", "silence"), ("web", "error_spike")]]
    assert "requests go through both services" in incidents.load(store)[0].title


def test_the_same_exception_links_services(traffic: Traffic, filled: Filled) -> None:
    """No request is shared, but both fail by the same, which leads among the errors of both."""

    def spiking(seed: int, service: str) -> pd.DataFrame:
        frame = traffic(seed, 240, 30, service=service, severity=_failing(150, 160))
        frame.loc[frame["severity"] >= 17, "exception_type"] = "psycopg.OperationalError"
        return frame

    store = filled(spiking(1, "web"), spiking(2, "worker"))
    analyze(store)
    [one] = incidents.load(store)
    assert {finding.service for finding in one.findings} == {"web", "worker"}
    assert "OperationalError in both" in one.title


def test_what_follows_a_deployment_is_one_incident(traffic: Traffic, filled: Filled) -> None:
    """Errors at once and a slower route; the line names the version first."""

    def version(when: Any, generator: np.random.Generator) -> Any:
        return np.where(when >= 150, "2.8.0", "2.7.4")

    def slower(when: Any, generator: np.random.Generator) -> Any:
        return 60 * np.exp(0.3 * generator.normal(size=len(when))) * np.where(when >= 165, 3, 1)

    store = filled(
        traffic(1, 300, 30, version=version, severity=_failing(150, 170)),
        traffic(2, 300, 30, version=version, http_method="GET", http_route="/cart", duration_ms=slower),
    )
    analyze(store)
    assert _grouped(store) == [[("shop", "error_spike"), ("shop", "latency_shift")]]
    [one] = incidents.load(store)
    assert one.title.startswith("shop: the deployment of 2.8.0 at 02:30 was followed by errors ×")
    assert "at 02:45" in one.title


def test_a_second_run_changes_nothing(traffic: Traffic, filled: Filled) -> None:
    """Neither ids nor titles nor times."""
    web = traffic(1, 240, 30, service="web", severity=_failing(150, 160), request_id=_requests("r"))
    store = filled(web, _called(web, "api"))
    analyze(store)
    before = store.execute("SELECT * FROM incidents")
    analyze(store)
    assert store.execute("SELECT * FROM incidents") == before


def test_incidents_depend_on_the_past_alone(traffic: Traffic, filled: Filled, at: At) -> None:
    """The whole store looked at up to a moment gives what a store of the events before it does."""
    web = traffic(1, 240, 30, service="web", severity=_failing(150, 160), request_id=_requests("r"))
    both = pd.concat([web, _called(web, "api")])
    whole = filled(both)
    for minutes in (152, 156, 200):
        whole.execute("DELETE FROM findings; DELETE FROM incidents")
        prefix = filled(both[both["ts"] < at(minutes)])
        analyze(whole, until=at(minutes))
        analyze(prefix)
        assert whole.execute(WITHOUT_TIMES) == prefix.execute(WITHOUT_TIMES)
        assert len(_grouped(whole)) == 1


def test_an_incident_keeps_its_id_as_it_grows(traffic: Traffic, filled: Filled) -> None:
    """A finding that comes later joins it; the earliest onset may then be another's."""
    web = traffic(1, 300, 30, service="web", severity=_failing(150, 175), request_id=_requests("r"))
    api = _called(web, "api").assign(severity=9)
    minutes = (api["ts"] - api["ts"].iloc[0].floor("h")).dt.total_seconds() / 60
    api.loc[minutes >= 155, "severity"] = web.loc[minutes >= 155, "severity"]
    both = pd.concat([web, api])
    early = both["ts"] < both["ts"].min() + timedelta(minutes=153)
    store = filled(both[early])
    analyze(store, kinds=["error_spike"])
    [first] = incidents.load(store)
    filled(both[~early], store=store)
    analyze(store, kinds=["error_spike"])
    [grown] = incidents.load(store)
    assert (first.incident_id, len(first.findings)) == (grown.incident_id, 1)
    assert [finding.service for finding in grown.findings] == ["web", "api"]


def test_two_incidents_that_turn_out_to_be_one_are_merged(traffic: Traffic, filled: Filled) -> None:
    """It has the id of the older; the id of the other still finds it."""
    web = traffic(1, 240, 30, service="web", severity=_failing(150, 175), request_id=_requests("r"))
    api = _called(web, "api")
    minutes = (api["ts"] - api["ts"].iloc[0].floor("h")).dt.total_seconds() / 60
    api.loc[minutes < 158, "request_id"] = None
    api.loc[(minutes >= 150) & (minutes < 153), "severity"] = 9
    both = pd.concat([web, api])
    early = both["ts"] < both["ts"].min() + timedelta(minutes=157)
    store = filled(both[early])
    analyze(store)
    newer, older = incidents.load(store)
    filled(both[~early], store=store)
    analyze(store)
    [one] = incidents.load(store)
    assert (one.incident_id, len(one.findings)) == (older.incident_id, 2)
    for known in (older.incident_id, newer.incident_id, newer.findings[0].finding_id):
        assert incidents.find(store, known, "logs.duckdb") == one
    with pytest.raises(QueryError, match="no incident has the id"):
        incidents.find(store, "nonesuch", "logs.duckdb")


def test_environments_are_not_mixed(traffic: Traffic, filled: Filled) -> None:
    """The same failure in staging and in production is two incidents."""
    frame = traffic(1, 240, 30, severity=_failing(150, 160), environment="production")
    store = filled(frame, frame.assign(environment="staging"))
    analyze(store)
    assert sorted(map(len, _grouped(store))) == [1, 1]


def test_many_findings_at_once_cost_no_more_statements_than_few(
    traffic: Traffic, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails everywhere is read once, and not for each pair of services."""
    execute, made = Store.execute, []

    def watched(store: Store, sql: str, *given: Any) -> Any:
        made.append(sql)
        return execute(store, sql, *given)

    def statements(services: int) -> int:
        """That put the findings of so many services together anew."""
        web = traffic(1, 240, 20, service="web", severity=_failing(150, 160), request_id=_requests("r"))
        store = filled(*(_called(web, f"s{number}") for number in range(services)))
        analyze(store, kinds=["error_spike"])
        store.execute("DELETE FROM incidents")
        covered = extent(store, None, Settings())
        assert covered is not None
        buckets = Buckets(store, covered)
        made.clear()
        with monkeypatch.context() as patched:
            patched.setattr(Store, "execute", watched)
            changes = findings.Changes(new=tuple(findings.load(store)))
            grouping.record(buckets, changes, Settings().incidents, datetime.now(UTC))
        assert [len(group) for group in _grouped(store)] == [services]
        return len(made)

    assert statements(9) == statements(3)
