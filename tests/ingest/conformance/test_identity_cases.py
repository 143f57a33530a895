"""I: which file is which."""

import os
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

from tests.ingest.conformance.harness import Case, append, polls, until
from tests.ingest.logs import line


def test_i2_two_live_logs_with_equal_content(case: Case) -> None:
    """Of different families: both are read, and each goes on by itself."""
    one, two = case.folder / "svc1.log", case.folder / "svc2.log"
    with case.follow():
        for path in (one, two):
            path.write_bytes(b"".join(line(number) for number in range(3)))
        until(lambda: case.ask("SELECT count(*) FROM events"), [(6,)])
        append(one, line(10))
        append(two, line(20))
        until(lambda: case.ask("SELECT count(*) FROM events"), [(8,)])
    assert case.stored() == [0, 0, 1, 1, 2, 2, 10, 20]


def test_i3_small_files(case: Case) -> None:
    """A line of twenty bytes comes in at once, and so does each that follows."""
    path = case.folder / "small.log"
    path.write_bytes(b'{"seq":0,"level":1}\n')
    with case.follow():
        until(lambda: case.ask("SELECT count(*) FROM events"), [(1,)])
        for number in range(1, 40):
            append(path, b'{"seq":%d,"level":1,"x":"%s"}\n' % (number, b"y" * 100))
            if number % 10 == 0:
                until(lambda: case.ask("SELECT count(*) FROM events"), [(number + 1,)])
        until(lambda: case.ask("SELECT count(*) FROM events"), [(40,)])


def test_i4_links(case: Case) -> None:
    """A file with three names is read once."""
    target = case.folder / "t.log"
    case.write(50, target)
    (case.folder / "l.log").symlink_to(target)
    os.link(target, case.folder / "h.log")
    with case.follow():
        case.idle()
        case.write(50, target)
        case.idle()
        polls()
    case.check()


def test_i5_a_link_that_is_led_elsewhere(case: Case) -> None:
    """Both the old target and the new one are read on."""
    first, second = case.folder.parent / "0.log", case.folder.parent / "1.log"
    current = case.folder / "cur.log"
    case.write(10, first)
    current.symlink_to(first)
    with case.follow():
        case.idle()
        case.write(10, second)
        (case.folder / "new").symlink_to(second)
        os.replace(case.folder / "new", current)
        case.write(10, first)
        case.write(10, second)
        case.idle()
    case.check()


def test_i5_a_link_to_the_log_of_the_day(case: Case) -> None:
    """In the same folder, it is led to another file each day, while both are written."""
    days = [case.folder / f"app-2026-03-1{day}.log" for day in range(3)]
    current = case.folder / "current.log"
    case.write(10, days[0])
    current.symlink_to(days[0].name)
    with case.follow():
        case.idle()
        for before, day in pairwise(days):
            case.write(10, day)
            (case.folder / "new").symlink_to(day.name)
            os.replace(case.folder / "new", current)
            case.write(10, before)
            case.write(10, day)
            case.idle()
    case.check()


def test_i6_another_device(case: Case) -> None:
    """After a reboot or a remount the same files have other numbers: nothing is read again."""
    case.write(100)
    case.run()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        moved = Path(other) / "logs"
        shutil.copytree(case.folder, moved, copy_function=shutil.copy2)
        assert moved.stat().st_dev != case.folder.stat().st_dev
        case.folder.rename(case.folder.with_name("before"))
        case.folder.symlink_to(moved)
        case.write(10)
        case.run()
        case.check()


def test_i7_replaced_at_one_stroke(case: Case) -> None:
    """An editor, or rsync: the same content and some more, in another file."""
    case.write(100)
    with case.follow():
        case.idle()
        new = case.folder.parent / "new"
        new.write_bytes(case.log.read_bytes() + case.lines(5))
        new.rename(case.log)
        case.idle()
        polls()
    case.check()


def test_i8_dates_and_old_logs(case: Case) -> None:
    """A new date brings nothing; a copy under the name of another log is another log."""
    case.write(20)
    with case.follow():
        case.idle()
        os.utime(case.log)
        polls()
        case.check()
        shutil.copy2(case.log, case.folder / "other.log")
        until(lambda: case.ask("SELECT count(*) FROM events"), [(40,)])
        polls()
    assert case.stored() == sorted([*range(20), *range(20)])
