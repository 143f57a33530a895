"""The analysis as a whole: nothing on a quiet day, everything once, and no crash on what is thin or odd."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import logpipe_analysis
from logpipe.store import Store
from logpipe_analysis import recall
from logpipe_analysis.analysis import analyze
from logpipe_analysis.detectors import error_spike
from logpipe_analysis.settings import Settings

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]


def _failing(first: float, last: float) -> Callable[[Any, np.random.Generator], Any]:
    """Severities: one error in two hundred, one in three from minute `first` to `last`."""

    def severity(when: Any, generator: np.random.Generator) -> Any:
        odds = np.where((when >= first) & (when < last), 0.33, 0.005)
        return np.where(generator.random(len(when)) < odds, 17, 9)

    return severity


@pytest.mark.parametrize("seed", [10, 20, pytest.param(30, marks=pytest.mark.long)])
def test_a_day_without_incidents_has_no_findings(quiet: Callable[[int], Store], seed: int) -> None:
    """Traffic that follows the day, with its usual errors, is not reported."""
    analysis = analyze(quiet(seed))
    assert [finding.explanation for finding in analysis.findings] == []
    assert [note for note in analysis.notes if not note.startswith("volumes of shop, worker: still learning")] == []


def test_an_empty_store_says_so() -> None:
    """There is nothing to look at, and that is said rather than raised."""
    with Store.open(":memory:") as store:
        analysis = analyze(store)
    assert (analysis.findings, analysis.notes) == ([], ("there are no events in that range",))


def test_a_range_after_the_last_event_says_so(traffic: Traffic, filled: Filled, at: At) -> None:
    """The history before it is read, but it is not what was asked for; what is not all after it is."""
    store = filled(traffic(1, 240, 5))
    said = "there are no events in that range: the last ones before it end at 2026-01-05 04:00"
    assert said not in analyze(store, since=at(239)).notes
    for since in (at(240), at(4000)):
        assert said in analyze(store, since=since).notes


def test_one_event_is_still_learning(traffic: Traffic, filled: Filled) -> None:
    """Where there is no history there is no judgement, and a note says why."""
    analysis = analyze(filled(traffic(1, 1, 5).head(1)))
    assert analysis.findings == []
    assert "shop: still learning" in analysis.notes[0]


def test_events_without_any_optional_field_are_analysed(filled: Filled) -> None:
    """All columns but time and service may be NULL."""
    times = pd.date_range("2026-01-05", periods=500, freq="30s", tz="UTC")
    assert analyze(filled(pd.DataFrame({"ts": times, "service": "x", "severity": 0}))).findings == []


def test_queries_that_take_no_time_are_analysed(traffic: Traffic, filled: Filled) -> None:
    """A duration of 0 has a bucket of its own, below all others."""
    assert analyze(filled(traffic(1, 100, 5, db_statement="SELECT 1", duration_ms=0.0))).findings == []


def test_an_unchanged_store_is_not_looked_at_again(
    traffic: Traffic, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run tells what the first found; it is run again after an ingest, and for another question."""
    looked: list[object] = []
    detect = error_spike.detect

    def watched(*given: Any) -> Any:
        looked.append(given)
        return detect(*given)

    monkeypatch.setattr(error_spike, "detect", watched)
    store = filled(traffic(1, 240, 30, severity=_failing(150, 160), message="down"))
    first = analyze(store)
    again = analyze(store)
    assert (again.findings, again.since, again.until, again.notes) == (
        first.findings,
        first.since,
        first.until,
        first.notes,
    )
    assert len(looked) == 1
    analyze(store, kinds=["error_spike"])
    analyze(store, settings=Settings(bucket=timedelta(minutes=2)))
    assert len(looked) == 3
    assert len(analyze(store).findings) == 1
    filled(traffic(2, 240, 1), store=store)
    analyze(store)
    assert len(looked) == 4


def test_other_code_is_another_question(tmp_path: Path) -> None:
    """Also where only a statement changed, or an older release was installed; what Python compiled is no code."""
    for name in ("spike.py", "cost.sql"):
        (tmp_path / name).write_text("1")
    known = recall.stamp(tmp_path)
    (tmp_path / "spike.pyc").write_text("1")
    assert recall.stamp(tmp_path) == known
    statement = tmp_path / "cost.sql"
    os.utime(statement, ns=(0, statement.stat().st_mtime_ns - 10**9))
    assert recall.stamp(tmp_path) != known


