"""Eight hours, and three days, in which everything happens that is looked for; of the hours not in order of time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from logpipe.store import Store
from tests.analysis.filling import filling, insert

START = pd.Timestamp("2026-01-05", tz="UTC")
MINUTES = 480


def _traffic(seed: int, per_minute: float, minutes: int = MINUTES, **columns: Any) -> pd.DataFrame:
    """Events by a Poisson process; columns are values, or functions of the minutes."""
    generator = np.random.default_rng(seed)
    when = np.sort(generator.random(generator.poisson(per_minute * minutes))) * minutes
    frame = pd.DataFrame({"minutes": when, "severity": 9, "level": "INFO", "stream": "app", "service": "shop"})
    for name, value in columns.items():
        frame[name] = value(when, generator) if callable(value) else value
    frame.loc[frame["severity"] >= 17, ["level", "stream"]] = ["ERROR", "error"]
    return frame


def _slower(median_ms: float, factor: Callable[[Any], Any]) -> Callable[[Any, np.random.Generator], Any]:
    return lambda when, generator: median_ms * np.exp(0.4 * generator.normal(size=len(when))) * factor(when)


def _requests_with_queries() -> Iterator[pd.DataFrame]:
    """A service whose requests run a query more often from minute 270, a new one from 315, and one in loops at 385."""
    requests = _traffic(
        9, 6, service="web", http_method="GET", http_route="/orders", duration_ms=_slower(90, np.ones_like)
    )
    requests["request_id"] = [f"web-{number}" for number in range(len(requests))]
    when = requests["minutes"].to_numpy()
    looping = (when >= 385) & (when < 405) & (np.arange(len(when)) % 3 == 0)
    for seed, statement, runs in (
        (10, "SELECT * FROM items WHERE id = 7", np.where(when < 270, 1, 4)),
        (11, "SELECT * FROM coupons WHERE id = 7", np.where(when < 315, 0, 1)),
        (12, "SELECT * FROM prices WHERE id = 7", np.where(looping, 12, 0)),
    ):
        generator = np.random.default_rng(seed)
        own = requests.loc[requests.index.repeat(runs), ["minutes", "severity", "level", "service", "request_id"]]
        own["minutes"] += generator.random(len(own)) / 600
        yield own.assign(
            stream="performance", db_statement=statement, duration_ms=5 * np.exp(0.4 * generator.normal(size=len(own)))
        )
    yield requests


def eventful_day() -> pd.DataFrame:
    """Its rows; `source_pos` is the order in which they were written."""

    def failing(when: Any, generator: np.random.Generator) -> Any:
        return np.where(generator.random(len(when)) < np.where((when >= 300) & (when < 312), 0.4, 0.005), 17, 9)

    def working(when: Any) -> Any:
        return ((when < 205) | (when >= 235)) & (when < 440)

    pages = _traffic(
        1, 40, http_method="GET", http_route="/", severity=failing, message="page %s",
        duration_ms=_slower(60, np.ones_like),
    )  # fmt: skip
    pages.loc[pages["severity"] == 17, "exception_type"] = "shop.Unavailable"
    stepping = _traffic(
        2, 20, service="api", http_method="GET", http_route="/quote",
        version=lambda when, _: np.where(when < 350, "1", "2"),
        duration_ms=_slower(40, lambda when: np.where(when < 350, 1, 2)),
    )  # fmt: skip
    creeping = _traffic(
        3, 20, service="api", http_method="GET", http_route="/search",
        duration_ms=_slower(30, lambda when: np.exp(np.clip((when - 140) / 120, 0, 1.2))),
    )  # fmt: skip
    queries = _traffic(
        4, 20, service="api", stream="performance", db_statement="SELECT * FROM carts WHERE id = 7",
        duration_ms=_slower(4, lambda when: np.where((when >= 380) & (when < 420), 15, 1)),
    )  # fmt: skip
    steady = _traffic(
        5, 10, service="api", stream="performance", db_statement="SELECT 1", duration_ms=_slower(2, np.ones_like)
    )
    unheard = _traffic(
        6, 3, service="api", severity=13, level="WARNING", logger="tax",
        message=lambda when, generator: [f"no tax rate for cart {number}" for number in range(len(when))],
    )  # fmt: skip
    unheard = unheard[unheard["minutes"] >= 255]
    beats = _traffic(7, 6, service="worker", event="beat")
    beats = beats[working(beats["minutes"])]
    frame = pd.concat([pages, stepping, creeping, queries, steady, unheard, beats, *_requests_with_queries()])
    frame["ts"] = START + pd.to_timedelta(frame["minutes"], unit="min")
    late = np.random.default_rng(8).exponential(4, len(frame))
    return _in_file(frame.assign(written=frame["minutes"] + late).sort_values("written"))


def eventful_days() -> pd.DataFrame:
    """Rows of three days, at whose end happens what takes days, or many events, to be seen."""
    minutes = 3 * 1440

    def some(seed: int, per_minute: float, share: Callable[[Any], Any], **columns: Any) -> pd.DataFrame:
        """Of so many a minute the share that there is at each minute."""
        frame = _traffic(seed, per_minute, minutes, **columns)
        drawn = np.random.default_rng(seed + 100).random(len(frame))
        chosen: npt.NDArray[np.bool_] = drawn < share(frame["minutes"].to_numpy())
        return frame[chosen]

    def numbered(text: str) -> Callable[[Any, np.random.Generator], Any]:
        return lambda when, generator: [text % number for number in generator.integers(0, 10**6, len(when))]

    def status(when: Any, generator: np.random.Generator) -> Any:
        return np.where(generator.random(len(when)) < np.where(when < 4200, 0.05, 0.085), 500, 200)

    doubled = some(1, 25, lambda when: np.where((when > 3580) & (when < 3700), 1, 0.4), service="search")
    usual = some(2, 40, lambda when: when > 3720, service="cache", message=numbered("request %d done"))
    misses = some(
        3, 20, lambda when: (when > 3720) * np.where((when >= 4120) & (when < 4135), 1, 0.1), service="cache",
        severity=13, level="WARNING", message=numbered("cache miss of %d"),
    )  # fmt: skip
    synced = some(
        4, 2, lambda when: (when > 3720) & (when < 4220), service="cache", message=numbered("synced %d items")
    )
    deployed = some(
        5, 200, lambda when: when > 4080, service="pay", http_method="GET", http_route="/", http_status=status,
        version=lambda when, _: np.where(when >= 4200, "1.1", "1.0"),
    )  # fmt: skip
    frame = pd.concat([doubled, usual, misses, synced, deployed]).sort_values("minutes")
    frame["ts"] = START + pd.to_timedelta(frame["minutes"], unit="min")
    return _in_file(frame.assign(written=0))


def _in_file(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=["minutes", "written"]).assign(
        source_id=1, bytes=100, source_pos=np.arange(len(frame), dtype=np.int64) * 100
    )


@contextmanager
def stored(frame: pd.DataFrame, path: Path | str = ":memory:") -> Iterator[Store]:
    """A store of these rows, committed a third at a time."""
    with Store.open(path) as store:
        for rows in np.array_split(np.arange(len(frame)), 3):
            part = frame.iloc[rows]
            with filling(store) as connection:
                insert(connection, part, int(part["source_pos"].min()))
                connection.execute(
                    "INSERT INTO ledger "
                    "VALUES (nextval('ledger_ids'), 1, $from, $to, $n, $n, 0, 0, 0, 0, 0, '', '', now())",
                    {"from": int(part["source_pos"].min()), "to": int(part["source_pos"].max()) + 100, "n": len(part)},
                )
        store.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
            "first_seen_at) VALUES (1, 'logs/shop.jsonl', 'shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )
        yield store


def at(minutes: float) -> datetime:
    """The time so many minutes after the beginning."""
    return (START + pd.Timedelta(minutes=minutes)).to_pydatetime().astimezone(UTC)
