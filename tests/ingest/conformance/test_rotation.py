"""R: rotation by rename, deletion, and names that come and go."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.ingest.conformance.harness import UNWATCHED_S, Case, polls, sized, until


def test_r1_rename(case: Case) -> None:
    """A renamed file is not read again, and the new one is read from its beginning."""
    case.write(1000)
    with case.follow() as follower:
        case.idle()
        case.shift()
        case.write(1000)
        case.idle()
        assert follower.running
    case.check()


def test_r2_unread_tail_at_a_rename_out_of_sight(case: Case) -> None:
    """What was not read of a file that got a name elsewhere is read through its descriptor."""
    elsewhere = case.folder.parent / "old"
    elsewhere.mkdir()
    case.write(10)
    with case.follow(case.folder / "a.log") as follower:
        case.idle()
        with follower.stopped():
            case.write(5000)
            case.log.rename(elsewhere / "x")
            case.write(10)
        case.idle()
    case.check()


def test_r3_the_writer_keeps_the_renamed_file(case: Case) -> None:
    """Lines through the old descriptor and into the new file, at the same time."""
    case.write(10)
    with case.follow(), case.log.open("ab", buffering=0) as old:
        case.idle()
        case.shift()
        for _ in range(20):
            old.write(case.lines(5))
            case.write(5)
            time.sleep(0.05)
        case.idle()
    case.check()


def test_r4_rotations_between_two_polls(case: Case) -> None:
    """Three of them, each with lines that were never seen under the first name."""
    case.write(10)
    with case.follow() as follower:
        case.idle()
        with follower.stopped():
            for _ in range(3):
                case.write(500)
                case.shift()
        case.idle()
    case.check()


def test_r5_rotation_while_stopped(case: Case) -> None:
    case.write(100)
    case.run()
    case.write(100)
    case.shift()
    case.write(100)
    case.run()
    case.check()


@pytest.mark.long
def test_r6_recycled_inodes(case: Case) -> None:
    """`rotate 5` gives the new file the inode of the one just deleted."""
    generator = random.Random(6)
    inodes: list[int] = []
    for rotation in range(sized(30, 10)):
        case.write(20)
        if generator.random() < 0.4 or rotation % 7 == 6:
            case.run()
        unread = case.rotated(5).exists()
        if unread:
            case.run()  # all that is deleted was visible once
            case.rotated(5).unlink()
        case.shift(keep=6)
        case.log.touch()
        inodes.append(case.log.stat().st_ino)
    case.run()
    assert len(set(inodes)) < len(inodes)
    case.check()


def test_r7_deleted_and_made_anew(case: Case) -> None:
    """At once, larger than before; and the deleted file does not stay open for ever."""
    case.write(101)
    with case.follow(prelude="open_files.ROTATE_WAIT_S = 1.0") as follower:
        case.idle()
        case.log.unlink()
        case.write(10_100)
        case.idle()
        until(lambda: [name for name in follower.open_files(case.folder) if name.endswith("(deleted)")], [])
        polls(12)
    assert case.gaps() == []
    case.check()


@pytest.mark.long
def test_r8_deleted_before_it_was_read(case: Case) -> None:
    """An open file is read to its end. Deleted while nobody watched, its lines are gone, and that is told."""
    case.write(10)
    with case.follow() as follower:
        case.idle()
        with follower.stopped():
            case.write(20_000)
            case.log.unlink()
        case.idle()
    case.check()
    case.write(10)
    case.run()
    offset = case.log.stat().st_size
    before = len(case.expected)
    case.write(20_000)
    case.forget(range(before, before + 20_000))
    case.log.unlink()
    case.write(1, case.folder / "other.log")
    said = case.run()
    assert "was deleted" in said
    assert case.gaps() == [("a.log", offset, None, "deleted")]
    case.check(gaps=1)


def test_r9_out_of_sight_and_back(case: Case) -> None:
    """A file renamed away is read on, and not again when it comes back under another name."""
    case.write(100)
    pattern = str(case.folder / "a.log*")
    with case.follow(pattern):
        case.idle()
        away = case.folder / "b.txt"
        case.log.rename(away)
        case.write(10, away)
        case.idle()
        away.rename(case.rotated(1))
        polls()
        case.write(10)
        case.idle()
    case.check()
    assert os.path.getsize(case.rotated(1)) > 0


def test_r8_a_file_that_was_stopped_for_long_is_still_read(case: Case, tmp_path: Path) -> None:
    """However long the process was frozen."""
    case.write(10)
    with case.follow() as follower:
        case.idle()
        with follower.stopped(at_least_s=UNWATCHED_S):
            case.write(100)
            case.log.unlink()
            case.write(100)
        case.idle()
    case.check()
