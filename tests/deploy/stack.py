"""docker-compose.yml as it stands, and what its variables are."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.deploy.debian import ROOT
from tests.deploy.rules import load

COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"
PROFILES = ("core", "full")
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[-?])([^}]*)\}")


@dataclass(frozen=True)
class Variable:
    """One `${NAME:-default}` or `${NAME:?what is missing}`."""

    name: str
    default: str | None
    """None where Compose ends with an error unless it is set."""


@cache
def compose() -> dict[str, Any]:
    """The file, with its anchors resolved."""
    loaded: dict[str, Any] = load(COMPOSE)
    return loaded


def services(profile: str = "full") -> dict[str, dict[str, Any]]:
    """The services of a profile by name."""
    return {name: one for name, one in compose()["services"].items() if profile in one["profiles"]}


def variables() -> set[Variable]:
    """Each variable that the file reads."""
    return {Variable(name, None if way == ":?" else text) for name, way, text in _VARIABLE.findall(COMPOSE.read_text())}


def interpolated(text: str, **values: str) -> str:
    """What Compose makes of a text: `values`, else the default, else nothing."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[3] if found[2] == ":-" else ""), text)


def example() -> dict[str, str]:
    """What .env.example sets."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
