"""Files that each process writes alone, under what happens to them."""

import fcntl
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe import Logging, get_logger, log_business_event
from logpipe.emit.own_file import OwnFile

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]

WRITER = """
import sys
from logpipe import setup_logging, get_logger
folder, records = sys.argv[1:]
setup_logging(service="shop", log_dir=folder, console=False, loguru=False,
    layout="per_process", max_bytes=100_000, keep_files=0)
log = get_logger("writer")
for number in range(int(records)):
    log.info("record %d", number, extra={"padding": "x" * (number % 200)})
print("done", flush=True)
sys.stdin.read()
"""


ACKNOWLEDGER = """
import os, sys
from logpipe import setup_logging, get_logger
setup_logging(service="shop", log_dir=sys.argv[1], console=False, max_bytes=65536, keep_files=0, loguru=False,
    layout="per_process")
number = 0
while True:
    number += 1
    get_logger().info("record", extra={"number": number, "padding": "x" * 200})
    os.write(1, b"%d\\n" % number)
"""


@pytest.fixture
def own(start: Start) -> Logging:
    """The service, with files of this process alone, which stay uncompressed."""
    return start(layout="per_process", compress="none", keep_files=0)


@pytest.fixture
def lost() -> list[tuple[bytes, OSError]]:
    """What a file says was lost."""
    return []


@pytest.fixture
def file(tmp_path: Path, lost: list[tuple[bytes, OSError]]) -> OwnFile:
    """A file without a service around it."""

    def lose(lines: object, error: OSError) -> None:
        assert isinstance(lines, tuple)
        lost.extend((line, error) for line in lines)

    return OwnFile(tmp_path / "app.jsonl", max_bytes=4096, period_s=0, lost=lose)


def live(folder: Path) -> list[Path]:
    """The files of the app stream that are written at present, or were by a process that ended."""
    return [path for path in (folder / "shop").glob("app.p*.jsonl") if path.name.count(".") == 2]


def rotated(folder: Path) -> list[Path]:
    """The files of the app stream with a final name."""
    return sorted(path for path in (folder / "shop").glob("app.p*") if path.name.count(".") > 2)


def start_writer(folder: Path, records: int) -> subprocess.Popen[str]:
    """A process that logs, says that it is done, and lives until its standard input ends."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", WRITER, folder, str(records)], stdin=pipe, stdout=pipe, text=True)


def wait_until_done(writer: subprocess.Popen[str]) -> None:
    """Waits until it has logged everything."""
    assert writer.stdout
    assert writer.stdout.readline() == "done\n"


def end(writer: subprocess.Popen[str]) -> None:
    """Lets it go, or picks it up where it was killed."""
    writer.communicate("")


def test_four_processes_lose_tear_and_repeat_nothing(tmp_path: Path, written: Written) -> None:
    """Each instance's seq is whole, over live, rotated and gzipped files, none of which has lines of two instances."""
    writers = [start_writer(tmp_path, 2000) for _ in range(4)]
    for writer in writers:
        wait_until_done(writer)
    assert len(live(tmp_path)) == 4
    for path in live(tmp_path):
        assert len({json.loads(line)["instance"] for line in path.read_bytes().splitlines()}) == 1
    for writer in writers:
        end(writer)
    seqs: dict[object, list[object]] = {}
    for record in written("app"):
        seqs.setdefault(record["instance"], []).append(record["seq"])
    assert [numbers == list(range(1, 2001)) for numbers in seqs.values()] == [True] * 4
    assert len(rotated(tmp_path)) > 12


def test_the_file_of_a_killed_process_becomes_final_and_that_of_a_living_one_does_not(
    tmp_path: Path, start: Start, written: Written
) -> None:
    """The next process to look after the folder sees by the lock which is which; no record of either is lost."""
    dead, living = start_writer(tmp_path, 20), start_writer(tmp_path, 30)
    wait_until_done(dead)
    wait_until_done(living)
    dead.kill()
    end(dead)
    deadline = time.monotonic() + 30
    while [path.suffix for path in rotated(tmp_path)] != [".gz"]:  # the living one may be at it, from its start
        assert time.monotonic() < deadline
        start(layout="per_process").close()
    assert [f".p{living.pid}-" in path.name for path in live(tmp_path)] == [True]
    assert [f".p{dead.pid}-" in path.name for path in rotated(tmp_path)] == [True]
    end(living)
    start(layout="per_process").close()
    assert live(tmp_path) == []
    assert len(written("app")) == 50


