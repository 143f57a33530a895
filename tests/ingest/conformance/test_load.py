"""B: much at once."""

import time

import pytest

from tests.ingest.conformance.harness import SCALE, Case, sized, until


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
    hot = case.folder / "hot.log"
    cold = [case.folder / f"cold{number}.log" for number in range(sized(100, 10))]
    for path in cold:
        case.write(1, path)
    with case.follow():
        case.idle()
        block = case.lines(100_000)
        with hot.open("wb") as file:
            file.write(block)
        many = sized(1 << 30, 100 << 20) // len(block)
        with hot.open("ab") as file:
            for _ in range(many):
                file.write(block)
        for path in cold:
            case.write(1, path)
        last = len(case.expected)
        numbers = ",".join(str(number) for number in range(last - len(cold), last))
        begun = time.monotonic()
        until(lambda: case.ask(f"SELECT count(DISTINCT seq) FROM events WHERE seq IN ({numbers})"), [(len(cold),)])
        waited = time.monotonic() - begun
        assert waited < 5 or SCALE < 1  # on a machine that has nothing else to do


def test_b3_few_descriptors(case: Case) -> None:
    """A thousand files with 128 descriptors."""
    count = sized(1000, 100)
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
