"""A source that is read again has the rows of its mended format, once, and counts that agree."""

import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from logpipe.errors import InputError, StoreError
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.ingest.repair import reparse as repair
from logpipe.ingest.repair.reparse import reparse, sources_named
from logpipe.store import Store
from logpipe.store.mining import mine
from logpipe.store.retention import Policy, retain
from tests.ingest.forks import Forks
from tests.ingest.logs import Take, line, rest
from tests.store.rollups import sums

RECORDS = 500


def write_text(path: Path, records: int = RECORDS) -> None:
    """Records of Python's logging, one in ten with a traceback of three more lines."""
    with path.open("w") as file:
        for number in range(records):
            file.write(f"2026-03-12 10:{number // 60 % 60:02}:{number % 60:02},000 ERROR shop: order {number} lost\n")
            if number % 10 == 0:
                file.write('Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no\n')
    rest(path)


@pytest.fixture
def wrong(logs: Path, take: Take, store: Store) -> Path:
    """A text log that was read as plain lines, and a JSON log of the same minutes beside it."""
    write_text(logs / "shop.log")
    with (logs / "app.jsonl").open("wb") as file:
        file.writelines(line(number) for number in range(100))
    rest(logs / "app.jsonl")
    take(logs / "shop.log", format="plain")
    take(logs / "app.jsonl")
    return logs / "shop.log"


def as_ingested(path: Path, others: list[Path], database: Path, format_name: str) -> Store:
    """A new store in which the file was read in the right format from the beginning."""
    store = Store.open(database)
    ingest(store, [str(path)], Options(format=format_name))
    ingest(store, [str(other) for other in others], Options())
    return store


EVENTS = "SELECT * EXCLUDE (source_id) FROM events ORDER BY source_id, source_pos"


def test_a_source_is_as_if_read_in_that_format_at_first(wrong: Path, store: Store, tmp_path: Path) -> None:
    """Events, roll-ups and ledger; verify agrees; and a second time nothing changes."""
    [source_id] = sources_named(store, [str(wrong)])
    done = reparse(store, source_id, Options(format="python_text"))
    assert (done.before, done.after) == ((RECORDS + 150, 0), (RECORDS, 0))
    right = as_ingested(wrong, [wrong.parent / "app.jsonl"], tmp_path / "right.duckdb", "python_text")
    assert store.execute(EVENTS) == right.execute(EVENTS)
    assert sums(store) == sums(right)
    assert store.execute("SELECT sum(joined)::BIGINT FROM ledger") == [(150,)]
    assert not verify(store).problems
    assert reparse(store, source_id, Options()).after == (RECORDS, 0)
    assert store.execute(EVENTS) == right.execute(EVENTS)
    assert sums(store) == sums(right)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), "no room left on the volume"),
        (duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate"), "Out of Memory"),
    ],
)
def test_a_store_that_refuses_is_not_taken_for_a_bad_line(
    wrong: Path, store: Store, monkeypatch: pytest.MonkeyPatch, error: duckdb.Error, says: str
) -> None:
    """The error is the store's, told at once, and the source is as it was."""
    [source_id] = sources_named(store, [str(wrong)])
    before = store.execute(EVENTS)
    asked = []

    def refuse(*_: object) -> None:
        asked.append(1)
        raise error

    monkeypatch.setattr(repair, "insert", refuse)
    with pytest.raises(StoreError, match=says):
        reparse(store, source_id, Options(format="python_text"))
    assert len(asked) == 1
    assert store.execute(EVENTS) == before
    assert not verify(store).problems


def test_times_stay_in_the_zone_of_their_source(logs: Path, take: Take, store: Store) -> None:
    """That of its first ingest, for what is ingested later and when it is read again, until another one is given."""
    log = logs / "shop.log"
    write_text(log, 1)
    take(time_zone="Asia/Tokyo")
    with log.open("a") as file:
        file.write("2026-03-12 11:00:00,000 WARNING shop: more\n")
    rest(log)
    take()
    times = "SELECT strftime(ts, '%H:%M') FROM events ORDER BY source_pos"
    assert store.execute(times) == [("01:00",), ("02:00",)]
    for options, told in (
        (Options(), [("01:00",), ("02:00",)]),
        (Options(time_zone="Europe/Berlin"), [("09:00",), ("10:00",)]),
        (Options(), [("09:00",), ("10:00",)]),
    ):
        reparse(store, 1, options)
        assert store.execute(times) == told


def test_the_format_can_be_detected_again(wrong: Path, store: Store) -> None:
    """And holds for what is ingested later."""
    [source_id] = sources_named(store, [str(wrong)])
    assert reparse(store, source_id, Options(), detect_format=True).format == "python_text"
    with wrong.open("a") as file:
        file.write("2026-03-12 11:00:00,000 WARNING shop: more\n")
    rest(wrong)
    ingest(store, [str(wrong)], Options())
    assert store.execute("SELECT level FROM events ORDER BY ts DESC LIMIT 1") == [("WARNING",)]
    assert not verify(store).problems


