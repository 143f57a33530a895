"""Who is told of what: tables `[[route]]`, of which the first that matches a finding wins unless it says `continue`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from logpipe.errors import SettingError
from logpipe_analysis.finding import KINDS, SEVERITIES, Finding
from logpipe_shippers.delivery import configuration

ROUTES: Final = "route"
_GOES_ON: Final = "continue"
_STEPS: Final = "escalate"


@dataclass(frozen=True, slots=True)
class Step:
    """Who else is told when nobody has acknowledged."""

    after: timedelta
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """What a route asks of a finding, and whom it names; what it does not mention it does not ask."""

    to: tuple[str, ...]
    severity: str = "info"
    """At least."""
    service: tuple[str, ...] = ("*",)
    """Patterns, as `shop-*`, of which one holds."""
    kind: tuple[str, ...] = ("*",)
    environment: tuple[str, ...] = ("*",)
    """A finding without one has the empty one."""
    subject: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise SettingError(
                f"severity is {self.severity!r}, not one of {', '.join(SEVERITIES)}", reason="setting_value"
            )
        for pattern in self.kind:
            if not any(fnmatchcase(kind, pattern) for kind in KINDS):
                raise SettingError(f"no finding is of a kind {pattern!r}", remedy=f"there are {', '.join(KINDS)}")

    def holds(self, finding: Finding) -> bool:
        """Whether a finding is meant."""
        return SEVERITIES.index(finding.severity) >= SEVERITIES.index(self.severity) and all(
            any(fnmatchcase(value or "", pattern) for pattern in patterns)
            for value, patterns in (
                (finding.service, self.service),
                (finding.kind, self.kind),
                (finding.environment, self.environment),
                (finding.subject, self.subject),
            )
        )


@dataclass(frozen=True, slots=True)
class Route:
    """One table."""

    match: Match
    steps: tuple[Step, ...] = ()
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Routing:
    """All of them, in their order."""

    routes: tuple[Route, ...]

    def of(self, finding: Finding) -> tuple[Route, ...]:
        """The routes that a finding takes."""
        taken = []
        for route in self.routes:
            if route.match.holds(finding):
                taken.append(route)
                if not route.goes_on:
                    break
        return tuple(taken)


def everybody(names: Collection[str]) -> Routing:
    """What holds where a file has no route: every channel hears of all from `warning` on."""
    return Routing((Route(Match(to=tuple(names), severity="warning")),))


def read(found: Mapping[str, Any], path: str | Path) -> Routing:
    """The routes of a file, by its tables.

    Raises:
        SettingError: what is no setting of a route, or names no channel.
    """
    channels = found.get("notify", {})
    names = tuple(channels) if isinstance(channels, dict) else ()
    if (tables := found.get(ROUTES)) is None:
        return everybody(names)
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise SettingError(f"{path}: routes are tables", remedy="as [[route]]", reason="setting_type")
    return Routing(tuple(_route(one, names, f"{path}: [[route]] {at}") for at, one in enumerate(tables, 1)))


def _route(table: Mapping[str, Any], names: Collection[str], where: str) -> Route:
    goes_on, steps = table.get(_GOES_ON, False), table.get(_STEPS, [])
    if not isinstance(goes_on, bool):
        raise SettingError(f"{where} {_GOES_ON} is {goes_on!r}, not true or false", reason="setting_type")
    if not isinstance(steps, list) or not all(isinstance(one, dict) for one in steps):
        raise SettingError(
            f"{where} {_STEPS} is no list of steps",
            remedy='as [{ after = "15m", to = ["lead"] }]',
            reason="setting_type",
        )
    plain = {name: _listed(name, value) for name, value in table.items() if name not in (_GOES_ON, _STEPS)}
    match = configuration.settings(Match, plain, where)
    made = tuple(
        configuration.settings(Step, {name: _listed(name, value) for name, value in one.items()}, f"{where} {_STEPS}")
        for one in steps
    )
    _check_names([*match.to, *(name for step in made for name in step.to)], names, where)
    return Route(match, made, goes_on)


def _listed(name: str, value: Any) -> Any:
    """One pattern, or one channel, may stand without its brackets."""
    return [value] if isinstance(value, str) and name not in ("severity", "after") else value


def _check_names(used: Sequence[str], names: Collection[str], where: str) -> None:
    if not used:
        raise SettingError(f"{where} leads to nobody", remedy="name a channel in to", reason="setting_value")
    for name in used:
        if name not in names:
            raise SettingError(
                f"{where} leads to {name}, which is no channel",
                remedy=f"there are {', '.join(names)}" if names else f"add [notify.{name}]",
                reason="setting_unknown",
            )
