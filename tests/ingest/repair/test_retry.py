"""Rejected lines are parsed again: what has become an event is one, once, where it stood."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logpipe.errors import InputError
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.options import Options
from logpipe.ingest.repair.retry import retry
from logpipe.store import Store
from logpipe.store.mining import mine
from logpipe.store.retention import Policy, retain
from tests.ingest.logs import Take, line, rest, sequences
from tests.store.rollups import sums

TEXT = "2026-03-12 10:00:{:02} ERROR shop.orders order {} lost\n"


@pytest.fixture
def mixed(logs: Path, take: Take, store: Store) -> Path:
    """A file of JSON lines with lines of text among them, and one that is torn."""
    log = logs / "app.jsonl"
    with log.open("wb") as file:
        for number in range(60):
            file.write(line(number))
            if number % 20 == 7:
                file.write(TEXT.format(number, number).encode())
        file.write(b'{"timestamp": "2026-03-12T10:0\n')
    rest(log)
    summary = take()
    assert (summary.events, summary.rejects) == (60, 4)
    return log


def test_lines_become_events_where_they_stood(mixed: Path, store: Store) -> None:
    """With source, position, length, time; the ledger and the roll-ups say so, and verify agrees."""
    data = mixed.read_bytes()
    done = retry(store, Options(format="python_text"))
    assert (done.tried, done.events, done.not_lines) == (4, 4, 0)
    rows = store.execute(
        "SELECT source_pos::BIGINT, bytes, strftime(ts, '%H:%M:%S'), level, message FROM events WHERE seq IS NULL "
        "AND level IS NOT NULL ORDER BY source_pos"
    )
    assert [row[2:] for row in rows] == [(f"10:00:{n:02}", "ERROR", f"order {n} lost") for n in (7, 27, 47)]
    for position, length, *_ in rows:
        assert data[position : position + length].startswith(b"2026-03-12 10:00:")
        assert data[position + length - 1] == ord("\n")
    assert store.execute("SELECT count(*) FROM rejects") == [(0,)]
    assert store.execute("SELECT sum(events)::BIGINT, sum(rejects)::BIGINT FROM ledger") == [(64, 0)]
    assert not verify(store).problems


@pytest.mark.parametrize(("zone", "hour"), [(None, "01"), ("Europe/Berlin", "09")])
def test_times_are_in_the_zone_of_their_source(
    logs: Path, take: Take, store: Store, zone: str | None, hour: str
) -> None:
    """Unless another one is given."""
    (logs / "app.jsonl").write_bytes(20 * line(1) + TEXT.format(1, 1).encode())
    rest(logs / "app.jsonl")
    assert take(time_zone="Asia/Tokyo").rejects == 1
    assert retry(store, Options(format="python_text", time_zone=zone)).events == 1
    assert store.execute("SELECT strftime(ts, '%H:%M:%S') FROM events WHERE level = 'ERROR'") == [(f"{hour}:00:01",)]


def test_what_fails_again_stays_once(mixed: Path, store: Store) -> None:
    """And a second time nothing changes."""
    rejects = store.execute("FROM rejects ORDER BY source_pos")
    before = sums(store)
    for _ in range(2):
        assert retry(store, Options()).events == 0
        assert store.execute("FROM rejects ORDER BY source_pos") == rejects
    retry(store, Options(format="python_text"))
    after = sums(store)
    assert after != before
    assert retry(store, Options(format="python_text")).tried == 0
    assert sums(store) == after
    assert sequences(store)[:60] == list(range(60))


def test_a_line_without_a_time_has_that_of_the_record_before_it(mixed: Path, store: Store) -> None:
    """Of the one that stands before it in the file, and says so."""
    retry(store, Options(format="plain"))
    rows = store.execute(
        "SELECT strftime(ts, '%H:%M:%S'), json_extract_string(attributes, '$.time_inferred') FROM events "
        "WHERE seq IS NULL ORDER BY source_pos"
    )
    assert rows == [(f"10:00:{n:02}", "record_before") for n in (7, 27, 47, 59)]


def test_lines_that_are_not_whole_are_left(logs: Path, take: Take, store: Store) -> None:
    """The rest of a line that was taken too early, as the beginning of one that is too long, is no line."""
    log = logs / "app.jsonl"
    log.write_bytes(line(1) + line(2)[:-5])
    rest(log)
    take()
    with log.open("ab") as file:
        file.write(line(2)[-5:])
    rest(log)
    take()
    assert retry(store, Options(format="plain"), "continues_taken_line").tried == 0
    assert retry(store, Options(format="plain")).not_lines == 1
    assert not verify(store).problems


@pytest.mark.parametrize("expired", [False, True], ids=["all stand", "some expired"])
@pytest.mark.parametrize("counted_before", [False, True])
def test_patterns_are_counted_once(mixed: Path, store: Store, counted_before: bool, expired: bool) -> None:
    """Those of the lines that became events come to those that were counted before, if any were, or that have gone."""
    if counted_before:
        mine(store)
    if expired:
        list(retain(store, Policy(default=timedelta(days=1)), datetime(2026, 3, 13, 10, 0, 30, tzinfo=UTC)))
        assert store.execute("SELECT count(*) FROM events") == [(30,)]
    retry(store, Options(format="python_text"))
    mine(store)
    counted = store.execute("SELECT sum(events)::BIGINT FROM pattern_minute")
    assert counted == [(64,)]
    mine(store)
    assert store.execute("SELECT sum(events)::BIGINT FROM pattern_minute") == counted


def test_columns_are_those_that_stand_before_the_line(logs: Path, take: Take, store: Store) -> None:
    """Each retried line of columns is read by the last line before it that names them, though that is an event."""
    log = logs / "u_ex.log"
    line = b"2026-03-14 09:00:00 %d GET\n"
    log.write_bytes(
        b'{"message": "#Fields: date time sc-status cs-method", "timestamp": "2026-03-14T09:00:00Z"}\n'
        + line % 200
        + b'{"message": "#Fields: date time sc-substatus cs-method", "timestamp": "2026-03-14T09:00:01Z"}\n'
        + line % 7
        + line % 8
    )
    rest(log)
    assert take(format="json").rejects == 3
    assert retry(store, Options(format="w3c")).events == 3
    statuses = store.execute("SELECT http_status FROM events WHERE http_method = 'GET' ORDER BY source_pos")
    assert statuses == [(200,), (None,), (None,)]
    assert not verify(store).problems


def test_many_lines_go_in_pieces(mixed: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is a transaction of bounded size; all of them are tried."""
    module = sys.modules["logpipe.ingest.repair.retry"]
    monkeypatch.setattr(module, "_PIECE_BYTES", 1)
    assert retry(store, Options(format="python_text")).tried == 4
    assert not verify(store).problems


def test_the_command_says_what_it_did(mixed: Path, store: Store, logpipe: Callable[..., Any]) -> None:
    """`logpipe rejects retry`; `logpipe rejects` goes on listing them."""
    store.close()
    assert "malformed_json" in logpipe("rejects", "--db", store.url).stdout
    done = logpipe("rejects", "retry", "--format", "python_text", "--db", store.url)
    assert done.returncode == 0, done.stderr
    assert "4 rejected lines tried again: 4 are events now" in done.stderr
    assert logpipe("rejects", "retry", "--format", "nonsense", "--db", store.url).returncode == 2


def test_an_unknown_format_is_told(store: Store) -> None:
    """Before anything is done."""
    with pytest.raises(InputError, match="no format called nonsense"):
        retry(store, Options(format="nonsense"))
