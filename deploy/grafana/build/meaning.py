"""What colours and steps mean, the same on every dashboard."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.models.dashboard import Threshold

GOOD: Final = "green"
NOTICE: Final = "yellow"
WARNING: Final = "orange"
CRITICAL: Final = "red"
NEUTRAL: Final = "blue"
UNKNOWN: Final = "text"

Steps = tuple[Threshold, ...]
"""From which value on a colour holds; the first is for all below."""


def steps(start: str = GOOD, /, **from_: float) -> Steps:
    """`steps(warning=0.01, critical=0.1)`: good, a warning from 1 % on, critical from 10 % on."""
    colours = {"good": GOOD, "notice": NOTICE, "warning": WARNING, "critical": CRITICAL}
    ordered = sorted(from_.items(), key=lambda one: one[1])
    return (Threshold(None, start), *(Threshold(value, colours[name]) for name, value in ordered))


def falling(**below: float) -> Steps:
    """`falling(warning=0.7, critical=0.5)`: good from 70 % on, a warning below it, critical below 50 %."""
    colours = {"notice": NOTICE, "warning": WARNING, "critical": CRITICAL}
    ordered = sorted(below.items(), key=lambda one: one[1])
    bounds = [None, *(value for _, value in ordered)]
    names = [*(colours[name] for name, _ in ordered), GOOD]
    return tuple(Threshold(bound, name) for bound, name in zip(bounds, names, strict=True))


NONE: Final[Steps] = (Threshold(None, NEUTRAL),)
"""A figure that is neither good nor bad."""
ANY_IS_WARNING: Final = steps(warning=1)
ANY_IS_CRITICAL: Final = steps(critical=1)
ERROR_RATIO: Final = steps(notice=0.01, warning=0.05, critical=0.10)
"""As the rules ApiErrorRateRaised, -High and -Critical."""
REQUEST_SECONDS: Final = steps(warning=1, critical=2)
"""As ApiLatencyHigh and -Critical."""

SHARES: Final[Mapping[str, str]] = {"p50": "light-blue", "p95": "blue", "p99": "purple"}
"""Of a distribution, by the legend."""
LEVELS: Final[Mapping[str, str]] = {
    "DEBUG": "super-light-blue",
    "INFO": "blue",
    "WARNING": NOTICE,
    "ERROR": WARNING,
    "CRITICAL": CRITICAL,
}
SEVERITIES: Final[Mapping[str, str]] = {"info": NEUTRAL, "warning": WARNING, "critical": CRITICAL}
STATUSES: Final[Mapping[str, str]] = {
    "/^1../": UNKNOWN,
    "/^2../": GOOD,
    "/^3../": NEUTRAL,
    "/^4../": NOTICE,
    "/^5../": CRITICAL,
    "unknown": UNKNOWN,
}
"""Between slashes stands a pattern."""
