"""P: files that may not be read."""

import shutil

import pytest

from tests.ingest.conformance.harness import Case, polls

_RIGHTS = "-dac_override,-dac_read_search"
UNPRIVILEGED = ("setpriv", "--bounding-set", _RIGHTS, "--inh-caps", _RIGHTS)
"""Root without the right to read everything."""

pytestmark = pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")


def test_p1_lost_and_restored(case: Case) -> None:
    """An open file is read on; one that must be opened anew is told once, and read when it may be again."""
    case.write(10)
    late = case.folder / "late.log"
    case.write(10, late)
    late.chmod(0)
    with case.follow(wrapper=UNPRIVILEGED) as follower:
        follower.until_said("late.log: permission denied")
        case.idle(10)
        with case.log.open("ab", buffering=0) as file:
            case.log.chmod(0)
            file.write(case.lines(10))
            case.idle(20)
            case.log.chmod(0o644)
        polls(6)
        late.chmod(0o644)
        case.idle()
        assert len([said for said in follower.said if "late.log" in said]) == 1
    case.check()


def test_p2_one_folder_of_many(case: Case) -> None:
    """The others are read."""
    for number in range(10):
        (case.folder / f"d{number}").mkdir()
        case.write(5, case.folder / f"d{number}" / "a.log")
    case.forget(range(25, 30))
    (case.folder / "d5").chmod(0)
    try:
        assert "d5" in case.run_apart(code=1, wrapper=UNPRIVILEGED)
        case.check()
    finally:
        (case.folder / "d5").chmod(0o755)


def test_p3_a_folder_above_is_closed_for_a_while(case: Case) -> None:
    """What it has open is read on, and nothing ends; then all is found again."""
    above = case.folder / "outer"
    log = above / "inner" / "a.log"
    log.parent.mkdir(parents=True)
    case.write(10, log)
    with case.follow(log, wrapper=UNPRIVILEGED) as follower, log.open("ab", buffering=0) as file:
        case.idle()
        above.chmod(0)
        try:
            file.write(case.lines(10))
            case.idle()
            polls(6)
            assert follower.running
        finally:
            above.chmod(0o755)
        file.write(case.lines(10))
        case.idle()
    case.check()
