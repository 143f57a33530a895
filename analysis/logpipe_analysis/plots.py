"""A finding as a picture: what was observed, the baseline, and what was usual before; as SVG or PNG."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.finding import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_USUAL = (0.05, 0.95)
"""The quantiles of the buckets before the onset between which nine tenths of them lay."""
_LEAST_BEFORE = 5
"""Buckets before the onset, without which none is called usual."""
_DARK, _ACCENT, _SHADE = "#333333", "#c0392b", "#2c7fb8"
_COLUMNS = {"errors/min": "errors", "events/min": "events", "ms": "mean_ms", "queries/request": "runs"}
"""The column of a statement by the unit of its finding."""
_LEVELS = ("ms", "queries/request")
"""Units that are no counts: buckets without a row have none."""
_VERSIONS = ["server_errors", "logged_errors"]
"""What a statement about versions has instead: the errors, by either way of counting them."""
_BY_MINUTE = ("new_pattern", "pattern_surge", "pattern_vanished")
"""Kinds whose statements count by the minute, however long the buckets of the analysis are."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a picture shows: the rows of a finding's statement."""

    observed: "pd.Series[float]"
    """By the beginning of the bucket, UTC; counts are 0 in buckets without a row, levels NaN."""
    unit: str
    """The finding's; errors/min where its statement does not show that, as of versions."""
    width: timedelta
    """Of a bucket."""
    baseline: float | None
    """None where the finding has none in this unit."""
    usual: tuple[float, float] | None
    """Between which nine tenths of the buckets before the onset lay; None where too few are shown."""


def shown(store: Store, finding: Finding) -> Shown:
    """The figures of a finding, by its own statement.

    Raises:
        QueryError: the statement has no rows any more, as where its events have expired.
        StoreError: the store cannot be read.
    """
    with store.rows(f"SELECT * REPLACE (epoch_us(bucket) AS bucket) FROM ({finding.sql})") as rows:
        frame = rows.df()
    if frame.empty:
        raise QueryError(
            f"finding {finding.finding_id} has nothing to draw: its statement returns no rows now",
            remedy=f"look at it with: logpipe explain {finding.finding_id}",
            reason="nothing_to_draw",
        )
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame.pop("bucket"), unit="us", utc=True))
    told = _COLUMNS.get(finding.unit or "")
    if told in frame:
        unit, figures, baseline = finding.unit or "", frame[told], finding.baseline
    else:
        unit, figures, baseline = "errors/min", frame[_VERSIONS].max(axis=1), None
    width = _width(finding)
    observed = _every(figures.astype(float), unit, width)
    before = observed[observed.index < finding.started_at].dropna()
    usual = None if len(before) < _LEAST_BEFORE else tuple(float(before.quantile(share)) for share in _USUAL)
    return Shown(observed, unit, width, baseline, usual)  # type: ignore[arg-type]  # two quantiles are a pair


def _width(finding: Finding) -> timedelta:
    """Of the buckets of its statement; a gate's are minutes, and requests are told by the minute at least."""
    own = timedelta(seconds=finding.bucket_s)
    if finding.kind in _BY_MINUTE or not own:
        return _MINUTE
    return max(own, _MINUTE) if finding.kind == "n_plus_one" else own


def _every(figures: "pd.Series[float]", unit: str, width: timedelta) -> "pd.Series[float]":
    """A figure for each bucket; of several rows of one, as of versions side by side, their sum."""
    every = pd.date_range(figures.index.min(), figures.index.max(), freq=width)
    if unit in _LEVELS:
        return figures.reindex(every)
    return figures.groupby(level=0).sum().reindex(every, fill_value=0.0) / (width / _MINUTE)


def draw(store: Store, finding: Finding) -> "Figure":
    """A figure of matplotlib, of 8 × 3 inches. Needs the extra `plots`.

    Raises:
        QueryError, StoreError: as `shown`.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    what = shown(store, finding)
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot()
    times: npt.NDArray[np.object_] = np.array([moment.to_pydatetime() for moment in what.observed.index])
    end = finding.ended_at or times[-1] + what.width
    axes.axvspan(finding.started_at, end, color=_ACCENT, alpha=0.08, linewidth=0)  # type: ignore[arg-type]  # dates are converted
    if what.usual is not None:
        axes.axhspan(*what.usual, color=_SHADE, alpha=0.18, linewidth=0, label="90 % of the buckets before")
    if what.baseline is not None:
        axes.axhline(what.baseline, color=_SHADE, linestyle="--", linewidth=1, label="baseline")
    # Counts hold for a bucket.
    drawn: Literal["default", "steps-post"] = "default" if what.unit in _LEVELS else "steps-post"
    axes.plot(times, what.observed.to_numpy(), color=_DARK, linewidth=1, drawstyle=drawn, label="observed")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(what.unit)
    axes.set_title(finding.title, loc="left", fontsize=10, pad=20)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]  # as matplotlib has it
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # as above
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    return figure


def save(store: Store, finding: Finding, path: str | Path) -> None:
    """Draw a finding into a file; its suffix says as what: .svg or .png. The same finding gives the same bytes.

    Raises:
        QueryError: the suffix is another; or as `shown`.
        StoreError: as `shown`.
    """
    kind = Path(path).suffix.removeprefix(".").lower()
    if kind not in ("svg", "png"):
        raise QueryError(
            f"{path} is no name for a picture", remedy="end it in .svg or .png", reason="unknown_picture_format"
        )
    from matplotlib import rc_context

    figure = draw(store, finding)
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": finding.finding_id}):
        figure.savefig(path, format=kind, metadata=metadata)
