"""A dashboard: rows of lines of panels, with what all dashboards have in common."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    Panel,
    RowPanel,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.build.parts import RUNBOOKS, WIDTH, shown
from deploy.grafana.build.queries import PROMETHEUS, annotated

TAG: Final = "logpipe"
ANY: Final = "..*"
"""The pattern of all values of a variable: some text, as Loki wants it; a plus would be a blank in addresses."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What the person who looks chooses: one or more values of a label of a metric. Queries say `label=~"$name"`."""

    name: str
    label: str
    """For people."""
    values: str
    """As `label_values(metric, label)`."""
    description: str = ""

    def builder(self) -> builders.QueryVariable:
        """All values at first."""
        made = (
            builders.QueryVariable(self.name)
            .label(self.label)
            .query({"qryType": 5, "query": self.values, "refId": "A"})
        )
        made = made.definition(self.values).datasource(PROMETHEUS).description(self.description)
        made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.NATURAL_ASC)
        made = made.multi(True).include_all(True).all_value(ANY)
        return made.current(VariableOption(selected=True, text="All", value="$__all"))


def _runbooks() -> builders.QueryVariable:
    """Where docs/alerts.md is, as the rules have it: nobody's choice."""
    values = "label_values(logpipe:runbooks:info, base)"
    made = builders.QueryVariable(RUNBOOKS).query({"qryType": 5, "query": values, "refId": "A"}).definition(values)
    made = made.datasource(PROMETHEUS).hide(VariableHide.HIDE_VARIABLE).multi(False).include_all(False)
    return made.refresh(VariableRefresh.ON_DASHBOARD_LOAD).description("The address of the runbooks.")


SERVICE: Final = Variable("service", "Service", "label_values(logpipe_events_total, service)", "As the logs call it.")


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and what is below it: lines of panels, each of which share the width."""

    title: str
    lines: Sequence[Sequence[Panel]]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks on all panels: where an expression has a value."""

    name: str
    colour: str
    expression: str
    title: str
    """`{{label}}` puts a label in."""
    text: str = ""


DEPLOYMENTS: Final = Annotation(
    "Deployments",
    "blue",
    'increase(logpipe_business_events_total{event="deployment", service=~"$service"}[1m]) > 0\n'
    'or (logpipe_business_events_total{event="deployment", service=~"$service"}\n'
    'unless max_over_time(logpipe_business_events_total{event="deployment", service=~"$service"}[1h] offset 1m))',
    "deployment of {{service}}",
)
"""Events named `deployment` of the stream business; the first of a service makes its series, which is no increase.

A series that comes back within the hour, after scrapes that failed, is no deployment.
"""


def alerts(components: str, labels: str = "") -> Annotation:
    """Alerts of some components, as `"api|findings"`, while they fire; `labels` are further matchers."""
    chosen = ", ".join(part for part in (f'component=~"{components}"', 'alertstate="firing"', labels) if part)
    where = "{{service}} {{instance}} {{target}} {{source}}"
    return Annotation("Alerts", "red", f"ALERTS{{{chosen}}}", "{{alertname}}", f"{{{{severity}}}}: {where}")


@dataclass(frozen=True, slots=True)
class Board:
    """A whole dashboard."""

    uid: str
    """Also the name of its file."""
    title: str
    description: str
    variables: Sequence[Variable]
    annotations: Sequence[Annotation]
    rows: Sequence[Row]

    def json(self) -> str:
        """The file that Grafana reads."""
        return json.dumps(self._built(), cls=JSONEncoder, indent=2, ensure_ascii=False, sort_keys=True) + "\n"

    def _built(self) -> object:
        made = builders.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG])
        made = made.time("now-1h", "now").refresh("30s").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
        made = made.editable().variables([*(one.builder() for one in self.variables), _runbooks()])
        made = made.annotations(
            [annotated(one.name, one.colour, one.expression, one.title, one.text) for one in self.annotations]
        )
        others = builders.DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG])
        made = made.links([shown(others.icon("external link").include_vars(True).keep_time(True).as_dropdown(False))])
        built = made.build()
        built.panels = list(placed(self.rows))
        return built


def placed(rows: Sequence[Row]) -> Iterator[Panel | RowPanel]:
    """All panels with their numbers and places. Those of a row that is collapsed are inside of it."""
    y, number = 0, 0
    for row in rows:
        number += 1
        heading = RowPanel(
            title=row.title, id_val=number, collapsed=row.collapsed, grid_pos=GridPos(h=1, w=WIDTH, x=0, y=y)
        )
        y += 1
        inside: list[Panel] = []
        for line in row.lines:
            for panel in _line(line, y):
                number += 1
                panel.id_val = number
                inside.append(panel)
            y += max(panel.grid_pos.h for panel in line if panel.grid_pos)
        if row.collapsed:
            heading.panels = inside
            yield heading
        else:
            yield heading
            yield from inside


def _line(line: Sequence[Panel], y: int) -> Iterator[Panel]:
    """Panels side by side, as tall as the tallest; those without a width share what is left."""
    sizes = [panel.grid_pos or GridPos() for panel in line]
    free, sharing = WIDTH - sum(size.w for size in sizes), [size for size in sizes if not size.w]
    for index, size in enumerate(sharing):
        size.w = free // len(sharing) + (1 if index < free % len(sharing) else 0)
    x, height = 0, max(size.h for size in sizes)
    for panel, size in zip(line, sizes, strict=True):
        panel.grid_pos = GridPos(h=height, w=size.w, x=x, y=y)
        x += size.w
        yield panel
