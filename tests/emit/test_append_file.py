"""The files under what happens to them: many processes, kills, full disks, forks, signals, deleted folders."""

import fcntl
import gc
import json
import os
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logpipe import Logging, get_logger, log_business_event

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]

WRITER = """
import sys
from logpipe import setup_logging, get_logger
folder, max_bytes, records = sys.argv[1:]
setup_logging(service="shop", log_dir=folder, console=False, max_bytes=max_bytes, keep_files=0, loguru=False)
log = get_logger("writer")
for number in range(int(records)):
    log.info("record %d", number, extra={"padding": "x" * (number % 200)})
"""

ACKNOWLEDGER = """
import os, sys
from logpipe import setup_logging, get_logger
setup_logging(service="shop", log_dir=sys.argv[1], console=False, max_bytes=65536, keep_files=0, loguru=False)
log = get_logger("writer")
number = 0
while True:
    number += 1
    log.info("record", extra={"number": number, "padding": "x" * 200})
    os.write(1, b"%d\\n" % number)
"""


def start_writer(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A process that logs."""
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


def test_four_processes_that_rotate_lose_tear_and_repeat_nothing(tmp_path: Path, written: Written) -> None:
    """Each instance's seq is whole, over live, rotated and gzipped files."""
    processes = [start_writer(WRITER, tmp_path, 100_000, 3000) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    for process in processes:
        assert process.stdout
        process.stdout.close()
    records = written("app")
    seqs: dict[object, list[object]] = {}
    for record in records:
        seqs.setdefault(record["instance"], []).append(record["seq"])
    assert [numbers == list(range(1, 3001)) for numbers in seqs.values()] == [True] * 4
    rotated = [path for path in (tmp_path / "shop").iterdir() if path.name.startswith("app.2")]
    assert len(rotated) > 20
    assert any(path.suffix == ".gz" for path in rotated)


def test_kill_9_loses_no_acknowledged_record(tmp_path: Path) -> None:
    """Whatever the moment, a record whose call returned is there once; what tears is at most the one in flight."""
    chance = random.Random(9)
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        process = start_writer(ACKNOWLEDGER, folder)
        assert process.stdout
        wanted = chance.randrange(200, 1500)
        said = b""
        while said.count(b"\n") < wanted:
            said += os.read(process.stdout.fileno(), 1 << 16)
        process.kill()
        said += process.stdout.read()
        process.wait()
        process.stdout.close()
        acknowledged = int(said[: said.rindex(b"\n")].rsplit(b"\n", 1)[-1])
        numbers: Counter[int] = Counter()
        torn = 0
        for data in contents(folder / "shop"):
            for line in data.splitlines():
                try:
                    numbers[json.loads(line)["number"]] += 1
                except ValueError:
                    torn += 1
        assert set(range(1, acknowledged + 1)) <= set(numbers)
        assert max(numbers) <= acknowledged + 1
        assert set(numbers.values()) == {1}
        assert torn <= 1


def contents(folder: Path) -> Iterator[bytes]:
    """The decompressed bytes of the app stream's files; of a file killed between gzip and unlink, once."""
    import gzip

    for path in folder.glob("app.*"):
        if path.suffix == ".gz":
            yield gzip.decompress(path.read_bytes())
        elif not path.with_name(f"{path.name}.gz").exists():
            yield path.read_bytes()


def test_what_another_writer_left_torn_does_not_spoil_the_next_line(shop: Logging) -> None:
    """The torn line is ended and stays to be seen."""
    get_logger().info("first")
    with shop.paths["app"].open("ab") as file:
        file.write(b'{"torn":')
    get_logger().info("second")
    first, torn, second = shop.paths["app"].read_bytes().splitlines()
    assert (json.loads(first)["message"], torn, json.loads(second)["message"]) == ("first", b'{"torn":', "second")


def test_a_deleted_folder_comes_back(shop: Logging, written: Written) -> None:
    """With the next record."""
    get_logger().info("before")
    shutil.rmtree(shop.paths["app"].parent)
    get_logger().info("after")
    assert [record["message"] for record in written()] == ["after"]


def test_a_file_moved_by_others_is_left_alone(shop: Logging, written: Written) -> None:
    """An external logrotate works without a signal."""
    get_logger().info("before")
    aside = shop.paths["app"].rename(shop.paths["app"].with_name("aside"))
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
        assert 1 <= len(notices) <= 5
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


def fork_and_log(records: int) -> int:
    """A child that logs and ends without any clean-up."""
    child = os.fork()
    if child == 0:
        gc.disable()  # it would end databases of other tests, whose threads the child does not have
        for _ in range(records):
            get_logger().info("child")
        os._exit(0)
    return child


def ends_in_time(child: int) -> bool:
    """Whether the child ended by itself within half a minute; it is killed if not."""
    end = os.pidfd_open(child)
    ended = bool(select.select([end], [], [], 30)[0])
    os.close(end)
    if not ended:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ended


def test_a_forked_child_is_an_instance_of_its_own(shop: Logging, written: Written, alone: Callable[[], None]) -> None:
    """While threads log; no child hangs, and nothing of the parent's is written twice."""
    alone()  # a FileHandler of pytest's hangs in a child forked while a thread writes
    stop = threading.Event()

    def log_on() -> None:
        while not stop.is_set():
            get_logger().info("thread")

    threads = [threading.Thread(target=log_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        hanging = [child for child in [fork_and_log(5) for _ in range(10)] if not ends_in_time(child)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert hanging == []
    records = [record for record in written("app") if record["message"] in ("child", "thread")]
    assert Counter(record["message"] for record in records)["child"] == 50
    assert len({record["instance"] for record in records}) == 11
    assert max(Counter((record["instance"], record["seq"]) for record in records).values()) == 1
    assert all(record["process"] != os.getpid() for record in records if record["message"] == "child")


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


@pytest.mark.parametrize("step", ["fcntl.flock", "os.write"])
def test_an_exception_out_of_a_signal_handler_loses_no_record(
    shop: Logging, written: Written, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As Ctrl-C in the middle of a write: the record that it interrupted is in the file before the next one."""
    module, name = step.split(".")
    function = getattr({"os": os, "fcntl": fcntl}[module], name)
    with monkeypatch.context() as patch:

        def interrupted(*_: object) -> None:
            patch.setattr(step, function)
            raise KeyboardInterrupt

        patch.setattr(step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            get_logger().info("first")
    get_logger().info("second")
    assert [record["message"] for record in written("app")] == ["first", "second"]
    with monkeypatch.context() as patch:

        def interrupted_again(*_: object) -> None:
            patch.setattr(step, function)
            raise KeyboardInterrupt

        patch.setattr(step, interrupted_again)
        with pytest.raises(KeyboardInterrupt):
            get_logger().info("last")
    shop.close()
    assert [record["message"] for record in written("app")] == ["first", "second", "last"]


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


def test_files_rotate_when_the_period_ends(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    """By the clock of `time.time`, which also names the rotated file; a new process goes by the file's first record."""
    now = 1_767_322_790.0  # 2026-01-02 02:59:50 UTC
    monkeypatch.setattr(time, "time", lambda: now)
    start(rotate_every="hour", compress="none", keep_days=0)
    get_logger().info("one")
    now += 9
    get_logger().info("two")
    start(rotate_every="hour", compress="none", keep_days=0)
    now += 1
    get_logger().info("three")
    assert [record["timestamp"] for record in written("app") if record["message"] == "three"] == [
        "2026-01-02T03:00:00.000000Z"
    ]
    live, rotated = sorted((tmp_path / "shop").glob("app.*"), key=lambda path: -len(path.name))[::-1]
    assert live.read_text().count("\n") == 1
    assert rotated.name == f"app.20260102T030000.000000Z-{os.getpid()}.jsonl"
    assert rotated.read_text().count("\n") == 2
