"""Logs of a small shop whose versions differ as a test says."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROUTES = ("/", "/search", "/checkout")


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
        generator = np.random.default_rng(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        records = [record for minute in range(self.minutes) for record in self._minute(minute, generator)]
        records.sort(key=lambda record: str(record["timestamp"]))
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

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
