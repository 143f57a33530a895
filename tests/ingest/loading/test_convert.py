"""Records to rows: what one chunk leaves to the next."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import find
from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.w3c import W3cFormat
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.loading import convert, selection
from logpipe.ingest.loading.intake import Intake
from logpipe.ingest.options import Options
from logpipe.ingest.repair.retry import retry
from logpipe.store import Store
from tests.ingest.logs import Take


@pytest.mark.parametrize("kept", [1, 4096])
def test_the_time_before_a_chunk_is_known_for_each_of_many_files(
    logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """Without a look through the store for it, unless there are very many; each file has a time of its own."""
    asked: list[int] = []
    last_time = Intake._last_time

    def noted(intake: Intake, source_id: int) -> datetime | None:
        asked.append(source_id)
        return last_time(intake, source_id)

    monkeypatch.setattr(Intake, "_last_time", noted)
    monkeypatch.setattr(convert, "_SOURCES_KEPT", kept)
    paths = [logs / f"{name}.jsonl" for name in ("one", "two", "three")]
    for day, path in enumerate(paths, 12):
        path.write_text(f'{{"timestamp":"2026-03-{day}T10:00:00Z","level":"INFO","message":"begun"}}\n')
    ingester = Ingester(store, Options(following=True))
    for _ in range(3):
        ingester.sweep(find([str(logs)])[0])
        for path in paths:
            with path.open("a") as file:
                file.write('{"level":"INFO","message":"gone on"}\n')
    ingester.close()
    times = store.execute("SELECT source_id, min(ts), max(ts), count(*) FROM events GROUP BY ALL ORDER BY min(ts)")
    assert [row[1:] for row in times] == [
        (moment, moment, 3) for moment in (datetime(2026, 3, day, 10, tzinfo=UTC) for day in (12, 13, 14))
    ]
    assert bool(asked) == (kept == 1)


class _Poisoned(TextFormat):
    """Plain text, of which DuckDB cannot convert some lines."""

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        poison = "CASE WHEN contains(raw, 'poison') THEN error('no ' || raw) ELSE raw END"
        return (
            super()
            .select(connection, context)
            .replace("FROM lines", f"FROM (SELECT * REPLACE ({poison} AS raw) FROM lines)")
        )


POISONED = _Poisoned(
    name="poisoned", title="", layouts=(r"^(?:(?P<time>\S+Z) )?(?P<text>.*)$",), columns={"message": "text"}
)


def _texts(bad: set[int], count: int) -> list[str]:
    return [
        ("" if number % 3 else f"2026-03-12T10:{number // 60:02}:{number % 60:02}Z ")
        + f"{'poison' if number in bad else 'line'} {number}"
        for number in range(count)
    ]


@pytest.mark.parametrize("bad", [{0}, {99}, {50}, {0, 1, 2, 3}, {7, 40, 41, 80}, set(range(100))])
def test_lines_that_cannot_be_converted_hold_nothing_up(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, bad: set[int]
) -> None:
    """Each is a reject with DuckDB's words; the others are events, with the times that they have without them."""
    monkeypatch.setitem(FORMATS, "poisoned", POISONED)
    texts = _texts(bad, 100)
    (logs / "app.log").write_text("\n".join(texts) + "\n")
    summary = take(format="poisoned")
    assert (summary.events, summary.rejects, summary.errors) == (100 - len(bad), len(bad), [])
    rejects = store.execute("SELECT reason, detail, decode(raw) FROM rejects ORDER BY source_pos")
    assert rejects == [("unconvertible", f"Invalid Input Error: no {texts[n]}", texts[n]) for n in sorted(bad)]
    events = store.execute("SELECT message, ts, attributes->>'time_inferred' FROM events ORDER BY source_pos")
    assert [message for message, *_ in events] == [f"line {n}" for n in range(100) if n not in bad]
    told = [n for n in range(0, 100, 3) if n not in bad]
    for message, ts, inferred in events:
        number = int(message.split()[1])
        before = max((n for n in told if n <= number), default=None)
        assert inferred == (None if number in told else "record_before" if before is not None else "file_modified")
        if before is not None:
            assert ts == datetime(2026, 3, 12, 10, before // 60, before % 60, tzinfo=UTC)
    assert not verify(store).problems
    assert store.execute("SELECT coalesce(sum(events), 0) FROM rollup_minute") == [(100 - len(bad),)]


def test_very_many_such_lines_take_bounded_work(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then good lines are among the rejects; nothing is lost with them, and a retry makes events of them."""
    monkeypatch.setitem(FORMATS, "poisoned", POISONED)
    monkeypatch.setattr(selection, "_MOST_FAILURES", 8)
    bad = set(range(0, 400, 50))
    (logs / "app.log").write_text("\n".join(_texts(bad, 400)) + "\n")
    summary = take(format="poisoned")
    assert summary.events + summary.rejects == 400
    assert summary.rejects > len(bad)
    assert not verify(store).problems
    monkeypatch.setattr(selection, "_MOST_FAILURES", 1000)
    retry(store, Options())
    assert store.execute("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM rejects)") == [(392, 8)]
    assert not verify(store).problems


def test_what_is_no_fault_of_a_line_is_told(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that fails without any line rejects none."""
    broken = replace(POISONED, name="broken", columns={"message": "no_such_column"})
    monkeypatch.setitem(FORMATS, "broken", broken)
    (logs / "app.log").write_text("\n".join(_texts(set(), 10)) + "\n")
    assert [error.reason for error in take(format="broken").errors] == ["unconvertible"]
    assert store.execute("SELECT count(*) FROM rejects") == [(0,)]


def test_a_header_holds_for_the_lines_behind_one_that_cannot_be_converted(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they are halved, and in what is read later."""
    select = W3cFormat.select

    def poisoned(format_: W3cFormat, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        found = select(format_, connection, context)
        return f"SELECT * FROM ({found}) WHERE CASE WHEN http_path = '/7' THEN error('no') ELSE true END"

    monkeypatch.setattr(W3cFormat, "select", poisoned)
    log = logs / "u_ex.log"
    log.write_text(
        "#Fields: date time cs-uri-stem sc-status\n"
        + "".join(f"2026-03-14 09:00:{n:02} /{n} 200\n" for n in range(10))
        + "#Fields: date time sc-status cs-uri-stem\n"
        + "".join(f"2026-03-14 09:00:{n:02} 404 /{n}\n" for n in range(10, 20))
    )
    take()
    with log.open("a") as file:
        file.write("2026-03-14 09:01:00 503 /20\n")
    take()
    found = store.execute("SELECT http_path, http_status FROM events WHERE http_path IS NOT NULL ORDER BY source_pos")
    expected = [200] * 10 + [404] * 10 + [503]
    assert found == [(f"/{n}", status) for n, status in enumerate(expected) if n != 7]
    assert store.execute("SELECT reason, detail FROM rejects") == [("unconvertible", "Invalid Input Error: no")]
