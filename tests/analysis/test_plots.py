"""Pictures of findings: the figures that they show, and files that open."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import plots
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import KINDS, Finding, Kind
from logpipe_analysis.settings import Settings
from tests.analysis.eventful import eventful_days, stored
from tests.analysis.filling import fill
from tests.stores import passing_store

Traffic = Callable[..., pd.DataFrame]

TRUTH: dict[Kind, tuple[str, str]] = {
    "error_spike": ("count(*)", "service = 'shop' AND severity >= 17"),
    "slow_query": ("avg(duration_ms)", "db_statement LIKE '%carts%'"),
    "new_query": ("count(*)", "db_statement LIKE '%coupons%'"),
    "query_surge": (
        "count(*) FILTER (db_statement LIKE '%items%') / nullif(count(*) FILTER (http_route = '/orders'), 0)",
        "service = 'web'",
    ),
    "n_plus_one": ("median(12)", "db_statement LIKE '%prices%'"),
    "latency_trend": ("avg(duration_ms)", "http_route = '/search'"),
    "latency_shift": ("avg(duration_ms)", "http_route = '/quote'"),
    "new_pattern": ("count(*)", "message LIKE 'no tax rate%'"),
    "pattern_surge": ("count(*)", "message LIKE 'cache miss%'"),
    "pattern_vanished": ("count(*)", "message LIKE 'synced%'"),
    "silence": ("count(*)", "service = 'worker'"),
    "deploy_regression": ("count(*)", "service = 'pay' AND http_status = 500"),
    "volume_change": ("count(*)", "service = 'search'"),
}
"""What a picture is to show of the events of a bucket, and of which."""


@pytest.fixture(scope="module")
def days() -> Iterator[Store]:
    """What takes days to be seen."""
    with stored(eventful_days()) as store:
        yield store


@pytest.fixture(scope="module")
def every_kind(whole: Store, days: Store) -> dict[Kind, tuple[Store, Finding]]:
    """A finding of each kind, with its store."""
    return {finding.kind: (store, finding) for store in (whole, days) for finding in analyze(store).findings}


def _is_true(store: Store, finding: Finding) -> None:
    """What is drawn is what the events say."""
    what = plots.shown(store, finding)
    figure, condition = TRUTH[finding.kind]
    times = what.observed.index
    rows = store.execute(
        f"SELECT epoch_us(time_bucket(?, ts)), {figure} FROM events WHERE {condition} AND ts >= ? AND ts < ? "
        "GROUP BY 1 ORDER BY 1",
        [what.width, times[0].to_pydatetime(), times[-1].to_pydatetime() + what.width],
    )
    true = pd.Series([value for _, value in rows], pd.to_datetime([us for us, _ in rows], unit="us", utc=True)).dropna()
    drawn = what.observed
    if what.unit.endswith("/min"):
        drawn = drawn[drawn > 0] * (what.width / timedelta(minutes=1))
    pd.testing.assert_series_equal(
        drawn.dropna(),
        true.astype(float),
        rtol=0,
        atol=0.0051,
        check_names=False,
        check_freq=False,
        check_index_type=False,
    )
    assert what.baseline == (None if finding.kind == "deploy_regression" else finding.baseline)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_shows_what_the_events_say(
    every_kind: dict[Kind, tuple[Store, Finding]], kind: Kind, tmp_path: Path
) -> None:
    """Of each kind, bucket by bucket; and it can be drawn."""
    store, finding = every_kind[kind]
    _is_true(store, finding)
    plots.save(store, finding, tmp_path / "finding.svg")


@pytest.mark.parametrize("seconds", [20, 300])
def test_so_it_does_in_buckets_of_another_length(whole: Store, seconds: int) -> None:
    """Though what is known of patterns is known by the minute."""
    whole.execute("DELETE FROM findings; DELETE FROM incidents")
    found = analyze(whole, settings=Settings(bucket=timedelta(seconds=seconds))).findings
    whole.execute("DELETE FROM findings; DELETE FROM incidents")
    assert {"new_pattern", "n_plus_one", "silence", "error_spike"} <= {finding.kind for finding in found}
    for finding in found:
        if finding.subject != "select * from prices where id = ?" or finding.kind == "n_plus_one":
            _is_true(whole, finding)


def _troubles(traffic: Traffic) -> Iterator[pd.DataFrame]:
    """An error spike from minute 150 to 160, and requests half as fast from minute 200 on."""

    def severity(when: object, generator: np.random.Generator) -> object:
        odds = np.where((when >= 150) & (when < 160), 0.33, 0.005)  # type: ignore[operator]  # minutes
        return np.where(generator.random(len(odds)) < odds, 17, 9)

    def took(when: object, generator: np.random.Generator) -> object:
        return np.where(when < 200, 50, 150) * np.exp(0.3 * generator.normal(size=len(when)))  # type: ignore[operator,arg-type]  # minutes

    yield traffic(1, 300, 30, severity=severity, message="down")
    yield traffic(2, 300, 30, service="web", http_method="GET", http_route="/", duration_ms=took)


@pytest.fixture(scope="module")
def troubled(traffic: Traffic) -> Iterator[Store]:
    """A store of them, for reading only."""
    with passing_store() as store:
        fill(store, *_troubles(traffic))
        yield store


def _found(store: Store, kind: str) -> Finding:
    return next(finding for finding in analyze(store).findings if finding.kind == kind)


def test_a_picture_shows_the_figures_of_its_finding(troubled: Store) -> None:
    """Errors a minute; what was usual before is far below the spike, and the spike where the finding says."""
    spike = _found(troubled, "error_spike")
    what = plots.shown(troubled, spike)
    assert what.usual is not None
    assert spike.ended_at is not None
    inside = what.observed[(what.observed.index >= spike.started_at) & (what.observed.index < spike.ended_at)]
    assert inside.mean() == pytest.approx(spike.observed)
    assert what.usual[1] < inside.min()


def test_a_picture_of_a_latency_is_in_milliseconds(troubled: Store) -> None:
    """The mean of each bucket, and the level before."""
    what = plots.shown(troubled, _found(troubled, "latency_shift"))
    assert what.usual is not None
    assert what.usual[0] > 30
    assert what.observed.max() > 120


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_finding_gives_the_same_file(troubled: Store, tmp_path: Path, kind: str) -> None:
    """So that it can be kept beside its text."""
    spike = _found(troubled, "error_spike")
    paths = [tmp_path / f"{number}.{kind}" for number in range(2)]
    for path in paths:
        plots.save(troubled, spike, path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    if kind == "svg":
        assert ElementTree.fromstring(first).tag.endswith("svg")
    else:
        assert first.startswith(b"\x89PNG")


def test_another_suffix_is_refused(troubled: Store, tmp_path: Path) -> None:
    """The message names those that are known."""
    with pytest.raises(QueryError, match=r"end it in .svg or .png"):
        plots.save(troubled, _found(troubled, "error_spike"), tmp_path / "spike.gif")


def test_a_finding_without_rows_says_so(troubled: Store) -> None:
    """As where retention has taken its roll-ups."""
    spike = _found(troubled, "error_spike")
    with passing_store() as emptied, pytest.raises(QueryError, match="nothing to draw"):
        plots.shown(emptied, spike)