def test_a_rotated_and_compressed_file_is_found(wrong: Path, store: Store) -> None:
    """By its content, within its rotation family."""
    wrong.rename(wrong.with_name("shop.log.1"))
    subprocess.run(["gzip", wrong.with_name("shop.log.1")], check=True)
    [source_id] = sources_named(store, [str(wrong)])
    assert reparse(store, source_id, Options(format="python_text")).after == (RECORDS, 0)


@pytest.mark.parametrize("harm", ["changed", "gone", "shorter"])
def test_another_file_changes_nothing(wrong: Path, store: Store, harm: str) -> None:
    """What is stored is all there is of the source then."""
    before = store.execute(EVENTS)
    if harm == "changed":
        data = wrong.read_bytes()
        wrong.write_bytes(data[:9000] + b"X" + data[9001:])
    elif harm == "gone":
        wrong.unlink()
    else:
        wrong.write_bytes(wrong.read_bytes()[:9000])
    [source_id] = sources_named(store, [str(wrong)])
    with pytest.raises(InputError):
        reparse(store, source_id, Options(format="python_text"))
    assert store.execute(EVENTS) == before


def test_expired_rows_do_not_come_back(wrong: Path, store: Store) -> None:
    """A source of which retention removed something is left; counts of others that outlived their events stay."""
    [other] = sources_named(store, [str(wrong.parent / "app.jsonl")])
    [source_id] = sources_named(store, [str(wrong)])
    list(retain(store, Policy(levels={"INFO": timedelta(days=1)}), datetime.now(UTC)))
    with pytest.raises(InputError, match="retention has removed 100 of its rows"):
        reparse(store, other, Options())
    info = "SELECT sum(events)::BIGINT FROM rollup_minute WHERE level = 'INFO'"
    assert store.execute(info) == [(100,)]
    reparse(store, source_id, Options(format="python_text"))
    assert store.execute(info) == [(100,)]
    assert store.execute("SELECT sum(events)::BIGINT FROM rollup_minute") == [(100 + RECORDS,)]
    assert not verify(store).problems


def test_patterns_are_those_of_the_new_rows(wrong: Path, store: Store) -> None:
    """Counted once, be they mined before or not."""
    mine(store)
    [source_id] = sources_named(store, [str(wrong)])
    reparse(store, source_id, Options(format="python_text"))
    mine(store)
    assert store.execute("SELECT sum(events)::BIGINT FROM pattern_minute") == [(RECORDS + 100,)]


def test_an_unknown_source_is_told(wrong: Path, store: Store) -> None:
    """Before anything is done."""
    with pytest.raises(InputError, match="no source nowhere"):
        sources_named(store, ["nowhere"])
    assert len(sources_named(store, [])) == 2


def test_killed_at_any_time_the_source_is_whole(tmp_path: Path, forks: Forks) -> None:
    """`kill -9`: the old rows or the new ones, and a second run completes it."""
    log, database, said = tmp_path / "shop.log", tmp_path / "logs.duckdb", tmp_path / "said"
    write_text(log, 40_000)
    with Store.open(database) as store:
        ingest(store, [str(log)], Options(format="plain"))
    killed = 0
    for step in range(60):
        process = forks.start(("reparse", "1", "--format", "python_text", "--db", str(database)), said)
        try:
            process.wait(timeout=0.2 * step)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        finished = process.wait() == 0
        with Store.open(database) as store:
            [(events,)] = store.execute("SELECT count(*) FROM events")
            assert events in (40_000, 52_000)
            assert not verify(store).problems
        if finished:
            break
    assert finished, said.read_text()
    assert killed > 1
    with Store.open(database) as store:
        assert store.execute("SELECT count(*), count(DISTINCT source_pos) FROM events") == [(40_000, 40_000)]


def test_a_time_that_is_inferred_is_not_inferred_from_what_is_replaced(logs: Path, take: Take, store: Store) -> None:
    """Of a file that begins as a copy of another, the first line of its own has no time: the last one's is later."""
    first = b"".join(line(number) for number in range(10))
    (logs / "app.jsonl").write_bytes(first)
    rest(logs / "app.jsonl")
    take(logs / "app.jsonl")
    (logs / "app.jsonl.1").write_bytes(first + b'{"message":"when?"}\n' + line(59))
    rest(logs / "app.jsonl.1")
    take(logs)
    untimed = "SELECT source_id, ts, attributes->>'time_inferred' FROM events WHERE message = 'when?'"
    [(source_id, *before)] = store.execute(untimed)
    assert source_id == 2
    reparse(store, source_id, Options())
    assert store.execute(untimed) == [(source_id, *before)]