@pytest.mark.parametrize("half", [b'{"half', b"x" * 200_000])
def test_half_a_line_of_a_killed_process_is_taken_out(
    tmp_path: Path, start: Start, written: Written, half: bytes
) -> None:
    """A kill may come in the middle of a write; the lines before stay."""
    dead = start_writer(tmp_path, 20)
    wait_until_done(dead)
    dead.kill()
    end(dead)
    [path] = live(tmp_path)
    with path.open("ab") as file:
        file.write(half)
    start(layout="per_process").close()
    assert len(written("app")) == 20


def test_kill_9_loses_no_acknowledged_record(tmp_path: Path, start: Start, written: Written) -> None:
    """Whatever the moment; what others make of the files afterwards has each record once, compressed."""
    acknowledged: list[int] = []
    for wanted in (300, 701, 1102):
        command = [sys.executable, "-c", ACKNOWLEDGER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            said = b""
            while said.count(b"\n") < wanted:
                more = os.read(process.stdout.fileno(), 1 << 16)
                assert more, "it has ended"
                said += more
            process.kill()
            said += process.stdout.read()
        acknowledged.append(said.count(b"\n"))
    start(layout="per_process", keep_files=0).close()
    assert {path.suffix for path in (tmp_path / "shop").glob("app.*")} == {".gz"}
    numbers: dict[object, list[object]] = {}
    for record in written("app"):
        numbers.setdefault(record["process"], []).append(record["number"])
    counts = sorted(len(of_one) for of_one in numbers.values())
    assert all(of_one == list(range(1, len(of_one) + 1)) for of_one in numbers.values())
    assert all(0 <= count - said <= 1 for count, said in zip(counts, sorted(acknowledged), strict=True))


def test_the_lock_of_a_process_does_not_outlive_it_in_a_child(tmp_path: Path, start: Start) -> None:
    """A forked child that never logs lets go of what it inherited."""
    code = WRITER.replace("print(", "import os\nif os.fork() == 0:\n    sys.stdin.read()\n    os._exit(0)\nprint(")
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code, str(tmp_path), "5"]
    parent = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    wait_until_done(parent)
    parent.kill()
    parent.wait()
    try:
        deadline = time.monotonic() + 20
        while live(tmp_path) and time.monotonic() < deadline:  # the child may not have run since it was forked
            start(layout="per_process").close()
        assert live(tmp_path) == []
        assert len(rotated(tmp_path)) == 1
    finally:
        end(parent)


def test_a_forked_child_writes_a_file_of_its_own(
    own: Logging, tmp_path: Path, written: Written, forked: Callable[[Callable[[], object]], int]
) -> None:
    """And the parent goes on in its own, still locked."""
    get_logger().info("parent")
    child = forked(lambda: get_logger().info("child"))
    get_logger().info("parent")
    assert sorted(f".p{child}-" in path.name for path in live(tmp_path)) == [False, True]
    assert own.paths["app"].read_bytes().count(b"\n") == 2
    assert Counter(record["message"] for record in written("app")) == {"parent": 2, "child": 1}


