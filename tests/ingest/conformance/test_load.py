"""B: much at once."""

import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from logpipe.ingest.files.fingerprint import digest
from logpipe.store import Store
from tests.ingest.conformance.harness import SCALE, Case, Follower, append, sized, until
from tests.ingest.logs import line


def test_b1_a_writer_faster_than_the_reader(case: Case) -> None:
    """With rotation all the time: everything is there after a while, and memory stays bounded."""
    case.write(1)
    with case.follow() as follower:
        for _ in range(sized(60, 3)):
            case.write(20_000)
            case.shift(keep=1000)
        case.write(1)
        case.idle()
        assert follower.memory() < 600 << 20
    case.check()


def test_b2_fairness(case: Case) -> None:
    """A file with much to read does not keep the others waiting."""
    hot, still = case.folder / "hot.log", case.folder.parent / "hot"
    cold = [case.folder / f"cold{number}.log" for number in range(sized(100, 10))]
    for path in cold:
        case.write(1, path)
    with case.follow():
        case.idle()
        block = case.lines(100_000)
        with still.open("wb") as file:
            for _ in range(1 + sized(1 << 30, 100 << 20) // len(block)):
                file.write(block)
        still.rename(hot)
        for path in cold:
            case.write(1, path)
        last = len(case.expected)
        numbers = ",".join(str(number) for number in range(last - len(cold), last))
        until(lambda: case.ask(f"SELECT count(DISTINCT seq) FROM events WHERE seq IN ({numbers})"), [(len(cold),)])
        if SCALE >= 1:  # else the hot one is taken in one slice
            [(before,)] = case.ask(_TAKEN_BEFORE.format(half=hot.stat().st_size // 2))
            assert before == len(cold)


_TAKEN_BEFORE = """
SELECT count(*) FROM ledger JOIN sources USING (source_id)
WHERE path NOT LIKE '%/hot.log' AND from_pos > 0 AND ledger_id < (
    SELECT coalesce(min(ledger_id), 9223372036854775807) FROM ledger JOIN sources USING (source_id)
    WHERE path LIKE '%/hot.log' AND to_pos > {half}
)
"""
"""How many second entries of the cold ones stand in the ledger before the hot one was half read."""


def test_b2_writers_that_never_pause(case: Case) -> None:
    """Lines that come faster than chunks are made do not put off their commit, nor the other file."""
    slow = """
from logpipe.ingest.loading.convert import Converter
import time
convert = Converter.convert
Converter.convert = lambda *a: (time.sleep(0.05), convert(*a))[1]
"""
    paths = [case.folder / "one.log", case.folder / "other.log"]
    ended = threading.Event()

    def keep_writing() -> None:
        while not ended.wait(0.002):
            for path in paths:
                case.write(1, path)

    writer = threading.Thread(target=keep_writing)
    with case.follow(prelude=slow):
        writer.start()
        try:
            until(lambda: case.ask("SELECT count(DISTINCT source_id) FROM events"), [(2,)])
        finally:
            ended.set()
            writer.join()
        case.idle()
    case.check()


def test_b3_few_descriptors(case: Case) -> None:
    """A thousand files with 128 descriptors."""
    count = sized(1000, 150)
    for number in range(count):
        case.write(1, case.folder / f"f{number}.log")
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))"
    with case.follow(prelude=limit) as follower:
        case.idle()
        assert len(follower.open_files(case.folder)) <= 64
        for number in range(0, count, 10):
            case.write(1, case.folder / f"f{number}.log")
        case.idle()
    case.check()


@pytest.mark.long
def test_b4_many_known_files(case: Case) -> None:
    """A hundred thousand that were read before: a change in one is seen soon after the start, and idling is cheap."""
    paths = [case.folder / str(number // 1000) / f"{number}.log" for number in range(sized(100_000, 2_000))]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(line(0))
    case.run(paths[0])
    with Store.open(case.database) as store:
        _know(store, paths[1:])
    append(paths[-1], line(1))
    begun = time.monotonic()
    with case.follow(prelude="follow.LEAST_IDLE = 20") as follower:
        until(lambda: case.ask("SELECT count(*) FROM events WHERE seq = 1"), [(1,)])
        assert time.monotonic() - begun < 30 or SCALE < 1
        assert case.ask("SELECT count(*) FROM events") == [(2,)]
        if SCALE >= 1:  # from one rest to the next: a sweep, and the wait behind it
            used, begun = _resting(follower)
            until(lambda: follower.processor_s() > used + 0.5, True)
            used_then, ended = _resting(follower)
            assert (used_then - used) / (ended - begun) < 0.06  # a twentieth, as measured from here


def _resting(follower: Follower) -> tuple[float, float]:
    """Wait until it does nothing; the processor's seconds that it has used, and the time."""
    used = follower.processor_s()
    while True:
        time.sleep(1)
        before, used = used, follower.processor_s()
        if used - before < 0.05:
            return used, time.monotonic()


def _know(store: Store, paths: list[Path]) -> None:
    """As if these files had been read, one line each; by the command it would take an hour."""
    known = {"path": [], "inode": [], "device": [], "modified_ns": []}  # type: dict[str, list[object]]
    for path in paths:
        status = path.stat()
        known["path"].append(str(path))
        known["inode"].append(status.st_ino)
        known["device"].append(status.st_dev)
        known["modified_ns"].append(status.st_mtime_ns)
    store.connection.register("known", pa.table(known))
    store.execute(
        "INSERT INTO sources SELECT nextval('source_ids'), path, path, 1, device, inode, $1, "
        "make_timestamp_ns(modified_ns)::TIMESTAMP::TIMESTAMPTZ, $2, NULL, "
        "(SELECT any_value(format) FROM sources), 'x', 'UTC', 'active', now(), NULL, 0, NULL, false FROM known",
        [len(line(0)), line(0)],
    )
    store.execute(
        "INSERT INTO ledger SELECT nextval('ledger_ids'), source_id, 0, $1, 1, 1, 0, 0, 0, 0, 0, $2, $2, now() "
        "FROM sources WHERE source_id > 1",
        [len(line(0)), digest(line(0))],
    )
    store.connection.unregister("known")


@pytest.mark.long
def test_b5_deleted_while_the_database_refuses(case: Case) -> None:
    """Descriptors are bounded; what had to be given up is told by gaps, and the rest comes in."""
    case.write(1)
    with case.follow(prelude="open_files.MOST_OPEN = 8") as follower:
        case.idle()
        follower.fill_disk()
        case.write(600)
        follower.until_said("no room left")
        kept = len(case.expected)
        for _ in range(20):
            case.shift(keep=1000)
            case.write(10)
            until(lambda: len(follower.open_files(case.folder)) > 0, True)
            time.sleep(0.5)
            for path in case.folder.glob("a.log.*"):
                path.unlink()
        assert len(follower.open_files(case.folder)) <= 8
        follower.free_disk()
        case.write(1)
        until(lambda: case.ask(f"SELECT count(*) FROM events WHERE seq = {len(case.expected) - 1}"), [(1,)])
        follower.until_said("given_up")
        lost = [gap for gap in case.gaps() if gap[3] == "given_up"]
        assert lost
        stored = set(case.stored())
        assert len(case.stored()) == len(stored)
        missing = [number for number in case.expected if number not in stored]
        assert len(missing) >= len(lost)
        assert kept > 0
