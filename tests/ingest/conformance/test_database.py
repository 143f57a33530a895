"""D: what happens to the database, and to the process that writes it."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from logpipe.errors import StoreError
from logpipe.store import Store
from tests.ingest.conformance.harness import Case, polls, sized, until
from tests.ingest.logs import line

FAIL = """
import os, signal
from logpipe.ingest.loading import loader
def die(): os.kill(os.getpid(), signal.SIGKILL)
entered = loader._enter
def enter(connection, batch):
    {before}
    entered(connection, batch)
    {after}
loader._enter = enter
"""


@pytest.mark.long
def test_d1_killed_anywhere(case: Case) -> None:
    """At random moments, with a writer and rotations beside it: after each kill what is committed agrees."""
    moments = random.Random(1)
    for number in range(sized(200, 8)):
        case.write(moments.choice((10, 300)))
        process = case.start((case.folder,), ("--follow",))
        time.sleep(moments.uniform(0.2, 1.5))
        case.write(20)
        if number % 3 == 0:
            case.shift(keep=1000)
            case.write(5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if case.database.exists():
            with Store.open(case.database) as store:
                assert store.execute(
                    "SELECT (SELECT coalesce(sum(events), 0)::BIGINT FROM ledger) - (SELECT count(*) FROM events)"
                ) == [(0,)]
    case.run()
    case.check()


@pytest.mark.long
@pytest.mark.parametrize("where", ["before", "after"])
def test_d2_killed_between_rows_and_ledger(case: Case, where: str) -> None:
    """Before the ledger's entry, and after it, before the commit: nothing of either is there."""
    case.write(100)
    blows = {"before": "die()" if where == "before" else "pass", "after": "die()" if where == "after" else "pass"}
    for _ in range(sized(20, 2)):
        case.run_apart(prelude=FAIL.format(**blows), code=-signal.SIGKILL)
        with Store.open(case.database) as store:
            assert store.execute("SELECT count(*) FROM events") == [(0,)]
    case.run()
    case.check()


def test_d3_a_slow_database(case: Case) -> None:
    """While a transaction takes long, files are rotated and made anew: nothing is taken for read that is not."""
    slow = """
from logpipe.ingest.loading import loader
import time
entered = loader._enter
loader._enter = lambda *a: (time.sleep(1.0), entered(*a))
"""
    case.write(50)
    with case.follow(prelude=slow):
        for _ in range(4):
            case.write(50)
            time.sleep(0.4)
            case.shift()
        case.write(50)
        case.idle()
    case.check()


@pytest.mark.long
def test_d4_a_torn_write_ahead_log(case: Case, tmp_path: Path) -> None:
    """Cut at any length: it opens, rows and ledger agree, and the next ingest makes it whole; or it says why not."""
    case.write(2000)
    with case.follow() as follower:
        case.idle()
        for _ in range(5):
            case.write(20)
            case.idle()
        follower.kill()
    wal = case.database.with_name(case.database.name + ".wal")
    whole, data = case.database.read_bytes(), wal.read_bytes()
    lengths = random.Random(4)
    for _ in range(sized(20, 4)):
        case.database.write_bytes(whole)
        wal.write_bytes(data[: lengths.randrange(len(data))])
        try:
            with Store.open(case.database) as store:
                [(entered, rows)] = store.execute(
                    "SELECT (SELECT coalesce(sum(events), 0)::BIGINT FROM ledger), (SELECT count(*) FROM events)"
                )
        except StoreError:
            assert str(case.database) in case.run_apart(code=1)
            continue
        assert entered == rows
        case.run_apart()
        case.check()


def test_d5_the_database_is_full(case: Case) -> None:
    """It waits, says so once, keeps its files, and goes on to the exact count when there is room."""
    case.write(10)
    with case.follow() as follower:
        case.idle()
        follower.fill_disk()
        case.write(30_000)
        case.shift()
        case.write(30_000)
        follower.until_said("no room left")
        case.rotated(1).unlink()
        polls(8)
        assert follower.running
        assert len([said for said in follower.said if "no room left" in said]) == 1
        follower.free_disk()
        case.idle()
    case.check()
    own = Path(f"{case.database}.ingest.log").read_bytes().splitlines()
    events = [record["event"] for record in map(orjson.loads, own) if record["event"].startswith("store")]
    assert events == ["store_full", "store_recovered"]


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    volume = tmp_path / "small"
    volume.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", volume], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield volume
    subprocess.run(["umount", "-l", volume], check=True)


def _enlarge(volume: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=1g", volume], check=True)


@pytest.mark.parametrize("following", [True, False])
def test_d5_a_volume_that_is_really_full(case: Case, small_volume: Path, following: bool) -> None:
    """Killed by it, or waiting for room: the count is exact in the end, and the wait is not sat out."""
    case.database = small_volume / "logs.duckdb"
    with case.log.open("wb") as file:
        for number in range(120_000):
            file.write(line(number, noise=os.urandom(100).hex()))
    case.expected = list(range(120_000))
    if following:
        with case.follow(prelude="follow.RETRY_S = follow.LONGEST_RETRY_S = 3600") as follower:
            follower.until_said("no room left")
            _enlarge(small_volume)
            case.idle()
    else:
        assert "no room left" in case.run_apart(code=1)
        _enlarge(small_volume)
        case.run_apart()
    case.check()


def test_d5_the_temporary_folder_is_full(case: Case, small_volume: Path) -> None:
    """Standard input has nowhere to go: it is said, and the lines before that are there, once."""
    source = case.folder.parent / "input"
    with source.open("wb") as file:
        file.writelines(line(number, noise=os.urandom(100).hex()) for number in range(60_000))
    prelude = (
        f"import os, tempfile\ntempfile.tempdir = {str(small_volume)!r}\n"
        f"os.dup2(os.open({str(source)!r}, os.O_RDONLY), 0)"
    )
    assert "could not be copied" in case.run_apart("-", prelude=prelude, code=1)
    stored = case.stored()
    assert 0 < len(stored) < 60_000
    assert stored == list(range(len(stored)))


def test_d6_the_disk_of_the_log_was_full(case: Case) -> None:
    """The next line is glued to half a line: one reject, and the lines behind it are not touched."""
    case.write(5)
    with case.log.open("ab") as file:
        file.write(line(900)[:30] + line(901))
    case.write(5)
    case.run()
    case.check(rejects=1)


def test_d7_two_ingesters(case: Case) -> None:
    """The second is told who has the database; once that one is killed, it works."""
    case.write(10)
    with case.follow() as follower:
        case.idle()
        said = case.run(code=None)
        assert str(follower.process.pid) in said
        case.write(10)
        case.idle()
        follower.kill()
    case.write(10)
    case.run()
    case.check()


def test_d8_the_database_was_deleted(case: Case) -> None:
    """Everything is read again, into a new one."""
    case.write(100)
    case.run()
    case.database.unlink()
    case.database.with_name(case.database.name + ".wal").unlink(missing_ok=True)
    assert "1 new" in case.run()
    case.check()


def test_d9_stopped_under_load(case: Case) -> None:
    """SIGTERM ends it soon, however much is left; the next ingest takes the rest."""
    case.write(sized(2_000_000, 100_000))
    with case.follow() as follower:
        until(lambda: follower.running and case.database.exists(), True)
        time.sleep(1)
        begun = time.monotonic()
        follower.stop()
        assert time.monotonic() - begun < 30  # five seconds, of a machine that is not busy otherwise
    case.run()
    case.check()
