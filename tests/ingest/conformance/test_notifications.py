"""N: file-system events that do not come."""

import os
import shutil
import subprocess

import pytest

from tests.ingest.conformance.harness import Case, sized

NO_EVENTS = "from watchdog.observers.inotify import InotifyEmitter\nInotifyEmitter.queue_events = lambda *_: None"
NAMESPACE = ("unshare", "-Ur", "sh", "-c", 'echo {0} > /proc/sys/user/max_inotify_watches; exec "$@"', "sh")


@pytest.mark.long
def test_n1_overflow(case: Case) -> None:
    """More events than the kernel keeps while the process is stopped."""
    (case.folder / "sub").mkdir()
    case.write(10)
    with case.follow() as follower:
        case.idle()
        with follower.stopped():
            for number in range(20_000):
                (case.folder / "sub" / f"{number}.log").touch()
            for number in range(sized(100, 10)):
                case.write(2, case.folder / "sub" / f"{number * 199}.log")
            case.write(10)
        case.idle()
    case.check()


@pytest.mark.skipif(
    subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode != 0, reason="needs user namespaces"
)
@pytest.mark.parametrize("watches", [0, 10])
def test_n2_no_watches_left(case: Case, watches: int) -> None:
    """It starts, says so, be it of all folders or of some, and finds everything by looking."""
    for number in range(50):
        (case.folder / f"d{number}").mkdir()
    with case.follow(wrapper=[word.format(watches) for word in NAMESPACE]) as follower:
        follower.until_said("no file-system events" if watches == 0 else "no inotify watches left")
        for number in range(0, 50, 7):
            case.write(5, case.folder / f"d{number}" / "x.log")
        case.idle()
    case.check()


def test_n3_a_folder_made_anew(case: Case) -> None:
    """Removed and made again, and moved away and made again."""
    folder = case.folder / "d"
    folder.mkdir()
    case.write(5, folder / "x.log")
    with case.follow(folder):
        case.idle()
        shutil.rmtree(folder)
        folder.mkdir()
        case.write(5, folder / "y.log")
        case.idle()
        folder.rename(case.folder / "d2")
        folder.mkdir()
        case.write(5, folder / "z.log")
        case.idle()
    case.check()


def test_n4_new_folders_within_new_folders(case: Case) -> None:
    """With a file in them before anybody could watch."""
    with case.follow():
        for number in range(sized(100, 10)):
            deep = case.folder / str(number) / "y" / "z"
            deep.mkdir(parents=True)
            case.write(1, deep / "a.log")
        case.idle()
    case.check()


@pytest.mark.parametrize("how", ["option", "silent"])
def test_n5_no_events_at_all(case: Case, how: str) -> None:
    """By choice, or on a file system that gives none: rotation, truncation and new files are found all the same."""
    options = ("--no-notifications",) if how == "option" else ()
    case.write(50)
    with case.follow(options=options, prelude="" if how == "option" else NO_EVENTS):
        case.idle()
        case.write(50)
        case.shift()
        case.write(50)
        case.idle()
        case.copytruncate(case.rotated(2))
        case.write(10)
        case.idle()
        case.write(10, case.folder / "new.log")
        case.idle()
    case.check()
    assert os.path.exists(case.database)
