"""Service level objectives, as tables `[[objective]]` of a TOML file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import floor, log2
from pathlib import Path
from typing import Any, Final, Literal

from logpipe.errors import SettingError
from logpipe_shippers.delivery import configuration

TABLE: Final = "objective"
"""Other tables of the file are not looked at: they may be the targets of `logpipe ship all`."""
MOST: Final = 100
"""Objectives in a file: each has a dozen series."""

_MAX_CHARACTERS: Final = 200
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_A_BUCKET_OCTAVE: Final = 8
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of the requests, or of the times that an operation ran, that is to be good."""

    service: str
    name: str = ""
    """The label of its series; made of the rest where it is empty."""
    operation: str | None = None
    """As the roll-ups call it: method and route, query without its values, or event name. None: all HTTP requests."""
    route: str | None = None
    """Or a route with whatever method."""
    availability: float | None = None
    """The share without an error, from 0 to 1; or:"""
    latency_ms: float | None = None
    """what is good takes no longer than this,"""
    share: float | None = None
    """and so much of it is to be good."""
    window: timedelta = timedelta(days=30)
    """Over which the error budget is spent."""

    @property
    def indicator(self) -> Literal["availability", "latency"]:
        return "availability" if self.latency_ms is None else "latency"

    @property
    def ratio(self) -> float:
        """The share that is to be good."""
        ratio = self.availability if self.latency_ms is None else self.share
        assert ratio is not None
        return ratio

    @property
    def bound_s(self) -> float | None:
        """Up to this, the bound of a bucket, no duration is bad; from there to `latency_ms` some may be."""
        if self.latency_ms is None:
            return None
        return float(2.0 ** (floor(_A_BUCKET_OCTAVE * log2(self.latency_ms) + _ROUNDING) / _A_BUCKET_OCTAVE)) / 1000


def load(path: str | Path) -> list[Objective]:
    """The objectives of a file.

    Raises:
        SettingError: it cannot be read, has none, or says what is no objective.
    """
    tables = configuration.read(path).get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingError(f"{path}: objectives are tables [[{TABLE}]]", reason="setting_type")
    if not 0 < len(tables) <= MOST:
        raise SettingError(f"{path} has {len(tables)} tables [[{TABLE}]], not 1 to {MOST}", reason="settings_empty")
    objectives = [_objective(table, f"{path}: [[{TABLE}]] {number}") for number, table in enumerate(tables, 1)]
    _refuse_twins(objectives, path)
    return objectives


def _objective(table: Mapping[str, Any], where: str) -> Objective:
    objective = configuration.settings(Objective, table, where)
    if problem := _problem(objective):
        raise SettingError(f"{where} {problem}", reason="setting_value")
    return objective if objective.name else replace(objective, name=_name(objective))


def _problem(objective: Objective) -> str | None:
    """What is wrong with it, as the end of a sentence."""
    if (objective.availability is None) == (objective.latency_ms is None):
        return "has either availability, or latency_ms and share"
    if (objective.latency_ms is None) != (objective.share is None):
        return "has either availability, or latency_ms and share"
    if objective.operation is not None and objective.route is not None:
        return "has operation and route, of which only one is meant"
    if not 0 < objective.ratio < 1:
        return f"asks for a share of {objective.ratio:g}, which is not between 0 and 1"
    if objective.latency_ms is not None and objective.latency_ms <= 0:
        return "has a latency_ms that is not above 0"
    if not timedelta(minutes=5) <= objective.window <= timedelta(days=366):
        return "has a window that is not between 5m and 366d"
    if _CONTROL.search(objective.name) or len(objective.name) > _MAX_CHARACTERS:
        return f"has a name with control characters, or longer than {_MAX_CHARACTERS}"
    return None


def _name(objective: Objective) -> str:
    of = objective.operation or objective.route
    text = " ".join(part for part in (objective.service, of, objective.indicator) if part)
    return _CONTROL.sub("�", text)[:_MAX_CHARACTERS]


def _refuse_twins(objectives: Sequence[Objective], path: str | Path) -> None:
    names = [objective.name for objective in objectives]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(
                f"{path} has several objectives called {name!r}", remedy="give each a name", reason="setting_value"
            )
