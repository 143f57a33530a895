"""`logpipe report` as people and pipes use it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpipe_analysis.reports import all_reports

Logpipe = Callable[..., Any]


@pytest.fixture(autouse=True)
def database(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGPIPE_DB", str(shop))


def test_without_a_name_the_reports_are_listed(
    logpipe: Logpipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what each answers; no database is needed."""
    monkeypatch.setenv("LOGPIPE_DB", str(tmp_path / "none.duckdb"))
    lines = logpipe("report", "--format", "json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"report": report.name, "answers": report.title} for report in all_reports()
    ]


def test_a_report_is_a_table_for_people(logpipe: Logpipe, shop: Path) -> None:
    """Figures rounded and grouped, times in UTC without the zone."""
    done = logpipe("report", "errors-by-service", "--service", "web")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[2].split() == [
        *["web", "1,015", "2", "0.00197", "0"],
        *["2026-01-02", "02:01:00", "2026-01-02", "02:02:00"],
    ]


def test_programs_get_exact_figures(logpipe: Logpipe) -> None:
    """In the other formats nothing is rounded."""
    [line] = logpipe("report", "errors-by-service", "--service", "web", "--format", "json").stdout.splitlines()
    assert json.loads(line) == {
        "service": "web",
        "events": 1015,
        "errors": 2,
        "error_share": 2 / 1015,
        "server_errors": 0,
        "first_error_at": "2026-01-02T02:01:00Z",
        "last_error_at": "2026-01-02T02:02:00Z",
    }


def test_a_span_is_the_same_as_in_sql(logpipe: Logpipe) -> None:
    """`--since 1d` and INTERVAL 1 DAY count back from the newest event."""
    report = logpipe("report", "top-exceptions", "--since", "1d", "--format", "csv")
    query = logpipe("query", "FROM top_exceptions(INTERVAL 1 DAY)", "--format", "csv")
    assert report.stdout == query.stdout
    assert len(report.stdout.splitlines()) == 2


def test_a_range_by_times_and_a_limit(logpipe: Logpipe) -> None:
    """From `--since` on, up to and without `--until`, so many rows."""
    hour = ("--since", "2026-01-02T01:00:00Z", "--until", "2026-01-02T02:00:00Z")
    done = logpipe("report", "volume-by-stream", *hour, "--format", "csv")
    assert done.stdout.splitlines()[1].startswith("nginx,access,400,100000,1.0,250.0,")
    assert len(logpipe("report", "volume-by-stream", "--limit", "2", "--format", "csv").stdout.splitlines()) == 3


def test_an_empty_answer_says_so(logpipe: Logpipe) -> None:
    """On standard error, with the services that there are, and it is no failure."""
    done = logpipe("report", "slow-queries", "--service", "nobody")
    hint = "note: there is no service 'nobody' in this store; there are nginx, web, worker\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{hint}no rows\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["slow-query"], 2, "there is no report 'slow-query'; did you mean slow-queries?"),
        (["slow-queries", "--since", "tomorrow"], 2, "not a time"),
        (["slow-queries", "--limit", "-1"], 2, "--limit"),
        (["slow-queries", "--db", "none.duckdb"], 1, "logpipe ingest PATH --db none.duckdb"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(logpipe: Logpipe, arguments: list[str], code: int, sentence: str) -> None:
    """1 failed, 2 usage."""
    done = logpipe("report", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