@pytest.mark.parametrize("removed", [True, False])
def test_a_file_that_is_taken_for_a_dead_process_s_while_it_is_made_is_left_to_who_took_it(
    file: OwnFile, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    """Between its making and its lock, when it is empty and not locked; the line goes to another."""
    flock, taken = fcntl.flock, file.path
    holder: list[int] = []

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        if removed:
            taken.unlink()
        else:
            holder.append(os.open(taken, os.O_RDWR))
            flock(holder[0], fcntl.LOCK_EX)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    file.append(b"one\n")
    assert file.path != taken
    assert file.path.read_bytes() == b"one\n"
    assert taken.exists() is not removed
    for descriptor in holder:
        os.close(descriptor)
    file.close()


def test_a_process_that_logs_nothing_leaves_no_file(start: Start, tmp_path: Path) -> None:
    """Only streams that have a record have a file."""
    start(layout="per_process").close()
    assert [path.name for path in (tmp_path / "shop").iterdir() if path.suffix != ".lock"] == []
    logging = start(layout="per_process")
    get_logger().info("first")
    assert [stream for stream, path in logging.paths.items() if path.exists()] == ["app"]


def test_an_empty_file_that_a_killed_process_left_is_removed(start: Start, tmp_path: Path) -> None:
    """It was killed between making the file and writing to it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "app.p1-abcdef.jsonl").touch()
    start(layout="per_process").close()
    assert live(tmp_path) == rotated(tmp_path) == []


def test_a_closed_service_leaves_its_files_final(start: Start, tmp_path: Path, written: Written) -> None:
    """They are compressed at once, and named by the time of their last line; what is logged later gets a new file."""
    logging = start(layout="per_process")
    get_logger().info("first")
    last = logging.paths["app"].stat().st_mtime
    logging.close()
    [final] = rotated(tmp_path)
    assert time.strftime("%Y%m%dT%H%M%S", time.gmtime(last)) in final.name
    assert final.suffix == ".gz"
    assert [record["message"] for record in written("app")] == ["first"]


def test_files_rotate_by_size(start: Start, tmp_path: Path, written: Written) -> None:
    """None is larger than it may be; all but the last have a final name."""
    start(layout="per_process", compress="none", max_bytes=4096, keep_files=0)
    for number in range(50):
        get_logger().info("record %d", number, extra={"padding": "x" * 700})
    assert [record["message"] for record in written("app")] == [f"record {number}" for number in range(50)]
    assert len(live(tmp_path)) == 1
    assert len(rotated(tmp_path)) >= 10
    assert all(path.stat().st_size <= 4096 for path in rotated(tmp_path))


def test_files_rotate_when_the_period_ends(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of `time.time`, which also names the rotated file."""
    now = 1_767_322_790.0  # 2026-01-02 02:59:50 UTC
    monkeypatch.setattr(time, "time", lambda: now)
    start(layout="per_process", rotate_every="hour", compress="none", keep_days=0)
    get_logger().info("one")
    now += 9
    get_logger().info("two")
    assert rotated(tmp_path) == []
    now += 1
    get_logger().info("three")
    [final] = rotated(tmp_path)
    assert final.name.endswith(f".20260102T030000.000000Z-{os.getpid()}.jsonl")
    assert final.read_text().count("\n") == 2


def test_append_tells_of_a_rotation(file: OwnFile) -> None:
    """Once."""
    line = b"x" * 2999 + b"\n"
    assert [file.append(line) for _ in range(3)] == [False, True, True]
    assert [file.append(b"y\n") for _ in range(2)] == [False, False]
    file.close()


def test_a_deleted_folder_comes_back(own: Logging, written: Written) -> None:
    """With the next record."""
    get_logger().info("before")
    shutil.rmtree(own.paths["app"].parent)
    get_logger().info("after")
    assert [record["message"] for record in written()] == ["after"]


def test_a_file_moved_by_others_is_left_alone(own: Logging, written: Written) -> None:
    """The next record goes to a new one."""
    get_logger().info("before")
    aside = own.paths["app"].rename(own.paths["app"].with_name("aside"))
    get_logger().info("after")
    assert [record["message"] for record in written("app")] == ["after"]
    assert aside.read_bytes().count(b"\n") == 1


def test_a_file_that_others_took_is_not_written_to(file: OwnFile, tmp_path: Path) -> None:
    """A process that has its name already, say of another machine, keeps it."""
    file.path.write_bytes(b"theirs\n")
    theirs = file.path
    file.append(b"ours\n")
    assert theirs.read_bytes() == b"theirs\n"
    assert file.path.read_bytes() == b"ours\n"
    file.close()


def test_a_file_removed_by_another_machine_is_begun_anew(
    file: OwnFile, lost: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system tells it by ESTALE, at the write; the line that met it is not lost."""
    file.append(b"one\n")
    write = os.write

    def stale(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "write", stale)
    file.append(b"two\n")
    assert file.path.read_bytes() == b"two\n"
    assert lost == []
    file.close()


def test_a_file_system_without_locks_is_written_all_the_same(
    start: Start, tmp_path: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a file whose owner may live is left alone."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    start(layout="per_process")
    get_logger().info("first")
    start(layout="per_process").close()
    assert [record["message"] for record in written("app")] == ["first"]
    assert len(live(tmp_path)) == 1


def test_a_process_never_opens_its_own_file_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On NFS it might be granted the lock that it has already, and lose it by closing."""
    monkeypatch.setattr(fcntl, "flock", lambda descriptor, operation: None)
    logging = start(layout="per_process", max_bytes=4096, keep_files=0)
    path = logging.paths["app"]
    for _ in range(10):
        get_logger().info("x" * 700)
    deadline = time.monotonic() + 30
    while {file.suffix for file in rotated(tmp_path)} != {".gz"}:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
    assert live(tmp_path) == [path]
    assert logging.paths["app"] == path


def test_a_file_system_on_which_no_file_stays_costs_the_record_and_no_more(
    file: OwnFile, lost: list[tuple[bytes, OSError]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call returns, and says what was lost."""

    def refuse(*_: object) -> None:
        raise BlockingIOError

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        file.append(b"one\n")
    assert [line for line, _ in lost] == [b"one\n"]
    file.append(b"two\n")
    assert file.path.read_bytes() == b"two\n"
    file.close()


def test_a_signal_handler_may_close_the_file_that_it_interrupts(
    file: OwnFile, lost: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that is being written is not lost, nor written to another file that got the descriptor's number."""
    write = os.write

    def closing(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        file.close()
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", closing)
    file.append(b"one\n")
    assert file.path.read_bytes() == b"one\n"
    assert lost == []
    file.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """By `open`, as of any layout."""
    (tmp_path / "file").touch()
    file = OwnFile(tmp_path / "file" / "app.jsonl", max_bytes=4096, period_s=0, lost=lambda lines, error: None)
    with pytest.raises(OSError, match="file"):
        file.open()


LIMITED = """
import resource, sys, signal
from logpipe import setup_logging, get_logger
logging = setup_logging(service="shop", log_dir=sys.argv[1], console=False, loguru=False, layout="per_process")
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
for number in range(100):
    get_logger().info("%s", "x" * number)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
get_logger().info("there is room")
"""


def test_a_write_that_stops_in_the_middle_is_taken_back(tmp_path: Path, written: Written) -> None:
    """A full disk, or a limit, that cuts a line leaves whole lines; what was dropped is counted and reported."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "records dropped: file too large" in done.stderr
    records = written("app")
    plain = [record for record in records if "event" not in record]
    dropped = [record["count"] for record in records if record.get("event") == "logpipe.dropped"]
    assert len(plain) + sum(count for count in dropped if isinstance(count, int)) == 101
    assert 0 < len(plain) < 101
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_what_cannot_be_taken_back_ends_its_file(
    file: OwnFile, lost: list[tuple[bytes, OSError]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line follows a torn one."""
    file.append(b"one\n")
    torn, write = file.path, os.write

    def short(descriptor: int, data: bytes) -> int:
        if len(data) > 2:
            return write(descriptor, data[:2])
        raise OSError(28, "No space left on device")

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        patch.setattr(os, "ftruncate", refuse)
        file.append(b"two\n")
    file.append(b"three\n")
    assert [line for line, _ in lost] == [b"two\n"]
    assert torn.read_bytes() == b"one\ntw"
    assert file.path.read_bytes() == b"three\n"
    file.close()


def test_threads_lose_nothing(start: Start, written: Written) -> None:
    """Each thread's records are in its order, over all rotations."""
    logging = start(layout="per_process", max_bytes=65536, keep_files=0, compress="none")

    def log_on(name: int) -> None:
        for number in range(500):
            get_logger().info("record", extra={"of": name, "number": number})

    threads = [threading.Thread(target=log_on, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logging.close()
    for name in range(4):
        assert [record["number"] for record in written("app") if record["of"] == name] == list(range(500))


def test_signal_handlers_may_log_at_any_moment(start: Start, written: Written) -> None:
    """No deadlock and no loss, also in the middle of a write or a rotation."""
    logging = start(layout="per_process", max_bytes=65536, keep_files=0)
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
    logging.close()
    assert len(written("business")) == handled
    assert Counter(record["message"] for record in written("app")) == {"main": logged, "signalled": handled}


class Stop(BaseException):
    """What a signal handler raises, as KeyboardInterrupt."""


STEPS = ["os.open", "os.stat", "os.fstat", "os.write", "os.rename", "os.close", "os.ftruncate", "fcntl.flock"]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_an_exception_out_of_a_signal_handler_loses_and_repeats_no_line(
    file: OwnFile, lost: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str, before: bool
) -> None:
    """As Ctrl-C before, or just after, any system call, while writes are short and files are rotated."""
    module_name, name = step.split(".")
    module = {"os": os, "fcntl": fcntl}[module_name]
    function, write = getattr(module, name), os.write
    strikes = 0

    def interrupted(*arguments: object, **options: object) -> object:
        nonlocal strikes
        strikes += 1
        if strikes % 3 == 0 and before:
            raise Stop
        result = function(*arguments, **options)
        if strikes % 3 == 0:
            raise Stop
        return result

    stopped = 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:700]))
        if step == "os.write":
            function = os.write
        if step == "os.ftruncate":
            patch.setattr(os, "write", every_third_stops(os.write))
        patch.setattr(module, name, interrupted)
        for number in range(60):
            try:
                file.append(b"%06d%s\n" % (number, b"x" * 1000))
            except Stop:
                stopped += 1
    file.close()
    assert stopped > 0
    assert lost == []
    lines = [line for path in tmp_path.glob("app.*") for line in path.read_bytes().splitlines(keepends=True)]
    assert {len(line) for line in lines} == {1007}
    assert sorted(int(line[:6]) for line in lines) == list(range(60))


def every_third_stops(function: Callable[..., int]) -> Callable[..., int]:
    """The function, of which every third call is interrupted after it did its work."""
    calls = 0

    def call(*arguments: object) -> int:
        nonlocal calls
        calls += 1
        result = function(*arguments)
        if calls % 3 == 0:
            raise Stop
        return result

    return call


def test_exceptions_out_of_a_signal_handler_at_any_moment(file: OwnFile, lost: list[object], tmp_path: Path) -> None:
    """What `append` returned for is there, whole, and nothing is there twice."""
    stopped = number = 0
    returned = set()
    armed = False

    def stop(signal_number: int, frame: object) -> None:
        nonlocal armed
        if frame is not None and armed:
            armed = False  # once: the next timer may end while this one's exception is on its way out
            raise Stop

    previous = signal.signal(signal.SIGALRM, stop)
    chance = random.Random(4)
    end = time.monotonic() + 30
    try:
        while stopped < 200 and time.monotonic() < end:
            number += 1
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 1e-4))
                file.append(b"%06d%s\n" % (number, b"x" * 1000))
                armed = False
                returned.add(number)
            except Stop:
                stopped += 1
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    file.close()
    lines = [line for path in tmp_path.glob("app.*") for line in path.read_bytes().splitlines(keepends=True)]
    assert {len(line) for line in lines} == {1007}
    numbers = Counter(int(line[:6]) for line in lines)
    assert set(numbers.values()) == {1}
    assert returned <= set(numbers)
    assert lost == []
    assert stopped


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each file that was waited for, when it was."""
    sizes: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    return sizes


@pytest.mark.parametrize(("durability", "expected"), [("process", 0), ("errors", 2), ("disk", 4)])
@pytest.mark.parametrize("console", ["off", "text"])
def test_calls_wait_for_the_disk_as_durability_asks(
    start: Start, synced: list[int], durability: str, expected: int, console: str
) -> None:
    """As the table of docs/emit.md says; by the C and without it."""
    start(layout="per_process", durability=durability, console=console, level="DEBUG")
    log = get_logger("shop")
    for call in (log.debug, log.warning, log.error, log.critical):
        call("m")
    assert len(synced) == expected
    assert all(synced)


def test_a_file_that_is_rotated_is_waited_for_once_any_was(file: OwnFile, synced: list[int]) -> None:
    """Another thread may have written the last of its lines, and wait for the disk only then."""
    file.append(b"x" * 3000 + b"\n")
    assert file.append(b"y" * 3000 + b"\n")
    assert synced == []
    file.sync()
    assert file.append(b"z" * 2000 + b"\n")
    assert synced == [3001, 3001]


def test_a_rotated_file_that_is_not_on_the_disk_is_told_by_the_next_wait(
    file: OwnFile, lost: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is the one that asked for it; the line that rotated is not lost."""
    file.append(b"x" * 3000 + b"\n")
    file.sync()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda _: os.close(-1))
        file.append(b"y" * 3000 + b"\n")
    with pytest.raises(OSError, match="Bad file descriptor"):
        file.sync()
    file.sync()
    assert lost == []
    file.close()
