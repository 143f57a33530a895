"""The settings of a target `[alertmanager.NAME]`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import httpx

from logpipe.errors import SettingError
from logpipe_analysis.finding import SEVERITIES
from logpipe_shippers.alertmanager.alert import OWN_LABELS
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.configuration import check_interval

_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_LEAST_INTERVAL: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Settings(Access):
    """How Alertmanager is spoken to, and of what."""

    min_severity: str = "warning"
    """The least severe findings that make an alert."""
    interval: timedelta = timedelta(minutes=1)
    """Between two sendings of what lasts. An alert that is not sent again resolves by itself after four of them."""
    external_url: str | None = None
    """Where people see findings: an alert links to `/findings/ID` below it, and to nothing where it is not set."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """More labels for every alert, to route by: the team, the site."""

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        if self.min_severity not in SEVERITIES:
            raise SettingError(
                f"min_severity is {self.min_severity!r}, not one of {', '.join(SEVERITIES)}", reason="setting_value"
            )
        check_interval(self.interval, _LEAST_INTERVAL)
        if self.external_url is not None and not _is_web_address(self.external_url):
            raise SettingError(
                f"external_url is {self.external_url!r}, not the address of a page",
                remedy="give one as https://logs.example.org",
                reason="setting_value",
            )
        for name, value in self.labels.items():
            _check_label(name, value)


def _is_web_address(text: str) -> bool:
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host) and not re.search(r"\s", text)


def _check_label(name: str, value: str) -> None:
    if not _LABEL.fullmatch(name) or name.startswith("__"):
        raise SettingError(
            f"labels has {name!r}, which is no name of a label",
            remedy="use letters, digits and underscores",
            reason="setting_value",
        )
    if name in OWN_LABELS:
        raise SettingError(f"labels has {name}, which every alert has already", reason="setting_value")
    if not value:
        raise SettingError(f"the label {name} is empty", reason="setting_value")
