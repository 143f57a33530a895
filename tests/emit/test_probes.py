"""Everything that may befall a service that logs, each by name.

| probe | test |
| --- | --- |
| four processes that rotate and compress | `test_processes_that_rotate_lose_tear_and_repeat_nothing` |
| kill -9 | `test_kill_9_loses_no_acknowledged_record` |
| fork while threads log | `test_a_forked_child_is_an_instance_of_its_own` |
| a full disk | test_append_file.py, and `test_a_disk_that_fills_while_files_rotate_is_accounted_for` |
| a sink that nobody reads | `test_a_fifo_in_the_place_of_a_file_…`, `test_a_console_that_nobody_reads_…` |
| signal handlers that log | test_append_file.py: `test_signal_handlers_may_log_at_any_moment` |
| the end of a process | test_shutdown.py |
| what logs while it is logged | test_values.py: `test_a_value_that_logs_itself_ends` |
| the same, of a console or a sink | `test_a_console_that_logs_…`, `test_a_sink_of_others_that_logs_ends` |
| hostile values | test_hostile.py |
| folders and files of other people's making | `test_a_folder_that_cannot_be_written_…` to `test_a_symbolic_link_…` |
| the clock | `test_a_clock_that_goes_back_…`, `test_a_clock_that_stands_…` |

Those marked long are for `make chaos-emit`.
"""

import gc
import gzip
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from logpipe import Logging, get_logger

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]

WRITER = """
import sys
from logpipe import setup_logging, get_logger
folder, max_bytes, records = sys.argv[1:]
logging = setup_logging(service="shop", log_dir=folder, console=False, max_bytes=max_bytes, keep_files=0, loguru=False)
log = get_logger("writer")
for number in range(int(records)):
    log.info("record %d", number, extra={"padding": "x" * (number % 200)})
logging.close()
"""

ACKNOWLEDGER = """
import os, sys
from logpipe import setup_logging, get_logger
setup_logging(service="shop", log_dir=sys.argv[1], console=False, max_bytes=262144, keep_files=0, loguru=False)
log = get_logger("writer")
number = 0
while True:
    number += 1
    log.info("record", extra={"number": number, "padding": "x" * (number % 7 * 2000)})
    os.write(1, b"%d\\n" % number)
"""


def start_process(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A process that logs."""
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


def contents(folder: Path) -> Iterator[bytes]:
    """The decompressed bytes of the app stream's files; of a file killed between gzip and unlink, once."""
    for path in folder.glob("app.*"):
        if path.suffix == ".gz":
            yield gzip.decompress(path.read_bytes())
        elif not path.with_name(f"{path.name}.gz").exists():
            yield path.read_bytes()


@pytest.mark.parametrize(
    ("runs", "records", "max_bytes"),
    [(1, 3000, 100_000), pytest.param(20, 50_000, 5_000_000, marks=pytest.mark.long)],
    ids=["short", "long"],
)
def test_processes_that_rotate_lose_tear_and_repeat_nothing(
    tmp_path: Path, runs: int, records: int, max_bytes: int
) -> None:
    """Four write one log; each instance's seq is whole, over live, rotated and gzipped files."""
    for run in range(runs):
        folder = tmp_path / str(run)
        processes = [start_process(WRITER, folder, max_bytes, records) for _ in range(4)]
        for process in processes:
            process.communicate()
            assert process.returncode == 0
        seqs: dict[str, list[int]] = {}
        for data in contents(folder / "shop"):
            assert data.endswith(b"\n")
            for line in data.splitlines():
                record = json.loads(line)
                seqs.setdefault(record["instance"], []).append(record["seq"])
        assert [sorted(numbers) == list(range(1, records + 1)) for numbers in seqs.values()] == [True] * 4
        rotated = [path for path in (folder / "shop").iterdir() if path.name.startswith("app.2")]
        assert len(rotated) > 10
        assert any(path.suffix == ".gz" for path in rotated)
        shutil.rmtree(folder)


@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.long)], ids=["short", "long"])
def test_kill_9_loses_no_acknowledged_record(tmp_path: Path, start: Start, kills: int) -> None:
    """Whatever the moment, a record whose call returned is there once; a half line is gone once the file is opened."""
    chance = random.Random(kills)
    for _ in range(kills):
        process = start_process(ACKNOWLEDGER, tmp_path)
        assert process.stdout
        wanted = chance.randrange(100, 1500)
        said = b""
        while said.count(b"\n") < wanted:
            more = os.read(process.stdout.fileno(), 1 << 16)
            assert more, "it has ended"
            said += more
        process.kill()
        said += process.stdout.read()
        process.wait()
        process.stdout.close()
        acknowledged = int(said[: said.rindex(b"\n")].rsplit(b"\n", 1)[-1])
        start(loguru=False, compress="none").close()
        numbers, torn = numbers_of(tmp_path / "shop")
        assert set(range(1, acknowledged + 1)) <= set(numbers)
        assert max(numbers) <= acknowledged + 1
        assert set(numbers.values()) == {1}
        assert torn == 0
        shutil.rmtree(tmp_path / "shop")


