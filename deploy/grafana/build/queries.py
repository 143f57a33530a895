"""What panels ask, and of whom."""

import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import loki, prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI: Final = DataSourceRef(type_val="loki", uid="loki")
"""As deploy/grafana/provisioning/datasources has them."""

_VARIABLE: Final = re.compile(r"(\$\{[^}]*\})")


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of PromQL and how its series are called; `{{label}}` puts a label in."""

    expression: str
    legend: str = ""
    latest: bool = False
    """Only the latest value, as of totals over the time that is shown."""
    exemplars: bool = False
    """Traces beside the line, of a histogram's buckets."""

    def series(self, ref: str) -> Builder[Dataquery]:
        """Over the time of the dashboard, unless it is about the latest value."""
        asked = _asked(self.expression, ref).legend_format(self.legend or "__auto")
        asked = asked.instant() if self.latest else asked.range()
        return asked.exemplar(True) if self.exemplars else asked

    def cells(self, ref: str) -> Builder[Dataquery]:
        """Buckets of a histogram."""
        return _asked(self.expression, ref).range().format(PromQueryFormat.HEATMAP).legend_format("{{le}}")


def summed(metric: str, of: str, by: str = "") -> str:
    """The rate of a counter, summed over all labels but those of `by`."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{of}}}[$__rate_interval]))"


def or_none(expression: str) -> str:
    """0 where logpipe can tell and tells of nothing; and no value, which no figure takes for 0, where it cannot."""
    return f"{expression}\nor 0 * max(logpipe_up == 1)"


def row(expression: str, ref: str) -> Builder[Dataquery]:
    """The latest value of each series, as rows of a table."""
    return _asked(expression, ref).instant().format(PromQueryFormat.TABLE)


def lines(expression: str, ref: str) -> Builder[Dataquery]:
    """Lines that Loki has, by LogQL."""
    return loki.Dataquery().expr(expression).ref_id(ref).datasource(LOKI).query_type("range").max_lines(500)


def explore(source: Literal["prometheus", "loki"], expression: str) -> str:
    """The address of Explore with a query, for the time that the dashboard shows; `${variables}` are Grafana's."""
    asked = [{"refId": "A", "expr": expression}]
    pane = {"datasource": source, "queries": asked, "range": {"from": "${__from}", "to": "${__to}"}}
    parts = _VARIABLE.split(json.dumps({"a": pane}))
    quoted = "".join(part if _VARIABLE.fullmatch(part) else urllib.parse.quote(part, safe="") for part in parts)
    return f"/explore?schemaVersion=1&panes={quoted}"


def annotated(name: str, colour: str, expression: str, title: str, text: str) -> builders.AnnotationQuery:
    """Marks where an expression has a value, a minute at a time."""
    made = builders.AnnotationQuery().name(name).icon_color(colour).enable(True).hide(False).datasource(PROMETHEUS)
    made.build().placement = None  # type: ignore[assignment] # else its switch is in a menu
    asked = _asked(expression, "Anno").interval("60s").range()
    return made.target(asked).step("60s").title_format(title).text_format(text).use_value_for_time(False)


def _asked(expression: str, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).ref_id(ref).datasource(PROMETHEUS)
