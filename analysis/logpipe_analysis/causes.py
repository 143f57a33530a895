"""What an episode of errors is mostly about: exceptions, operations and messages by their excess."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from logpipe.store.literals import literal
from logpipe_analysis import phrases
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.evidence import ERRORS, SAID, within
from logpipe_analysis.place import Place
from logpipe_analysis.sides import PATH

_SHARE = 1 / 3
"""Of the excess, from which a name is worth telling."""


@dataclass(frozen=True, slots=True)
class Causes:
    """The leading names; None where none leads."""

    exception: str | None
    exceptions: int
    """Errors of that exception beyond what was usual."""
    operation: str | None
    message: str | None

    @classmethod
    def of(cls, buckets: Buckets, place: Place, start: datetime, length: timedelta) -> Self:
        """Those of the errors of a stretch, less what the stretch before it had."""
        rows = buckets.store.execute(_statement(buckets, place, start, length))
        exception, exceptions = _leading([(row[0], row[3]) for row in rows])
        operation, _ = _leading([(row[1], row[3]) for row in rows])
        message, _ = _leading([(row[2], row[3]) for row in rows])
        return cls(exception, round(exceptions), operation, message)

    def told(self, otherwise: str | None) -> str:
        """The rest of a sentence, beginning with its semicolon; empty where there is nothing to tell."""
        parts = []
        if self.exception:
            parts.append(f"{self.exception.rsplit('.', 1)[-1]} ({self.exceptions:,})")
        if self.operation:
            parts.append(f"on {phrases.shortened(self.operation)}")
        if self.message:
            said = self.message.removeprefix(f"{self.exception}: ")
            parts.append(f"saying “{phrases.shortened(said)}”")
        if not parts and otherwise:
            parts.append(f"in {otherwise}")
        return f"; mostly {' '.join(parts)}" if parts else ""


def _statement(buckets: Buckets, place: Place, start: datetime, length: timedelta) -> str:
    """Messages are told of error records only, and by their templates: patterns are counted beside this, and merged."""
    before = max(buckets.range.since, start - max(6 * length, timedelta(hours=1)))
    scale = length / (start - before) if start > before else 0.0
    return f"""
        SELECT exception_type,
            CASE WHEN http_status IS NOT NULL OR http_route IS NOT NULL THEN nullif(concat_ws(' ', http_method,
                coalesce(http_route, {PATH})), '') ELSE event END AS operation,
            CASE WHEN severity >= 17 THEN {SAID} END AS message,
            count(*) FILTER (ts >= {literal(start)})
                - {scale!r}::DOUBLE * count(*) FILTER (ts < {literal(start)}) AS excess
        FROM events
        WHERE {place.condition()} AND {within(before, start + length)} AND {ERRORS}
        GROUP BY ALL
        HAVING excess > 0
        ORDER BY excess DESC, 1, 2, 3
        LIMIT 200
    """


def _leading(named: list[tuple[str | None, float]]) -> tuple[str | None, float]:
    """The name with the most excess and how much, where it has its share of all that have a name."""
    sums: dict[str, float] = {}
    for name, excess in named:
        if name:
            sums[name] = sums.get(name, 0.0) + excess
    if not sums:
        return None, 0.0
    name = min(sums, key=lambda name: (-sums[name], name))
    return (name, sums[name]) if sums[name] >= _SHARE * sum(sums.values()) else (None, 0.0)