def numbers_of(folder: Path) -> tuple[Counter[int], int]:
    """How often each number was written, and how many lines are torn."""
    numbers: Counter[int] = Counter()
    torn = 0
    for data in contents(folder):
        for line in data.splitlines():
            try:
                numbers[json.loads(line)["number"]] += 1
            except ValueError:
                torn += 1
    return numbers, torn


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


@pytest.mark.parametrize("forks", [10, pytest.param(40, marks=pytest.mark.long)], ids=["short", "long"])
def test_a_forked_child_is_an_instance_of_its_own(
    shop: Logging, written: Written, alone: Callable[[], None], forks: int
) -> None:
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
        hanging = [child for child in [fork_and_log(10) for _ in range(forks)] if not ends_in_time(child)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert hanging == []
    records = [record for record in written("app") if record["message"] in ("child", "thread")]
    assert Counter(record["message"] for record in records)["child"] == 10 * forks
    assert len({record["instance"] for record in records}) == forks + 1
    assert max(Counter((record["instance"], record["seq"]) for record in records).values()) == 1
    assert all(record["process"] != os.getpid() for record in records if record["message"] == "child")


def test_a_disk_that_fills_while_files_rotate_is_accounted_for(
    start: Start, tmp_path: Path, alone: Callable[[], None]
) -> None:
    """Of 9,000 records on 2 MB, and 500 once there is room: found and counted as dropped are 9,500, and none torn."""
    alone()
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        logging = start(log_dir=disk, max_bytes=300_000, keep_files=0, loguru=False)
        chance = random.Random(4)
        for number in range(9_000):
            get_logger().info("%s", number, extra={"padding": chance.randbytes(200).hex()})
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        for number in range(500):
            get_logger().info("%s", number)
        logging.close()
        records = [json.loads(line) for data in contents(disk / "shop") for line in data.splitlines()]
        dropped = [record["count"] for record in records if record.get("event") == "logpipe.dropped"]
        seqs = Counter(record["seq"] for record in records)
        assert max(seqs.values()) == 1
        assert len(records) - len(dropped) + sum(dropped) == 9_500
        assert sum(dropped) > 1000
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def finishes(code: str, *arguments: object) -> subprocess.Popen[bytes] | None:
    """The process, where it ended by itself within a minute; its output is read by nobody until then."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    end = os.pidfd_open(process.pid)
    ended = bool(select.select([end], [], [], 60)[0])
    os.close(end)
    if ended:
        process.wait()
    else:
        process.kill()
        process.communicate()
    return process if ended else None


BLOCKED_FILE = """
import sys
from logpipe import setup_logging, get_logger
logging = setup_logging(service="shop", log_dir=sys.argv[1], console=False, loguru=False)
for number in range(3000):
    get_logger().info("record %d", number)
get_logger().error("one elsewhere")
logging.close()
"""


def test_a_fifo_in_the_place_of_a_file_stops_nobody(tmp_path: Path) -> None:
    """The application goes on, other streams are written, and what is lost is counted."""
    (tmp_path / "shop").mkdir()
    os.mkfifo(tmp_path / "shop" / "app.jsonl")
    process = finishes(BLOCKED_FILE, tmp_path)
    assert process is not None
    assert process.returncode == 0
    assert process.stderr
    assert b"records dropped" in process.stderr.read()
    process.communicate()
    assert json.loads((tmp_path / "shop" / "error.jsonl").read_bytes())["message"] == "one elsewhere"


BLOCKED_CONSOLE = """
import sys
from logpipe import setup_logging, get_logger
logging = setup_logging(service="shop", log_dir=sys.argv[1], console=sys.argv[2], loguru=False)
for number in range(3000):
    get_logger().info("record %d", number)
logging.close()
"""


@pytest.mark.parametrize("console", ["json", "text"])
def test_a_console_that_nobody_reads_stops_nobody(tmp_path: Path, console: str) -> None:
    """As a container's log driver that stands still: the files have it all."""
    process = finishes(BLOCKED_CONSOLE, tmp_path, console)
    assert process is not None
    shown = sum(output.count(b"\n") for output in process.communicate())
    *records, last = map(json.loads, (tmp_path / "shop" / "app.jsonl").read_bytes().splitlines())
    assert [record["message"] for record in records] == [f"record {number}" for number in range(3000)]
    assert last["event"] == "logpipe.console_dropped"
    assert last["count"] == 3000 - shown


class LoggingStream:
    """A standard output that logs what it is given, as some do that hand prints to `logging`."""

    def __init__(self) -> None:
        self.writes = 0

    def write(self, words: str) -> int:
        """Logs."""
        self.writes += 1
        get_logger().info("written: %s", words[:20])
        return len(words)

    def flush(self) -> None:
        """Nothing waits."""

    def isatty(self) -> bool:
        """No."""
        return False


def test_a_console_that_logs_what_it_is_given_ends(
    start: Start, written: Written, monkeypatch: pytest.MonkeyPatch, alone: Callable[[], None]
) -> None:
    """The records in between are written up to a limit, and past it counted."""
    alone()
    stream = LoggingStream()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        logging = start(console="json")
        get_logger().info("outer")
        logging.close()
    records = written("app")
    assert [record["message"] for record in records].count("outer") == 1
    assert len(records) < 100
    assert sum(record["count"] for record in records if record.get("event") == "logpipe.dropped") >= 1


def test_a_sink_of_others_that_logs_ends(start: Start, written: Written, alone: Callable[[], None]) -> None:
    """A sink of loguru's that logs by `logging`: a record of each."""
    alone()
    start()
    sink = logger.add(lambda message: get_logger().info("seen: %s", message.record["message"]))
    try:
        logger.info("outer")
    finally:
        logger.remove(sink)
    assert sorted(record["message"] for record in written("app")) == ["outer", "seen: outer"]


AS_NOBODY = """
import os, sys
import _strptime, logpipe.emit.installation  # another user may not be able to read the files
from logpipe import setup_logging, get_logger
folder, step = sys.argv[1:]
os.umask(0)
os.makedirs(folder + "/shop")
os.chown(folder + "/shop", 65534, 65534) if os.getuid() == 0 else None
os.chown(folder, 65534, 65534) if os.getuid() == 0 else None
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
if step == "before":
    os.chmod(folder + "/shop", 0o555)
settings = dict(service="shop", log_dir=folder, console=False, loguru=False, compress="none")
logging = setup_logging(**settings, max_bytes=4096)
for number in range(20):
    get_logger().info("early %d", number)
if step == "while":
    os.chmod(folder + "/shop", 0o555)
if step == "file":
    os.chmod(folder + "/shop/app.jsonl", 0o444)
    logging = setup_logging(**settings)  # opens it again
for number in range(50):
    get_logger().info("%s", "x" * 200)
os.chmod(folder + "/shop", 0o755)
if step == "file":
    os.chmod(folder + "/shop/app.jsonl", 0o644)
get_logger().info("late")
logging.close()
"""


@pytest.mark.parametrize("step", ["before", "while", "file"])
def test_a_folder_that_cannot_be_written_costs_only_counted_records(step: str) -> None:
    """From the start, or from some moment on, as a user that is not root; where rotation is refused, the file grows."""
    with tempfile.TemporaryDirectory() as name:  # those of pytest cannot be reached by another user
        folder = Path(name)
        folder.chmod(0o755)
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, name, step], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        records = [json.loads(line) for data in contents(folder / "shop") for line in data.splitlines()]
        dropped = [record["count"] for record in records if record.get("event") == "logpipe.dropped"]
        assert len(records) - len(dropped) + sum(dropped) == 71
        assert [record["message"] for record in records if record["message"] == "late"] == ["late"]
        assert bool(dropped) == ("records dropped: permission denied" in done.stderr) == (step != "while")


