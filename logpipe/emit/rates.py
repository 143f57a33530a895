"""The setting `sample`: rates by level, logger, or logger and level."""

from collections.abc import Mapping

from logpipe.emit.levels import LEVELS


def rates_of(value: object) -> dict[str, float]:
    """The rates from a mapping, or from a text such as `DEBUG=0.1,shop.cache=0.01`.

    Raises ValueError or TypeError where one is none.
    """
    if isinstance(value, str):
        pairs: list[tuple[object, object]] = []
        for rule in filter(None, (part.strip() for part in value.split(","))):
            name, _, rate = rule.partition("=")
            pairs.append((name, float(rate)))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        raise TypeError
    return {_rule(name): _rate(rate) for name, rate in pairs}


def _rule(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ValueError
    logger, at, level = name.strip().rpartition("@")
    if not at and level.upper() not in LEVELS:
        return level
    if level.upper() not in LEVELS or (at and not logger):
        raise ValueError
    return f"{logger}{at}{level.upper()}"


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError
    return float(value)
