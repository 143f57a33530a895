"""The kinds of panels. Each has a title, a unit, and a description that says what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from grafana_foundation_sdk.builders import common, heatmap, logs, stat, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId, Panel
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from deploy.grafana.build.meaning import NONE, Steps
from deploy.grafana.build.parts import HEIGHT, REFS, Link, placed, thresholds
from deploy.grafana.build.queries import LOKI, PROMETHEUS, Query, lines

STAT_HEIGHT: Final = 4
LOGS_HEIGHT: Final = 12


@dataclass(frozen=True, slots=True)
class Look:
    """How a time series is drawn."""

    stacked: bool = False
    steps: Steps = ()
    """Drawn as lines across."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """By the legend, or by a pattern of it between slashes; else Grafana's by name."""
    bars: bool = False
    lowest: float | None = 0
    highest: float | None = None
    calculations: Sequence[str] = ("mean", "max", "lastNotNull")
    """In the legend."""


def series(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    look: Look | None = None,
    links: Sequence[Link] = (),
    width: int = 0,
) -> Panel:
    """Lines over time. Without a width it shares its line with the others."""
    look = look or Look()
    panel = timeseries.Panel().title(title).description(description).datasource(PROMETHEUS).unit(unit)
    panel = panel.targets([query.series(ref) for query, ref in zip(queries, REFS, strict=False)])
    panel = panel.legend(_legend(look.calculations)).tooltip(_tooltip()).line_width(1)
    panel = panel.fill_opacity(30 if look.stacked or look.bars else 5).show_points(options.VisibilityMode.AUTO)
    panel = panel.color_scheme(dashboards.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    if look.lowest is not None:
        panel = panel.axis_soft_min(look.lowest) if look.lowest else panel.min(0)
    if look.highest is not None:
        panel = panel.max(look.highest)
    if look.bars:
        panel = panel.draw_style(options.GraphDrawStyle.BARS)
    if look.stacked:
        panel = panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if look.steps:
        drawn = common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(thresholds(look.steps)).thresholds_style(drawn)
    for name, colour in look.colours.items():
        panel = _coloured(panel, name, colour)
    return placed(panel.data_links([link.builder() for link in links]).build(), HEIGHT, width)


def figure(
    title: str,
    unit: str,
    description: str,
    query: Query,
    *,
    steps: Steps = NONE,
    decimals: int | None = None,
    reduce: Literal["lastNotNull", "max", "min", "sum", "mean"] = "lastNotNull",
    none: str = "none",
    names: bool = False,
    links: Sequence[Link] = (),
    width: int = 0,
) -> Panel:
    """One number, coloured by its steps; `none` is what stands where there is no data, `names` shows the legend too."""
    panel = stat.Panel().title(title).description(description).datasource(PROMETHEUS).unit(unit)
    panel = panel.targets([query.series("A")]).thresholds(thresholds(steps)).no_value(none)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs([reduce]).fields("").values(False))
    panel = panel.color_scheme(dashboards.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    panel = panel.color_mode(options.BigValueColorMode.BACKGROUND if steps != NONE else options.BigValueColorMode.VALUE)
    panel = panel.graph_mode(options.BigValueGraphMode.AREA).justify_mode(options.BigValueJustifyMode.AUTO)
    shown = options.BigValueTextMode.VALUE_AND_NAME if names else options.BigValueTextMode.VALUE
    panel = panel.text_mode(shown).orientation(options.VizOrientation.AUTO)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return placed(panel.data_links([link.builder() for link in links]).build(), STAT_HEIGHT, width)


def spread(title: str, unit: str, description: str, query: Query, *, width: int = 0) -> Panel:
    """How many fell into each bucket of a histogram, over time: `sum by (le) (increase(…_bucket[…]))`."""
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    colours = colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).reverse(False)
    panel = heatmap.Panel().title(title).description(description).datasource(PROMETHEUS).unit(unit)
    panel = panel.targets([query.cells("A")]).calculate(False).color(colours).hide_legend()
    panel = panel.y_axis(heatmap.YAxisConfig().unit(unit)).filter_values(heatmap.FilterValueRange().le(1e-9))
    panel = panel.cell_values(heatmap.CellValues().unit("short")).cell_gap(1)
    panel = panel.tooltip(heatmap.HeatmapTooltip().mode(options.TooltipDisplayMode.SINGLE).show_color_scale(False))
    return placed(panel.build(), HEIGHT, width)


def log(title: str, description: str, expression: str, *, width: int = 0) -> Panel:
    """Lines from Loki, the latest first."""
    panel = logs.Panel().title(title).description(description).datasource(LOKI)
    panel = panel.targets([lines(expression, "A")]).show_time(True).enable_log_details(True)
    panel = panel.wrap_log_message(True).sort_order(options.LogsSortOrder.DESCENDING)
    return placed(panel.dedup_strategy(options.LogsDedupStrategy.NONE).build(), LOGS_HEIGHT, width)


def _legend(calculations: Sequence[str]) -> common.VizLegendOptions:
    made = common.VizLegendOptions().display_mode(options.LegendDisplayMode.TABLE).show_legend(True)
    return made.placement(options.LegendPlacement.BOTTOM).calcs(list(calculations))


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)


def _coloured(panel: timeseries.Panel, name: str, colour: str) -> timeseries.Panel:
    fixed = [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})]
    return panel.override_by_regexp(name, fixed) if name.startswith("/") else panel.override_by_name(name, fixed)