def test_a_directory_in_the_place_of_a_file_costs_only_counted_records(shop: Logging, written: Written) -> None:
    """Once it is gone the file comes back, and says what was lost."""
    shop.paths["app"].unlink()
    shop.paths["app"].mkdir()
    for _ in range(5):
        get_logger().info("lost")
    shop.paths["app"].rmdir()
    get_logger().info("found")
    shop.flush()
    records = written("app")
    assert [record["message"] for record in records if "event" not in record] == ["found"]
    assert sum(record["count"] for record in records if record.get("event") == "logpipe.dropped") == 5


def test_a_file_on_dev_full_costs_only_counted_records(shop: Logging, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no file, and is refused; the application goes on and standard error says why."""
    shop.paths["app"].unlink()
    shop.paths["app"].symlink_to("/dev/full")
    for _ in range(5):
        get_logger().info("lost")
    shop.paths["app"].unlink()
    get_logger().info("found")
    shop.flush()
    records = [json.loads(line) for line in shop.paths["app"].read_bytes().splitlines()]
    assert [record["message"] for record in records if "event" not in record] == ["found"]
    assert sum(record["count"] for record in records if record.get("event") == "logpipe.dropped") == 5
    assert "invalid argument" in capsys.readouterr().err


def test_a_symbolic_link_in_the_place_of_a_file_is_followed(start: Start, tmp_path: Path, written: Written) -> None:
    """Nothing is lost by rotation."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shop" / "app.jsonl").symlink_to(tmp_path / "elsewhere" / "log")
    logging = start(max_bytes=4096, keep_files=0)
    for _ in range(100):
        get_logger().info("record")
    logging.close()
    assert [record["seq"] for record in written("app")] == list(range(1, 101))


