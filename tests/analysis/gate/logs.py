"""Logs of a small shop whose versions differ as a test says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import orjson

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROUTES = ("/", "/search", "/checkout")
_AS_LINES = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


@dataclass(frozen=True, slots=True)
class Version:
    """What one version does for a while; times are minutes after START."""

    name: str | None = None
    start: int = 0
    minutes: int = 30
    per_minute: int = 200
    errors: float = 0.06
    slower: float = 1.0
    mix: tuple[float, float, float] = (0.5, 0.3, 0.2)
    """Of the routes; each is twice as slow as the one before it."""
    complains: str | None = None
    """An error record that it writes every minute from the third on."""
    environment: str | None = None
    service: str = "shop"

    def write(self, path: Path, seed: int) -> Path:
        """One file of JSON lines."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_lines(self, seed))
        return path

    def records(self, seed: int) -> list[dict[str, object]]:
        """In order of time."""
        generator = np.random.default_rng(seed)
        records = [record for minute in range(self.minutes) for record in self._minute(minute, generator)]
        return sorted(records, key=lambda record: str(record["timestamp"]))

    def _minute(self, minute: int, generator: np.random.Generator) -> list[dict[str, object]]:
        count = generator.poisson(self.per_minute)
        seconds, failed = generator.uniform(0, 60, count), generator.random(count) < self.errors
        route, noise = generator.choice(3, count, p=self.mix), generator.normal(size=count)
        records = [
            self._record(minute, seconds[i])
            | {"http_method": "GET", "http_route": ROUTES[route[i]], "http_status": 500 if failed[i] else 200,
               "duration_ms": 40 * 2.0 ** route[i] * self.slower * np.exp(0.3 * noise[i]), "level": "INFO"}
            | ({"level": "ERROR", "message": f"order {i} failed"} if failed[i] else {})
            for i in range(count)
        ]  # fmt: skip
        if self.complains and minute >= 3:
            records.append(self._record(minute, 30.0) | {"level": "ERROR", "message": self.complains})
        return records

    def _record(self, minute: int, second: float) -> dict[str, object]:
        when = START + timedelta(minutes=self.start + minute, seconds=float(second))
        named: dict[str, object] = {"version": self.name, "environment": self.environment}
        return {"timestamp": when.isoformat(), "service": self.service} | {k: v for k, v in named.items() if v}


@cache
def _lines(version: Version, seed: int) -> bytes:
    """Made once: most tests have the same baseline."""
    return b"".join(orjson.dumps(one, option=_AS_LINES) for one in version.records(seed))
