"""Pictures of findings: the figures that they show, and files that open."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import plots
from logpipe_analysis.analysis import analyze
from logpipe_analysis.finding import Finding

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]


@pytest.fixture
def troubled(traffic: Traffic, filled: Filled) -> Store:
    """An error spike from minute 150 to 160, and requests half as fast from minute 200 on."""

    def severity(when: object, generator: np.random.Generator) -> object:
        odds = np.where((when >= 150) & (when < 160), 0.33, 0.005)  # type: ignore[operator]  # minutes
        return np.where(generator.random(len(odds)) < odds, 17, 9)

    def took(when: object, generator: np.random.Generator) -> object:
        return np.where(when < 200, 50, 150) * np.exp(0.3 * generator.normal(size=len(when)))  # type: ignore[operator,arg-type]  # minutes

    return filled(
        traffic(1, 300, 30, severity=severity, message="down"),
        traffic(2, 300, 30, service="web", http_method="GET", http_route="/", duration_ms=took),
    )


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
    troubled.execute("DELETE FROM rollup_minute")
    with pytest.raises(QueryError, match="nothing to draw"):
        plots.shown(troubled, spike)