def test_a_folder_deleted_again_and_again_costs_what_lay_in_it(
    shop: Logging, written: Written, notice: Callable[[], None]
) -> None:
    """Each record a millisecond after a deletion is in a folder made anew, in the file of its stream."""
    for number in range(5):
        shutil.rmtree(shop.paths["app"].parent)
        notice()
        get_logger().info("app %d", number)
        get_logger().error("error %d", number)
    assert [record["message"] for record in written()] == ["app 4", "error 4"]


def test_a_clock_that_goes_back_rotates_no_more_than_one_that_does_not(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    """An hour back, and forth again: nothing is lost, and the file is rotated once for each hour's end at most."""
    now = 1_767_324_600.0  # 2026-01-02 03:30:00 UTC
    monkeypatch.setattr(time, "time", lambda: now)
    logging = start(rotate_every="hour", compress="none", keep_days=0, keep_files=0)
    for step in (0, -3600, 0, 3600, 0, -3600, 0):
        now += step
        for _ in range(10):
            get_logger().info("record")
    logging = start(rotate_every="hour", compress="none", keep_days=0, keep_files=0)  # as a process that starts then
    for _ in range(10):
        get_logger().info("record")
    logging.close()
    assert len(written("app")) == 80
    assert len(list((tmp_path / "shop").glob("app.2*"))) <= 2


def test_a_clock_that_stands_gives_rotated_files_names_of_their_own(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    """Rotations of one microsecond do not overwrite each other."""
    monkeypatch.setattr(time, "time", lambda: 1_767_324_600.0)
    logging = start(max_bytes=4096, keep_days=0, keep_files=0)
    for _ in range(200):
        get_logger().info("x" * 300)
    logging.close()
    assert [record["seq"] for record in written("app")] == list(range(1, 201))
    assert len(list((tmp_path / "shop").glob("app.2*"))) > 20
