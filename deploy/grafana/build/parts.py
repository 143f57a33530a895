"""What panels of all kinds are made with."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import GridPos, Panel, ThresholdsMode

from deploy.grafana.build.meaning import Steps

WIDTH: Final = 24
"""Columns of Grafana's grid."""
HEIGHT: Final = 8
REFS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of a panel's queries."""
RUNBOOKS: Final = "runbooks"
"""The variable that has the address of docs/alerts.md; each dashboard has it."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where a click leads: an address, in which `${service}` and `${__data.fields.Route}` are Grafana's."""

    title: str
    url: str

    def builder(self) -> builders.DashboardLink:
        """As the builders of panels want it."""
        return shown(builders.DashboardLink(self.title).url(self.url))


def shown(link: builders.DashboardLink) -> builders.DashboardLink:
    """In sight; the builder's default puts it into a menu."""
    link.build().placement = None  # type: ignore[assignment] # what is None is left out
    return link


def placed(panel: Panel, height: int, width: int) -> Panel:
    """With its size; where it stands is up to the board. A width of 0 shares the line with the others."""
    panel.grid_pos = GridPos(h=height, w=width, x=0, y=0)
    return panel


def thresholds(steps: Steps) -> builders.ThresholdsConfig:
    """The steps of a field."""
    return builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))


def to_board(uid: str, *variables: str) -> str:
    """The address of another dashboard, at the same time; `to_board("logpipe-api", "var-service=shop")`."""
    return "&".join([f"/d/{uid}?${{__url_time_range}}", *variables])