def test_a_second_run_changes_nothing(traffic: Traffic, filled: Filled) -> None:
    """The table, its times of update included, is the same after a second run on the same data."""
    store = filled(traffic(1, 240, 30, severity=_failing(150, 160), message="down"))
    first = analyze(store)
    before = store.execute("SELECT * FROM findings")
    second = analyze(store)
    assert len(first.changes.new) == 1
    assert store.execute("SELECT * FROM findings") == before
    assert (second.changes.new, second.changes.updated, second.changes.resolved) == ((), (), ())
    assert second.changes.unchanged == first.changes.new


def test_a_finding_is_resolved_when_its_cause_ends(traffic: Traffic, filled: Filled) -> None:
    """What lasts is open; a later ingest that shows its end resolves it under the same id."""
    whole = traffic(1, 300, 30, severity=_failing(150, 160), message="down")
    early = whole["ts"] < whole["ts"].iloc[0] + timedelta(minutes=155)
    store = filled(whole[early])
    [opened] = analyze(store).changes.new
    assert (opened.status, opened.ended_at) == ("open", None)
    filled(whole[~early], store=store)
    analysis = analyze(store)
    [resolved] = analysis.changes.resolved
    assert (resolved.finding_id, resolved.status) == (opened.finding_id, "resolved")
    assert analysis.changes.new == ()
    assert store.execute("SELECT count(*) FROM findings") == [(1,)]


def test_what_set_in_before_the_range_is_left_as_it_is(traffic: Traffic, filled: Filled, at: At) -> None:
    """A look at the last day does not see the step of last week, and so knows nothing of it."""

    def took(when: Any, generator: np.random.Generator) -> Any:
        return np.where(when >= 1440, 200, 50) * np.exp(0.3 * generator.normal(size=len(when)))

    store = filled(traffic(1, 6 * 1440, 2, http_method="GET", http_route="/", duration_ms=took))
    [finding] = analyze(store, kinds=["latency_shift"]).findings
    assert finding.status == "open"
    assert analyze(store, since=at(5.5 * 1440), kinds=["latency_shift"]).changes.resolved == ()
    assert store.execute("SELECT status FROM findings") == [("open",)]


def test_a_record_with_a_wrong_clock_does_not_stretch_the_range(traffic: Traffic, filled: Filled) -> None:
    """A handful of events years away is left out, and named in a note."""
    sane = traffic(1, 240, 30, severity=_failing(150, 160), message="down")
    astray = sane.head(3).assign(ts=pd.Timestamp("2077-01-01", tz="UTC"))
    analysis = analyze(filled(sane, astray))
    assert [finding.kind for finding in analysis.findings] == ["error_spike"]
    assert "3 events lie more than 30 days apart" in analysis.notes[0]


def test_the_ends_of_time_are_looked_at_no_further(traffic: Traffic, filled: Filled) -> None:
    """Records of the years 1 and 9999, and bounds out there, neither raise nor hide anything."""
    sane = traffic(1, 240, 30, severity=_failing(150, 160), message="down")
    store = filled(sane)
    store.execute(
        "INSERT INTO rollup_minute (minute, service, severity, events, bytes) VALUES "
        "('9999-12-31 23:59:00Z', 'shop', 17, 1, 1), ('0001-01-01 00:00:00Z', 'shop', 17, 1, 1)"
    )
    for since in (None, datetime.min.replace(tzinfo=UTC)):
        for until in (None, datetime.max.replace(tzinfo=UTC)):
            assert [finding.kind for finding in analyze(store, since, until).findings] == ["error_spike"]


def test_a_look_into_the_past_changes_no_finding(traffic: Traffic, filled: Filled, at: At) -> None:
    """What lasts stays open, what has ended stays resolved, whatever the data showed then."""
    store = filled(
        traffic(1, 300, 30, severity=_failing(150, 160), message="down"),
        traffic(2, 300, 30, severity=_failing(290, 300), message="slow", service="worker"),
    )
    analyze(store)
    before = store.execute("SELECT * FROM findings ORDER BY finding_id")
    assert store.execute("SELECT status FROM findings ORDER BY started_at") == [
        ("resolved",),
        ("open",),
    ]
    for minute in (155, 200, 295):
        analyze(store, until=at(minute))
        assert store.execute("SELECT * FROM findings ORDER BY finding_id") == before


def test_another_resolution_changes_no_finding(traffic: Traffic, filled: Filled) -> None:
    """What it does not see stays open, and what it sees in pieces is not told again."""
    store = filled(
        traffic(1, 300, 30, severity=_failing(150, 160), message="down"),
        traffic(2, 300, 30, severity=_failing(280, 300), message="slow", service="worker"),
    )
    [*known] = analyze(store).changes.new
    before = store.execute("SELECT * FROM findings ORDER BY finding_id")
    for seconds in (1, 10, 30, 300):
        analysis = analyze(store, settings=Settings(bucket=timedelta(seconds=seconds)))
        assert (analysis.changes.updated, analysis.changes.resolved) == ((), ())
        of_known = "SELECT * FROM findings WHERE bucket_s = 60 ORDER BY finding_id"
        assert store.execute(of_known) == before
        prints = [finding.fingerprint for finding in analysis.changes.new]
        assert not {finding.fingerprint for finding in known} & set(prints)


