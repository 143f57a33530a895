"""What people say of findings is kept to by later runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import findings, marks
from logpipe_analysis.analysis import analyze
from logpipe_analysis.behind import events_behind
from logpipe_analysis.explain import explained
from logpipe_analysis.finding import Finding

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def failing(traffic: Traffic) -> pd.DataFrame:
    """Five hours in which a service fails for ten minutes, twice."""

    def severity(when: Any, generator: np.random.Generator) -> Any:
        down = ((when >= 150) & (when < 160)) | ((when >= 250) & (when < 260))
        return np.where(generator.random(len(when)) < np.where(down, 0.4, 0.005), 17, 9)

    return traffic(1, 300, 30, severity=severity, message="down")


def _before(frame: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    return frame[frame["ts"] < moment]


def _after(frame: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    return frame[frame["ts"] >= moment]


def _statuses(store: Store) -> list[tuple[str, bool]]:
    """Of each finding by onset: its status, and whether it has ended."""
    return [(one.status, one.ended_at is not None) for one in reversed(findings.load(store))]


def _only(store: Store) -> Finding:
    [finding] = findings.load(store)
    return finding


def test_a_muted_problem_makes_no_alarm(failing: pd.DataFrame, filled: Filled, at: At) -> None:
    """It is stored as muted when it lasts, when it ends and when it comes again; a second run changes nothing."""
    store = filled(_before(failing, at(155)))
    analyze(store)
    marks.mute(store, _only(store), "the provider knows", None, LONG_AGO)
    assert _statuses(store) == [("muted", False)]
    assert analyze(store).changes.unchanged == (_only(store),)
    filled(_after(failing, at(155)), store=store)
    analysis = analyze(store)
    assert _statuses(store) == [("muted", True), ("muted", True)]
    assert [one.status for one in analysis.changes.new] == ["muted"]
    again = analyze(store)
    assert (again.changes.new, again.changes.updated, again.changes.resolved) == ((), (), ())


def test_a_mute_that_has_run_out_is_none(failing: pd.DataFrame, filled: Filled, at: At) -> None:
    """What was muted is open again with the next run, and so it is when the mute is taken back."""
    store = filled(_before(failing, at(155)))
    analyze(store)
    finding = _only(store)
    marks.mute(store, finding, None, LONG_AGO + timedelta(days=7), LONG_AGO)
    assert _statuses(store) == [("muted", False)]
    analyze(store)
    assert _statuses(store) == [("open", False)]
    marks.mute(store, finding, None, FAR_AHEAD, LONG_AGO + timedelta(days=8))
    analyze(store)
    assert _statuses(store) == [("muted", False)]
    marks.unmute(store, finding, LONG_AGO + timedelta(days=9))
    assert _statuses(store) == [("open", False)]
    analyze(store)
    assert _statuses(store) == [("open", False)]


def test_what_was_over_before_the_mute_stays_resolved(failing: pd.DataFrame, filled: Filled, at: At) -> None:
    """A mute concerns alarms to come."""
    store = filled(_before(failing, at(200)))
    analyze(store)
    marks.mute(store, _only(store), None, None, LONG_AGO)
    analyze(store)
    assert _statuses(store) == [("resolved", True)]
    filled(_after(failing, at(200)), store=store)
    analyze(store)
    assert _statuses(store) == [("resolved", True), ("muted", True)]


def test_a_muted_finding_that_is_gone_stays_muted(failing: pd.DataFrame, filled: Filled, at: At) -> None:
    """It ends, and is no news."""
    store = filled(_before(failing, at(155)))
    analyze(store)
    marks.mute(store, _only(store), None, None, LONG_AGO)
    store.execute("UPDATE rollup_minute SET severity = 9")
    analyze(store)
    assert _statuses(store) == [("muted", True)]
    assert analyze(store).changes.resolved == ()


def test_a_resolved_finding_opens_with_a_new_onset_only(failing: pd.DataFrame, filled: Filled, at: At) -> None:
    """Not on the same data, nor while the same episode goes on; when the problem sets in anew it is another finding."""
    store = filled(_before(failing, at(155)))
    analyze(store)
    marks.resolve(store, _only(store), "rolled back", LONG_AGO)
    closed = _only(store)
    assert (closed.status, closed.ended_at) == ("resolved", at(155))
    assert analyze(store).changes.unchanged == (closed,)
    filled(_before(_after(failing, at(155)), at(255)), store=store)
    analysis = analyze(store)
    assert closed in findings.load(store)
    [opened] = analysis.changes.new
    assert (opened.status, opened.fingerprint) == ("open", closed.fingerprint)
    assert opened.finding_id != closed.finding_id
    assert opened.started_at >= at(249)


def test_notes_are_kept_through_updates(failing: pd.DataFrame, filled: Filled, at: At) -> None:
    """They are shown with the finding, in order, after it was resolved as well."""
    store = filled(_before(failing, at(155)))
    analyze(store)
    finding = _only(store)
    marks.note(store, finding, "seen", LONG_AGO)
    marks.note(store, finding, "caused by the migration", LONG_AGO + timedelta(hours=1))
    filled(_before(_after(failing, at(155)), at(200)), store=store)
    assert len(analyze(store).changes.resolved) == 1
    said = explained(store, finding.finding_id).marks
    assert [(mark.action, mark.text) for mark in said] == [("note", "seen"), ("note", "caused by the migration")]
    assert _statuses(store) == [("resolved", True)]


def test_nothing_is_said_of_what_is_not_there(filled: Filled, failing: pd.DataFrame) -> None:
    """An unknown id is an error that says where the ids are."""
    with pytest.raises(QueryError, match="no finding has the id 'nonesuch'"):
        findings.load_one(filled(failing), "nonesuch")


def test_every_kind_has_its_events(whole: Store) -> None:
    """All that a finding counts, by file and byte; its examples are among them, and its statement runs."""
    store = whole
    store.execute("DELETE FROM findings")
    found = analyze(store).findings
    assert len({finding.kind for finding in found}) >= 6
    for finding in found:
        rows = store.execute(events_behind(store, finding))
        places = {(row[-3], row[-2]) for row in rows}
        assert {(one.source_id, one.source_pos) for one in finding.evidence} <= places, finding.title
        assert {row[0] for row in rows} == {"logs/shop.jsonl"}
        assert explained(store, finding.finding_id).rows
    counted = {finding.kind: len(store.execute(events_behind(store, finding))) for finding in found}
    assert counted["new_pattern"] > 500
    assert 150 < counted["error_spike"] < 400
