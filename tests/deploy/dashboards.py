"""The dashboards as they are checked in, and what their panels ask."""

import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.deploy.debian import ROOT

FILES = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
UIDS = [path.stem for path in FILES]

GRAFANA = {"__rate_interval": "1m", "__interval": "15s", "__range": "1h", "__range_s": "3600"}
"""What Grafana puts in for its own variables, at a scrape interval of 15 s."""

_VARIABLE = re.compile(r"\$(?:\{(?:__data\.fields\.)?(\w+)(?::\w+)?\}|(\w+))")
_PANES = re.compile(r'/explore\?schemaVersion=1&panes=([^"]+)"')
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_NOT_METRICS = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w:$.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])")
_WORDS = frozenset({"and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool"})


@dataclass(frozen=True)
class Asked:
    """A query of a panel, of an annotation or of a variable."""

    uid: str
    title: str
    """Of the panel; the name of an annotation or variable."""
    source: str
    """The uid of the data source."""
    expression: str
    label: str = ""
    """Whose values a variable has."""

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics in it, of PromQL."""
        bare = _NOT_METRICS.sub(" ", _TEXT.sub('""', self.expression))
        return {name for name in _NAME.findall(bare) if name not in _WORDS}

    def put_in(self, values: Mapping[str, str]) -> str:
        """The expression with Grafana's variables and those of the dashboard put in."""
        return _VARIABLE.sub(lambda found: {**GRAFANA, **values}[found[1] or found[2]], self.expression)

    def __str__(self) -> str:
        return f"{self.uid}: {self.title}: {self.expression}"


@cache
def dashboard(uid: str) -> dict[str, Any]:
    """A file."""
    loaded: dict[str, Any] = json.loads((FILES[0].parent / f"{uid}.json").read_text(encoding="utf-8"))
    return loaded


def panels(uid: str) -> list[dict[str, Any]]:
    """All panels, headings of rows among them; those inside of rows that are collapsed, too."""
    return [one for panel in dashboard(uid)["panels"] for one in (panel, *panel.get("panels", []))]


def queries(uid: str) -> Iterator[Asked]:
    """What the panels ask, and the annotations."""
    for panel in panels(uid):
        for target in panel.get("targets", []):
            yield Asked(uid, panel["title"], target["datasource"]["uid"], target["expr"])
    for one in dashboard(uid)["annotations"]["list"]:
        yield Asked(uid, one["name"], one["datasource"]["uid"], one["target"]["expr"])


def explored(uid: str) -> Iterator[Asked]:
    """What links to Explore ask, of the row of a table that is clicked or of all that is chosen."""
    for panel in panels(uid):
        for panes in sorted(set(_PANES.findall(json.dumps(panel)))):
            pane = json.loads(urllib.parse.unquote(panes))["a"]
            for query in pane["queries"]:
                yield Asked(uid, f"{panel['title']}: link", pane["datasource"], query["expr"])


def variables(uid: str) -> dict[str, Asked]:
    """The variables by name."""
    return {one["name"]: _values(uid, one) for one in dashboard(uid)["templating"]["list"]}


def _values(uid: str, variable: dict[str, Any]) -> Asked:
    """The selector and the label of `label_values(selector, label)`."""
    found = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["query"]["query"])
    assert found is not None, variable
    return Asked(uid, variable["name"], variable["datasource"]["uid"], found[1], label=found[2])