def test_only_findings_of_the_asked_time_and_kind_are_reported(traffic: Traffic, filled: Filled, at: At) -> None:
    """The range chooses findings, while baselines reach back before it."""
    store = filled(traffic(1, 300, 30, severity=_failing(150, 160), message="down"))
    assert analyze(store, since=at(200)).findings == []
    assert analyze(store, kinds=["silence"]).findings == []
    assert [finding.kind for finding in analyze(store, since=at(140)).findings] == ["error_spike"]


@pytest.mark.parametrize("absurd_ms", [1e18, 1e300])
def test_durations_of_more_than_a_million_years_are_told(traffic: Traffic, filled: Filled, absurd_ms: float) -> None:
    """Some programs write what they have not measured."""

    def took(when: Any, _: np.random.Generator) -> Any:
        return np.where((when >= 150) & (when < 160), absurd_ms, 4.0)

    store = filled(traffic(1, 240, 20, db_statement="SELECT 1", stream="performance", duration_ms=took))
    assert "slow_query" in {finding.kind for finding in analyze(store).findings}


def test_every_statement_of_a_finding_runs_again(traffic: Traffic, filled: Filled) -> None:
    """The SQL needs no parameters and shows rows, in minutes and in shorter buckets."""
    store = filled(
        traffic(1, 240, 60, severity=_failing(150, 160), message='it\'s "down"', service="o'shop \x00"),
        traffic(2, 240, lambda minutes: 20 * (minutes < 200), event="tick", service="worker"),
    )
    for bucket in (timedelta(minutes=1), timedelta(seconds=30), timedelta(minutes=2)):
        found = analyze(store, settings=Settings(bucket=bucket)).findings
        assert {finding.kind for finding in found} == {"error_spike", "silence"}
        for finding in found:
            assert store.execute(finding.sql), finding.sql
            assert finding.evidence


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 300),
            st.sampled_from([0, 9, 13, 17, 21]),
            st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
            st.one_of(st.none(), st.text(max_size=20)),
            st.sampled_from([None, 200, 503]),
        ),
        max_size=60,
    ),
    copies=st.integers(1, 20),
)
@example(rows=[(0, 0, 3.4028235677973366e38, None, 200)], copies=1)  # more than a float of 32 bits holds
def test_no_series_crashes_the_analysis(
    filled: Filled, rows: list[tuple[int, int, float | None, str | None, int | None]], copies: int
) -> None:
    """Sparse, odd and hostile records give findings or none, twice the same."""
    if not rows:
        return
    frame = pd.DataFrame(rows * copies, columns=["minute", "severity", "duration_ms", "message", "http_status"])
    frame["ts"] = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(frame.pop("minute"), unit="min")
    frame["http_status"] = frame["http_status"].astype("Int64")
    frame["service"] = "shop"
    frame["exception_type"] = frame["message"].where(frame["severity"] >= 17)
    frame["db_statement"] = frame["message"].where(frame["severity"] == 0)
    store = filled(frame)
    first, second = analyze(store), analyze(store)
    assert second.changes.unchanged == first.changes.new
    store.close()


def test_findings_come_as_a_table(traffic: Traffic, filled: Filled) -> None:
    """A row a finding, under its id, with times that pandas knows; columns are there also where nothing was found."""
    store = filled(traffic(1, 240, 30, severity=_failing(150, 160), message="down"))
    analysis = analyze(store)
    frame = analysis.to_pandas()
    assert list(frame.index) == [finding.finding_id for finding in analysis.findings]
    assert frame["started_at"].dt.to_pydatetime().tolist() == [finding.started_at for finding in analysis.findings]
    assert str(frame["ended_at"].dt.tz) == "UTC"
    nothing = analyze(store, kinds=["silence"]).to_pandas()
    assert (len(nothing), list(nothing.columns)) == (0, list(frame.columns))


def test_the_package_has_what_a_script_needs() -> None:
    """Names come from their modules when they are used; others are an error."""
    assert logpipe_analysis.analyze is analyze
    assert {name for name in logpipe_analysis.__all__ if hasattr(logpipe_analysis, name)} == set(
        logpipe_analysis.__all__
    )
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        logpipe_analysis.analyse  # noqa: B018 - the access is what is tested
