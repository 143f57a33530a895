"""Tables of the latest values, a row for each set of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, Panel

from deploy.grafana.build.meaning import SEVERITIES, Steps
from deploy.grafana.build.parts import HEIGHT, REFS, Link, placed
from deploy.grafana.build.queries import PROMETHEUS, row

_OWN: Final = ("Time", "__name__", "job", "instance")
"""Columns that nobody asked for."""

_TEXT: Final = "string"
"""The unit of labels, of which some look like numbers."""
_COLOURED: Final = DynamicConfigValue("custom.cellOptions", {"type": "color-text"})


@dataclass(frozen=True, slots=True)
class Column:
    """A value: its heading, PromQL that has the labels of the table and no others, and its unit."""

    name: str
    expression: str
    unit: str = "short"
    steps: Steps = ()
    """Colour the cell."""
    decimals: int | None = None


def table(
    title: str,
    description: str,
    labels: Mapping[str, str],
    columns: Sequence[Column],
    *,
    by: str = "",
    ascending: bool = False,
    links: Mapping[str, Sequence[Link]] | None = None,
    none: str = "nothing",
    width: int = 0,
) -> Panel:
    """Labels under their headings, and the values beside them.

    Rows are sorted `by` a heading (the first value's), the largest first; `links` are of headings; `none` is what
    stands where there is no row.
    """
    panel = tables.Panel().title(title).description(description).datasource(PROMETHEUS).unit(_TEXT)
    panel = panel.targets([row(column.expression, ref) for column, ref in zip(columns, REFS, strict=False)])
    panel = panel.no_value(none).show_header(True).cell_height(options.TableCellHeight.SM).filterable(False)
    panel = panel.cell_options(options.TableAutoCellOptions())
    sort = common.TableSortByFieldState().display_name(by or columns[0].name).desc(not ascending)
    panel = panel.sort_by([sort]).transformations(_joined(labels, columns))
    for column in columns:
        panel = panel.override_by_name(column.name, _format(column))
    if "severity" in labels:
        panel = panel.override_by_name(labels["severity"], _severities())
    for heading, ways in (links or {}).items():
        panel = panel.override_by_name(heading, [DynamicConfigValue("links", [one.builder().build() for one in ways])])
    return placed(panel.build(), HEIGHT, width)


def _joined(labels: Mapping[str, str], columns: Sequence[Column]) -> list[DataTransformerConfig]:
    """One row of what has the same labels; Grafana calls the value of a query that is alone Value, else Value #A."""
    values = {
        f"Value #{ref}" if len(columns) > 1 else "Value": one.name for ref, one in zip(REFS, columns, strict=False)
    }
    names = {**labels, **values}
    organized = {
        "excludeByName": {name: True for name in _OWN if name not in labels},
        "indexByName": {name: number for number, name in enumerate(names)},
        "renameByName": names,
    }
    return [DataTransformerConfig("merge", options={}), DataTransformerConfig("organize", options=organized)]


def _severities() -> list[DynamicConfigValue]:
    """Each in its colour."""
    colours = {name: {"color": colour, "index": number} for number, (name, colour) in enumerate(SEVERITIES.items())}
    mapped = DynamicConfigValue("mappings", [{"type": "value", "options": colours}])
    return [mapped, _COLOURED]


def _format(column: Column) -> list[DynamicConfigValue]:
    properties = [DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        properties.append(DynamicConfigValue("decimals", column.decimals))
    if column.steps:
        steps = [{"value": step.value, "color": step.color} for step in column.steps]
        properties.append(DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}))
        properties.append(DynamicConfigValue("color", {"mode": "thresholds"}))
        properties.append(_COLOURED)
    return properties
