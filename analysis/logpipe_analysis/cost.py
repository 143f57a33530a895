"""What the log costs, by the line of code or the pattern, and what less of it would have saved and lost.

Savings are played through on what was logged: by the rules of `setup_logging(sample=…)`, which never leave out errors
and business records, and by taking a line of code down to DEBUG, which is not written at the level INFO. What is told
as lost is the expectation, since the draw by requests is a matter of chance.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Literal

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.reports import Scope

RATES = (0.01, 0.1, 0.5)
"""Shares of the records that are proposed to be kept."""
ENOUGH_A_DAY = 1000
"""Records a day that are left at least, which still count a kind to about 3 %."""
MIN_SHARE = 0.02
"""Of all bytes, without which a line is not worth a rule."""

_APP, _PERFORMANCE = "app", "performance"
_PERFORMANCE_LOGGER = "logpipe.performance"
_RULE = re.compile(r"(?P<name>[^=]+)=(?P<rate>[0-9.]+)")
_LEVELS = ("DEBUG", "INFO", "WARNING")


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of code, or one pattern, writes at one level."""

    service: str
    place: str
    """module:function:line, else the logger, else the file; or the pattern."""
    logger: str | None
    level: str | None
    stream: str | None
    events_a_day: float
    bytes_a_day: float
    byte_share: float
    """Of all bytes of the range."""
    requests: int
    """Of the range, that it writes in."""
    of_failed_requests_a_day: float
    """Records in requests that logged an error."""
    of_findings: int
    """Records that stored findings show as their evidence."""
    is_error: bool
    is_code: bool
    """Whether `place` is a line of code."""
    example: str | None

    @property
    def rule(self) -> str | None:
        """The key of `setup_logging(sample=…)` that is about it; None for what is never sampled, and foreign logs."""
        if self.is_error or self.logger is None:
            return None
        if self.stream == _PERFORMANCE:
            return _PERFORMANCE_LOGGER
        return f"{self.logger}@{self.level}" if self.stream == _APP and self.level in _LEVELS else None


@dataclass(frozen=True, slots=True)
class Saving:
    """What a change would have saved and lost."""

    service: str
    how: Literal["sample", "demote"]
    what: str
    """The rule of `sample`, or the line of code that is taken down to DEBUG."""
    rate: float
    """The share of the records that is kept."""
    bytes_a_day: float
    byte_share: float
    lost_events_a_day: float
    lost_errors_a_day: float
    lost_of_failed_requests_a_day: float
    """`setup_logging(tail="DEBUG")` keeps these all the same."""
    lost_of_findings: float
    requests: int
    """Of the range, that it writes in; of so many only the kept share has its records, all or none."""


@dataclass(frozen=True, slots=True)
class Cost:
    """All lines, the dearest first, and what would save most."""

    days: float
    """That the figures a day are taken of."""
    lines: tuple[Line, ...]
    savings: tuple[Saving, ...]

    @property
    def bytes_a_day(self) -> float:
        return sum(line.bytes_a_day for line in self.lines)

    @property
    def settings(self) -> dict[str, str]:
        """By service, the call of `setup_logging` that does what `savings` say of sampling."""
        rules: dict[str, list[str]] = {}
        for saving in self.savings:
            if saving.how == "sample":
                rules.setdefault(saving.service, []).append(f'"{saving.what}": {saving.rate:g}')
        return {
            service: f'setup_logging(service="{service}", sample={{{", ".join(own)}}}, tail="DEBUG")'
            for service, own in rules.items()
        }


def cost(
    store: Store, scope: Scope, *, by_pattern: bool = False, sample: Sequence[str] = (), demote: Sequence[str] = ()
) -> Cost:
    """What the events of `scope` cost, with what is proposed, or what `sample` and `demote` ask for, played through.

    `sample` holds rules as `shop.http@INFO=0.01`, `demote` places as they are listed.

    Raises:
        QueryError: a rule is none, or nothing was logged at a place.
    """
    days, lines = _lines(store, scope, by_pattern)
    rules = [_parsed(rule) for rule in sample]
    savings = [saving for name, rate in rules for saving in _sampled(lines, name, rate)]
    savings += [saving for place in demote for saving in _demoted(lines, place)]
    if not sample and not demote:
        savings = list(_proposed(lines))
    dearest = sorted(savings, key=lambda one: -one.bytes_a_day)
    return Cost(days, tuple(lines), tuple(dearest[: scope.limit or len(dearest)]))


