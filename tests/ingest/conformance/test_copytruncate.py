"""C: copies and truncation in place."""

import contextlib
import os
import shutil

import pytest

from tests.ingest.conformance.harness import UNWATCHED_S, Case, polls, sized, until


def test_c1_all_read_before_it(case: Case) -> None:
    """The copy is not read again."""
    case.write(1000)
    with case.follow():
        case.idle()
        case.copytruncate()
        case.write(10)
        case.idle()
        polls()
    case.check()


def test_c2_the_unread_tail_is_in_the_copy(case: Case) -> None:
    case.write(10)
    with case.follow() as follower:
        case.idle()
        with follower.stopped(at_least_s=UNWATCHED_S):
            case.write(1000)
            case.copytruncate()
            case.write(10)
        case.idle()
    case.check()


def test_c3_grown_past_the_old_end(case: Case) -> None:
    """Before anybody looked."""
    case.write(100)
    with case.follow() as follower:
        case.idle()
        with follower.stopped(at_least_s=UNWATCHED_S):
            case.copytruncate()
            case.write(500)
        case.idle()
    case.check()


def test_c4_the_same_over_a_restart(case: Case) -> None:
    case.write(100)
    case.run()
    case.copytruncate()
    case.write(500)
    case.run()
    case.check()


def test_c5_a_poll_between_copy_and_truncation(case: Case) -> None:
    """Lines that only stood in the file after the copy and before any look at it are lost, and that is told."""
    case.write(100)
    with case.follow() as follower:
        case.idle()
        shutil.copyfile(case.log, case.rotated(1))
        until(lambda: case.ask("SELECT count(*) FROM sources"), [(2,)])
        offset = case.log.stat().st_size
        with follower.stopped(at_least_s=UNWATCHED_S):
            case.write(5)
            case.forget(range(100, 105))
            os.truncate(case.log, 0)
            case.write(5)
        case.idle()
        assert case.gaps() == [("a.log", offset, None, "overwritten")]
    case.check(gaps=1)


def test_c6_a_hole_of_a_stale_writer(case: Case) -> None:
    """Its lines come in, its NULs are skipped without being read, and memory stays small."""
    size = sized(1 << 30, 64 << 20)
    with case.log.open("wb", buffering=0) as writer, case.follow() as follower:
        writer.write(case.lines(3000))
        case.idle()
        before = follower.memory()
        shutil.copyfile(case.log, case.rotated(1))
        os.truncate(case.log, 0)
        writer.seek(size)
        writer.write(case.lines(10))
        case.idle()
        assert follower.memory() - before < 16 << 20
        [(reason, skipped)] = case.rejects()
        assert reason == "hole"
        assert size - 4096 <= int(str(skipped)) <= size  # up to the block that the first line stands in
    case.check(rejects=1)


def test_c7_rewritten_by_the_application(case: Case) -> None:
    """The new content is another file, and nothing comes twice; who watched, however busy the machine, tells no gap."""
    case.write(10)
    with case.follow(prelude="from logpipe.ingest import losses; losses._WATCHED_S = 60.0"):
        case.idle()
        polls()
        case.log.write_bytes(case.lines(100))
        case.idle()
    case.check()


def test_c8_the_copy_is_out_of_sight(case: Case) -> None:
    """What was not read is gone: a gap says from where on."""
    case.write(10)
    with case.follow() as follower:
        case.idle()
        offset = case.log.stat().st_size
        with follower.stopped(at_least_s=UNWATCHED_S):
            case.write(1000)
            case.forget(range(10, 1010))
            case.copytruncate(case.folder.parent / "copy")
            case.write(10)
        case.idle()
        follower.until_said("was overwritten")
        assert case.gaps() == [("a.log", offset, None, "overwritten")]
    case.check(gaps=1)


@pytest.mark.parametrize("left", [0.5, 0.5037])
@pytest.mark.parametrize("following", [True, False])
def test_c9_shrunk_but_not_to_nothing(case: Case, following: bool, left: float) -> None:
    """What was read is not read again, what is written now comes in, and the shrinking is told."""
    case.write(100)
    half = int(100 * left)
    size = len(b"".join(case.log.read_bytes().splitlines(keepends=True)[:half])) + (20 if left > 0.5 else 0)
    with case.follow() if following else contextlib.nullcontext():
        if following:
            case.idle()
        else:
            case.run()
        os.truncate(case.log, size)
        case.write(10)
        if following:
            case.idle(110 if left == 0.5 else 109)
        else:
            case.run()
    assert [gap[3] for gap in case.gaps()] == ["shrunk"]
    if left > 0.5:
        case.forget([100])  # glued to what is left of a line
    case.check(gaps=1, rejects=int(left > 0.5))
