"""Stores with known truth: minutes of traffic, seeded, inserted with their roll-ups and ledger as ingest does."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from logpipe.store import Store
from tests.analysis.eventful import eventful_day, stored
from tests.analysis.filling import fill
from tests.stores import new_store

START = datetime(2026, 1, 5, tzinfo=UTC)

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]


@pytest.fixture
def at() -> Callable[[float], datetime]:
    """The time so many minutes after the beginning of the data."""
    return lambda minutes: START + timedelta(minutes=minutes)


@pytest.fixture(scope="session")
def traffic() -> Traffic:
    """Makes events: so many a minute, by a Poisson process, with columns given as values or as functions of minutes."""

    def make(seed: int, minutes: int, per_minute: float | Callable[[Any], Any], **columns: object) -> pd.DataFrame:
        generator = np.random.default_rng(seed)
        rate = np.broadcast_to(per_minute(np.arange(minutes)) if callable(per_minute) else per_minute, minutes)
        minute = np.repeat(np.arange(minutes), generator.poisson(rate))
        when = np.sort(minute + generator.random(len(minute)))
        frame = pd.DataFrame({"ts": pd.Timestamp(START) + pd.to_timedelta(when * 60, unit="s")})
        frame["severity"], frame["level"], frame["stream"], frame["service"] = 9, "INFO", "app", "shop"
        for name, value in columns.items():
            values: Any = value(when, generator) if callable(value) else value
            frame[name] = values
        frame.loc[frame["severity"] >= 17, ["level", "stream"]] = ["ERROR", "error"]
        return frame

    return make


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    """Makes a store of frames; given a store, adds to it as a later ingest does."""
    opened: list[Store] = []

    def make(*frames: pd.DataFrame, store: Store | None = None) -> Store:
        if store is None:
            store = new_store(tmp_path / f"filled{len(opened)}.duckdb")
            store.execute("PRAGMA disable_checkpoint_on_shutdown")  # nobody opens it again
            opened.append(store)
        fill(store, *frames)
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def quiet(traffic: Traffic, filled: Filled) -> Callable[[int], Store]:
    """Makes a shop without an incident: requests, queries, jobs and a few errors, over eight hours of a rising day."""

    def make(seed: int) -> Store:
        def lognormal(median: float) -> Callable[[Any, np.random.Generator], Any]:
            return lambda when, generator: median * np.exp(0.5 * generator.normal(size=len(when)))

        def severity(when: Any, generator: np.random.Generator) -> Any:
            return np.where(generator.random(len(when)) < 0.005, 17, 9)

        def rate(per_minute: float) -> Callable[[Any], Any]:
            return lambda minutes: per_minute * (0.5 + 0.5 * np.sin(minutes / 480 * np.pi / 2))

        return filled(
            traffic(
                seed,
                480,
                rate(40),
                http_method="GET",
                http_route="/",
                severity=severity,
                duration_ms=lognormal(60),
                message=lambda when, generator: [f"request {number} done" for number in range(len(when))],
            ),
            traffic(seed + 1, 480, rate(20), db_statement="SELECT 1", duration_ms=lognormal(4), stream="performance"),
            traffic(seed + 2, 480, 4, event="mail_sent", service="worker", duration_ms=lognormal(200)),
        )

    return make


@pytest.fixture(scope="session")
def eventful() -> pd.DataFrame:
    """The rows of a day on which everything happens."""
    return eventful_day()


@pytest.fixture(scope="session")
def whole(eventful: pd.DataFrame) -> Iterator[Store]:
    """The store of all of it."""
    with stored(eventful) as store:
        yield store