def _lines(store: Store, scope: Scope, by_pattern: bool) -> tuple[float, list[Line]]:
    bounds: dict[str, object] = {"since": scope.since, "until": scope.until, "service": scope.service}
    [(microseconds,)] = store.execute(
        "SELECT epoch_us(max(ts)) - epoch_us(min(ts)) FROM events_since(NULL, $since, $until, $service)", bounds
    )
    days = max((microseconds or 0) / 1e6, 3600.0) / timedelta(days=1).total_seconds()
    sql = (resources.files(__package__) / "sql" / "cost.sql").read_text()
    rows = store.execute(sql, {**bounds, "by_pattern": by_pattern})
    total = sum(row[8] for row in rows) or 1
    lines = []
    for (
        service,
        logger,
        level,
        stream,
        severity,
        place,
        is_code,
        events,
        size,
        requests,
        failed,
        shown,
        example,
    ) in rows:
        lines.append(
            Line(
                service=service,
                place=place,
                logger=logger,
                level=level,
                stream=stream,
                events_a_day=events / days,
                bytes_a_day=size / days,
                byte_share=size / total,
                requests=requests,
                of_failed_requests_a_day=failed / days,
                of_findings=shown,
                is_error=severity >= 17,
                is_code=is_code,
                example=example,
            )
        )
    return days, lines


def _proposed(lines: Sequence[Line]) -> Iterator[Saving]:
    """For each rule that is about a dear line: the lowest rate that leaves enough records to count by."""
    dear = [line for line in lines if line.byte_share >= MIN_SHARE]
    for service, rule in dict.fromkeys((line.service, line.rule) for line in dear if line.rule):
        own = [line for line in _matching(lines, rule) if line.service == service]
        events = sum(line.events_a_day for line in own)
        rate = next((rate for rate in RATES if events * rate >= ENOUGH_A_DAY), None)
        if rate:
            yield _saving("sample", rule, rate, own)
    for line in dear:
        if line.stream == _APP and line.level == "INFO" and line.is_code:
            yield _saving("demote", line.place, 0.0, [line])


def _matching(lines: Sequence[Line], rule: str) -> list[Line]:
    """What a rule of `sample` is about: a level, a logger with those below it, or a logger at a level."""
    name, _, level = rule.partition("@")
    if not level and name in _LEVELS:
        return [line for line in lines if line.rule and line.stream == _APP and line.level == name]
    return [
        line
        for line in lines
        if line.rule
        and level in ("", line.level)
        and (name == _PERFORMANCE_LOGGER) == (line.stream == _PERFORMANCE)
        and (line.stream == _PERFORMANCE or f"{line.logger}.".startswith(f"{name}."))
    ]


def _sampled(lines: Sequence[Line], rule: str, rate: float) -> list[Saving]:
    return [_saving("sample", rule, rate, own) for own in _by_service(_matching(lines, rule))]


def _demoted(lines: Sequence[Line], place: str) -> list[Saving]:
    meant = [line for line in lines if line.place == place]
    if not meant:
        raise QueryError(f"nothing was logged at {place!r}", remedy="list the places with: logpipe cost --limit 0")
    return [_saving("demote", place, 0.0, own) for own in _by_service(meant)]


def _by_service(lines: Sequence[Line]) -> list[list[Line]]:
    services = dict.fromkeys(line.service for line in lines)
    return [[line for line in lines if line.service == service] for service in services]


def _saving(how: Literal["sample", "demote"], what: str, rate: float, meant: Sequence[Line]) -> Saving:
    lost = 1.0 - rate
    return Saving(
        service=meant[0].service,
        how=how,
        what=what,
        rate=rate,
        bytes_a_day=lost * sum(line.bytes_a_day for line in meant),
        byte_share=lost * sum(line.byte_share for line in meant),
        lost_events_a_day=lost * sum(line.events_a_day for line in meant),
        lost_errors_a_day=lost * sum(line.events_a_day for line in meant if line.is_error),
        lost_of_failed_requests_a_day=lost * sum(line.of_failed_requests_a_day for line in meant),
        lost_of_findings=lost * sum(line.of_findings for line in meant),
        requests=max(line.requests for line in meant),
    )


def _parsed(rule: str) -> tuple[str, float]:
    found = _RULE.fullmatch(rule)
    rate = float(found["rate"]) if found and found["rate"].count(".") <= 1 and found["rate"] != "." else -1.0
    if found is None or not 0.0 <= rate <= 1.0:
        raise QueryError(
            f"{rule!r} is no rule", remedy="give a logger, a level or both, and a rate, as shop.http@INFO=0.01"
        )
    return found["name"], rate
