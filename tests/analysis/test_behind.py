"""The rows behind a finding: of each kind exactly those that it is about."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

import pandas as pd
import pytest

from logpipe.store import Store
from logpipe_analysis.behind import events_behind
from logpipe_analysis.finding import Finding, Kind
from logpipe_analysis.findings import fingerprint
from logpipe_analysis.patterns import mine

Traffic = Callable[..., pd.DataFrame]
Filled = Callable[..., Store]
At = Callable[[float], datetime]

NAMES = ("ann", "ben", "cleo", "dora", "eve", "finn", "gus", "hanna")


def _login(when: Any, _: Any) -> list[str]:
    return [f"login of {NAMES[number % len(NAMES)]} was refused" for number in range(len(when))]


@pytest.fixture
def mixed(traffic: Traffic, filled: Filled) -> Store:
    """Half an hour of all that findings are about, each named by its host; of another service, too."""

    def each(service: str) -> list[pd.DataFrame]:
        columns: dict[str, dict[str, object]] = {
            "query": {"db_statement": "SELECT * FROM a WHERE id = 1", "duration_ms": 3.0},
            "other query": {"db_statement": "SELECT * FROM b WHERE id = 1", "duration_ms": 3.0},
            "page": {"http_method": "GET", "http_route": "/", "duration_ms": 3.0, "version": "1"},
            "new page": {"http_method": "POST", "http_route": "/", "http_status": 500, "version": "2"},
            "job": {"event": "job", "duration_ms": 3.0},
            "feed": {"stream": "feed", "message": "beat"},
            "feed of another stream": {"event": "feed"},
            "login": {"message": _login},
            "retry": {"template": "retry %s of 3", "message": "retry 2 of 3"},
            "failed": {"severity": 17, "exception_type": "Gone", "version": "1"},
        }
        return [
            traffic(seed, 30, 2, service=service, host=name, **own) for seed, (name, own) in enumerate(columns.items())
        ]

    store = filled(*each("shop"), *each("api"))
    mine(store)
    return store


def _finding(kind: Kind, subject: str | None, about: str | None, at: At) -> Finding:
    """One of ten minutes; `about` is what the fingerprint is made of."""
    return Finding(
        kind=kind, severity="info", service="shop", environment=None, subject=subject, started_at=at(10),
        ended_at=at(20), baseline=0, observed=1, unit="events/min", score=1, confidence=1, title="", explanation="",
        evidence=(), sql="", fingerprint=fingerprint(kind, "shop", None, about),
    )  # fmt: skip


QUERY = "select * from a where id = ?"
CASES: list[tuple[Kind, str | None, str | None, set[str]]] = [
    ("error_spike", "POST /", None, {"failed", "new page"}),
    ("slow_query", QUERY, QUERY, {"query"}),
    ("new_query", QUERY, QUERY, {"query"}),
    ("query_surge", QUERY, QUERY, {"query"}),
    ("n_plus_one", QUERY, QUERY, {"query"}),
    ("latency_shift", "GET /", "GET /", {"page"}),
    ("latency_trend", "job", "job", {"job"}),
    ("new_pattern", "as it was told then", "login", {"login"}),
    ("pattern_surge", "retry %s of 3", "retry", {"retry"}),
    ("pattern_vanished", "login of <*> was refused", "login", {"login"}),
    ("silence", "feed", "stream feed", {"feed"}),
    ("silence", "feed", "event feed", {"feed of another stream"}),
    ("volume_change", "feed", "feed", {"feed"}),
    (
        "deploy_regression", "2", "2",
        {"new page", "query", "other query", "job", "feed", "feed of another stream", "login", "retry"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "subject", "about", "hosts"), CASES)
def test_its_rows_are_what_it_is_about(
    mixed: Store, at: At, kind: Kind, subject: str | None, about: str | None, hosts: set[str]
) -> None:
    """All of its service and ten minutes, and no others; of what is gone, the ten before; by file."""
    if "pattern" in kind:
        rows = mixed.execute("SELECT DISTINCT pattern_id FROM event_patterns WHERE template LIKE ?", [f"{about}%"])
        [(about,)] = rows
    finding = _finding(kind, subject, about, at)
    gone = kind in ("silence", "pattern_vanished")
    since, until = (at(0), at(10)) if gone else (at(10), at(20))
    wanted = mixed.execute(
        "SELECT ts, host FROM events WHERE service = 'shop' AND host IN ? AND ts >= ? AND ts < ? ORDER BY 1",
        [sorted(hosts), since, until],
    )
    found = mixed.execute(f"SELECT ts, host, path FROM ({events_behind(mixed, finding)}) ORDER BY 1")
    assert [row[:2] for row in found] == wanted
    assert len(wanted) > 10 * len(hosts)
    assert {path for *_, path in found} == {"logs/shop.jsonl"}


def test_every_kind_is_tried() -> None:
    """A kind that is new has its rows decided, and a case above."""
    assert {kind for kind, *_ in CASES} == set(get_args(Kind))


def test_a_volume_has_no_errors(mixed: Store, at: At) -> None:
    """They are told as error spikes."""
    rows = mixed.execute(
        f"SELECT DISTINCT host FROM ({events_behind(mixed, _finding('volume_change', None, None, at))})"
    )
    assert ("failed",) not in rows
    assert ("page",) in rows
