"""A real Alertmanager with the routes of deploy/, whose receivers are one web server of the test."""

import json
import shutil
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.debian import ROOT
from tests.deploy.rules import load
from tests.deploy.scaled import scaled
from tests.deploy.servers import started
from tests.shippers.http_server import Answers, serving

PACKAGE = "prometheus-alertmanager"
CONFIGURATION = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"

Labels = tuple[tuple[str, str], ...]
"""Of an alert, in the order of their names."""


@dataclass(frozen=True)
class News:
    """What one message says of one alert that the receiver did not know."""

    receiver: str
    labels: Labels
    status: str
    message: int
    """The place of the message."""
    alert: dict[str, Any]

    def label(self, name: str) -> str:
        """A label, empty where there is none."""
        return dict(self.labels).get(name, "")


@dataclass
class Routed:
    """An Alertmanager, and what its receivers got."""

    url: str
    web: Answers
    _news: list[News] = field(default_factory=list)
    _known: dict[tuple[str, Labels], str] = field(default_factory=dict)
    _seen: int = 0
    """Messages that were read."""

    def alerts(self) -> list[dict[str, Any]]:
        """All that fires, with its state."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def suppressed(self) -> set[tuple[str, str]]:
        """Names and services of the alerts that fire and are inhibited."""
        return {
            (one["labels"]["alertname"], one["labels"].get("service", ""))
            for one in self.alerts()
            if one["status"]["state"] == "suppressed"
        }

    def news(self) -> list[News]:
        """What was told, each change of each alert by receiver; that a group says again what it said is none."""
        while self._seen < len(self.web.got):
            body = json.loads(self.web.got[self._seen].body)
            for alert in body["alerts"]:
                labels = tuple(sorted(alert["labels"].items()))
                if self._known.get((body["receiver"], labels)) != alert["status"]:
                    self._known[body["receiver"], labels] = alert["status"]
                    self._news.append(News(body["receiver"], labels, alert["status"], self._seen, alert))
            self._seen += 1
        return self._news

    def told(self, status: str) -> Counter[tuple[str, str, str, str]]:
        """How often each receiver learned that an alert has this status: receiver, name, service and kind."""
        return Counter(
            (one.receiver, one.label("alertname"), one.label("service"), one.label("kind"))
            for one in self.news()
            if one.status == status
        )

    def shown(self) -> list[str]:
        """What was told, and what fires and was perhaps not, for people."""
        words = ("alertname", "service", "kind", "instance")
        told = [(one.message, one.receiver, one.status, *map(one.label, words)) for one in self.news()]
        fires = [(one["status"]["state"], *(one["labels"].get(word, "") for word in words)) for one in self.alerts()]
        return [*map(str, told), *map(str, fires)]

    def idle(self) -> list[int]:
        """Messages that told nothing new."""
        return sorted(set(range(len(self.web.got))) - {one.message for one in self.news()})


@contextmanager
def routed(folder: Path, factor: int) -> Iterator[Routed]:
    """With the routes, waits and inhibitions that are checked in, so many times as fast."""
    folder.mkdir()
    shutil.copytree(CONFIGURATION.parent / "templates", folder / "templates")
    configuration = scaled(load(CONFIGURATION), factor)
    with serving() as web:
        del configuration["global"]
        configuration["receivers"] = [
            {"name": one["name"], "webhook_configs": [{"url": web.url, "send_resolved": True}]}
            for one in configuration["receivers"]
        ]
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(configuration))
        arguments = ("--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address=")
        with started(folder, "prometheus-alertmanager", PACKAGE, *arguments) as url:
            yield Routed(url, web)
