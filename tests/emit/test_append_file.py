"""The files under what happens to them: many processes, kills, full disks, forks, signals, deleted folders."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from logpipe import Logging, get_logger, log_business_event
from logpipe.emit.files import stream_file

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]


def test_what_another_writer_left_torn_does_not_spoil_the_next_line(shop: Logging, notice: Callable[[], None]) -> None:
    """The torn line is ended and stays to be seen."""
    get_logger().info("first")
    with shop.paths["app"].open("ab") as file:
        file.write(b'{"torn":')
    notice()
    get_logger().info("second")
    first, torn, second = shop.paths["app"].read_bytes().splitlines()
    assert (json.loads(first)["message"], torn, json.loads(second)["message"]) == ("first", b'{"torn":', "second")


def test_a_deleted_folder_comes_back(shop: Logging, written: Written, notice: Callable[[], None]) -> None:
    """With the next record."""
    get_logger().info("before")
    shutil.rmtree(shop.paths["app"].parent)
    notice()
    get_logger().info("after")
    assert [record["message"] for record in written()] == ["after"]


def test_a_file_moved_by_others_is_left_alone(shop: Logging, written: Written, notice: Callable[[], None]) -> None:
    """An external logrotate works without a signal."""
    get_logger().info("before")
    aside = shop.paths["app"].rename(shop.paths["app"].with_name("aside"))
    notice()
    get_logger().info("after")
    assert [record["message"] for record in written("app")] == ["after"]
    assert aside.read_bytes().count(b"\n") == 1


def test_a_full_disk_costs_only_counted_records(
    start: Start, tmp_path: Path, written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    """No exception, no torn line, one notice a second, and an exact count in a record once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        begun = time.monotonic()
        logging = start(log_dir=disk, loguru=False)
        for _ in range(1000):
            get_logger().info("x" * 300)
        found = logging.paths["app"].read_bytes()
        assert found.endswith(b"\n")
        records = [json.loads(line) for line in found.splitlines()]
        assert 300 < len(records) < 1000
        shutil.copy(logging.paths["app"], tmp_path / "copy")
        logging.paths["app"].unlink()
        get_logger().info("there is room")
        logging.flush()
        after = [json.loads(line) for line in logging.paths["app"].read_bytes().splitlines()]
        assert after[0]["message"] == "there is room"
        dropped = [record for record in after if record.get("event") == "logpipe.dropped"]
        assert sum(record["count"] for record in dropped) == 1000 - len(records)
        assert all("no space left on device" in record["reason"] for record in dropped)
        notices = capsys.readouterr().err.splitlines()
        assert 1 <= len(notices) <= 2 + time.monotonic() - begun
        assert all("no space left on device" in notice for notice in notices)
        logging.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


LIMITED = """
import resource, sys, signal
from logpipe import setup_logging, get_logger
logging = setup_logging(service="shop", log_dir=sys.argv[1], console=False, loguru=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
for number in range(100):
    get_logger().info("%s", "x" * number)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
get_logger().info("there is room")
"""


def test_a_write_that_stops_in_the_middle_is_taken_back(tmp_path: Path, written: Written) -> None:
    """A limit that cuts a line leaves whole lines; what was dropped is reported, at the latest at the process's end."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "records dropped: file too large" in done.stderr
    records = written("app")
    plain = [record for record in records if "event" not in record]
    dropped = [record["count"] for record in records if record.get("event") == "logpipe.dropped"]
    assert len(plain) + sum(count for count in dropped if isinstance(count, int)) == 101
    assert 0 < len(plain) < 101
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_signal_handlers_may_log_at_any_moment(start: Start, written: Written) -> None:
    """No deadlock and no loss, also in the middle of a write or a rotation."""
    logging = start(max_bytes=65536, keep_files=0)
    handled = 0

    def handle(number: int, frame: object) -> None:
        nonlocal handled
        handled += 1
        log_business_event("signalled")
        get_logger().info("signalled")

    previous = signal.signal(signal.SIGALRM, handle)
    logged = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        while handled < 200:
            get_logger().info("main")
            logged += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    logging.close()  # waits for the compression, under which files change their names
    assert len(written("business")) == handled
    counts = Counter(record["message"] for record in written("app"))
    assert counts == {"main": logged, "signalled": handled}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python ignores it in some callbacks
def test_an_exception_out_of_a_signal_handler_loses_no_record(
    start: Start, written: Written, alone: Callable[[], None]
) -> None:
    """As Ctrl-C at any moment: a record whose call returned is there once, and one whose call did not at most once."""
    alone()  # an exception in the middle of a handler of pytest's leaves its lock held for ever
    logging = start(max_bytes=65536, keep_files=0)
    inside = False
    number = raised_at = 0

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal raised_at
        if inside and number > raised_at:  # once, and again where Python ignored it, in a callback of its collector
            raised_at = number
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    returned: list[int] = []
    for raised in range(100):
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + raised * 0.00001, 0.01)
        with suppress(KeyboardInterrupt):
            inside = True
            while True:
                number += 1
                get_logger().info("record", extra={"number": number})
                returned.append(number)
        inside = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)
    get_logger().info("after")
    logging.close()
    counts = Counter(record.get("number") for record in written("app"))
    assert counts.pop(None) == 1
    assert set(returned) <= set(counts)
    assert set(counts.values()) == {1}


def test_records_outlive_logging_shutdown(tmp_path: Path, written: Written) -> None:
    """What `atexit` callbacks and late threads log is written."""
    code = """
import atexit, sys
from logpipe import setup_logging, get_logger
atexit.register(lambda: get_logger().warning("late"))
setup_logging(service="shop", log_dir=sys.argv[1], console=False)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert [record["message"] for record in written()] == ["late"]


def test_a_file_of_an_earlier_period_is_rotated(start: Start, tmp_path: Path, written: Written) -> None:
    """It goes by the time of the file's first record, whoever wrote it."""
    live = tmp_path / "shop" / "app.jsonl"
    live.parent.mkdir()
    live.write_text('{"timestamp":"2026-01-02T02:59:59.000000Z","instance":"before","seq":1,"message":"old"}\n')
    start(rotate_every="hour", compress="none", keep_days=0)
    get_logger().info("one")
    get_logger().info("two")
    assert live.read_text().count("\n") == 2
    (rotated,) = live.parent.glob("app.2*.jsonl")
    assert rotated.read_text().count("\n") == 1


def test_a_file_rotates_when_its_period_ends(tmp_path: Path) -> None:
    """With the first line after it."""
    file = stream_file(tmp_path / "app.jsonl", max_bytes=1 << 20, period_s=1, layout="auto", lost=lambda *_: None)
    deadline = time.monotonic() + 10
    while not file.append(b'{"a":1}\n'):
        assert time.monotonic() < deadline
    file.close()
    (rotated,) = tmp_path.glob("app.2*.jsonl")
    assert (tmp_path / "app.jsonl").read_bytes() == b'{"a":1}\n'
    assert set(rotated.read_bytes().splitlines()) == {b'{"a":1}'}
