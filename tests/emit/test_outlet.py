"""Standard output and error as pipes that are read slowly, late or never."""

import fcntl
import gzip
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

import pytest

from logpipe import Logging, get_logger

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
CAPACITY = 4 * 4096


class Pipe:
    """A small pipe in the place of a standard stream, and its reader."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, CAPACITY)
        self.stream: TextIO = open(self.writer, "w", encoding=encoding)  # noqa: SIM115 - the fixture closes it
        self.data = b""

    def read(self) -> bytes:
        """What is there."""
        while select.select([self.reader], [], [], 0)[0] and (data := os.read(self.reader, 1 << 16)):
            self.data += data
        return self.data

    def read_on(self) -> threading.Thread:
        """Reads until the stream is closed."""

        def read() -> None:
            while data := os.read(self.reader, 1000):
                self.data += data

        thread = threading.Thread(target=read)
        thread.start()
        return thread

    @property
    def messages(self) -> list[str]:
        """Of the lines that were read, which are whole."""
        assert self.data == b"" or self.data.endswith(b"\n")
        return [json.loads(line)["message"] for line in self.data.splitlines()]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pipe]]:
    """Puts a pipe in the place of a standard stream; called by the test itself, since pytest replaces them too."""
    pipes = []

    def put(name: Literal["stdout", "stderr"] = "stdout", encoding: str = "utf-8") -> Pipe:
        pipes.append(Pipe(encoding))
        monkeypatch.setattr(sys, name, pipes[-1].stream)
        return pipes[-1]

    yield put
    for pipe in pipes:
        pipe.read()
        pipe.stream.close()
        os.close(pipe.reader)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for."""
    monkeypatch.setattr("logpipe.emit.outlet._WAIT_MS", 0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader is waited for as long as it may take on a busy machine."""
    monkeypatch.setattr("logpipe.emit.outlet._WAIT_MS", 60_000)


@pytest.fixture
def when_waiting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something done whenever a reader begins to be waited for, in services that are started then."""

    def put(act: Callable[[], object]) -> None:
        class Poll:
            def __init__(self) -> None:
                self.real = real()
                self.register = self.real.register

            def poll(self, wait_ms: int) -> list[tuple[int, int]]:
                if wait_ms:
                    act()
                return self.real.poll(wait_ms)

        real = select.poll
        monkeypatch.setattr(select, "poll", Poll)

    return put


@pytest.fixture(params=["no wait", "poll"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without a write that does not wait."""
    if request.param == "poll":
        monkeypatch.delattr(os, "RWF_NOWAIT", raising=False)


def test_what_was_not_shown_is_told_once_somebody_reads(
    start: Start, written: Written, pipe: Callable[..., Pipe], hasty: None, system: None
) -> None:
    """On the console and in the file; the lines that were shown are whole, and the first ones."""
    screen = pipe()
    start(console="json", host="here")
    for number in range(100):
        get_logger().info("record %d", number)
    screen.read()
    shown = len(screen.messages)
    assert 0 < shown < 100
    assert screen.messages == [f"record {number}" for number in range(shown)]
    get_logger().info("again")
    screen.read()
    told = f"{100 - shown} lines were not shown on the console: nobody read"
    assert screen.messages[shown:] == ["again", told]
    assert [record["message"] for record in written("app")] == [f"record {n}" for n in range(100)] + ["again", told]
    assert written("app")[-1]["event"] == "logpipe.console_dropped"
    assert written("app")[-1]["count"] == 100 - shown


def test_the_end_tells_the_file_what_was_not_shown(
    start: Start, written: Written, pipe: Callable[..., Pipe], hasty: None
) -> None:
    """Once, though nobody reads still."""
    screen = pipe()
    logging = start(console="json")
    for number in range(100):
        get_logger().info("record %d", number)
    logging.close()
    screen.read()
    assert [record.get("count") for record in written("app")][100:] == [100 - len(screen.messages)]


def test_a_reader_that_is_slow_gets_it_all(start: Start, pipe: Callable[..., Pipe], system: None) -> None:
    """Lines of more than the pipe holds, too."""
    screen = pipe()
    thread = screen.read_on()
    logging = start(console="json")
    messages = [str(number) * 1000 for number in range(30)]
    for message in messages:
        get_logger().info(message)
    logging.close()
    screen.stream.close()
    thread.join()
    assert screen.messages == messages


def test_a_line_that_was_begun_is_ended_before_any_other(start: Start, pipe: Callable[..., Pipe], system: None) -> None:
    """Those that come while its rest waits are dropped; the end of the service waits for a reader who reads."""
    screen = pipe()
    logging = start(console="json")
    get_logger().info("x" * 3 * CAPACITY)
    get_logger().info("dropped")
    assert len(screen.read()) == CAPACITY
    get_logger().info("dropped")
    assert len(screen.read()) == 2 * CAPACITY
    thread = screen.read_on()
    logging.close()
    screen.stream.close()
    thread.join()
    assert screen.messages[0] == "x" * 3 * CAPACITY
    assert all(message.endswith("not shown on the console: nobody read") for message in screen.messages[1:])


def test_lines_of_threads_do_not_mix(start: Start, pipe: Callable[..., Pipe], system: None) -> None:
    """Each is whole, long ones too, and those of one thread are in order."""
    screen = pipe()
    reader = screen.read_on()
    logging = start(console="json")

    def log_on(name: str) -> None:
        for number in range(20):
            get_logger().info("%s%d %s", name, number, "x" * 300 * number)

    threads = [threading.Thread(target=log_on, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logging.close()
    screen.stream.close()
    reader.join()
    words = [message.split()[0] for message in screen.messages]
    for name in "abc":
        assert [word for word in words if word[0] == name] == [f"{name}{number}" for number in range(20)]
    assert len(words) == 60


def test_what_the_application_prints_stays_in_its_place(start: Start, pipe: Callable[..., Pipe]) -> None:
    """Though Python holds it back, as in any pipe."""
    screen = pipe()
    start(console="json")
    sys.stdout.write("before\n")
    get_logger().info("between")
    sys.stdout.write("after\n")
    get_logger().info("at last")
    first, second, third, fourth = screen.read().splitlines()
    assert (first, third) == (b"before", b"after")
    assert [json.loads(line)["message"] for line in (second, fourth)] == ["between", "at last"]


def test_prints_that_nobody_reads_do_not_make_the_logger_wait(
    start: Start, written: Written, pipe: Callable[..., Pipe], hasty: None
) -> None:
    """They stay in Python's buffer."""
    screen = pipe()
    start(console="json")
    os.write(screen.writer, b"x" * CAPACITY)
    sys.stdout.write("held back\n")
    get_logger().info("hello")
    assert [record["message"] for record in written("app")] == ["hello"]


def alarm() -> None:
    """Has a signal come soon, and again until it is handled: one that comes just before a wait does not end it."""
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)


def test_a_signal_handler_may_log_while_a_reader_is_waited_for(
    start: Start, pipe: Callable[..., Pipe], patient: None, when_waiting: Callable[[Callable[[], object]], None]
) -> None:
    """Both lines are shown, in order, if there is room then."""
    when_waiting(alarm)
    screen = pipe()
    start(console="json")
    os.write(screen.writer, b"{}" * (CAPACITY // 2))

    def handle(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        get_logger().info("inner")
        screen.read()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        get_logger().info("outer")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    screen.data = screen.read()[CAPACITY:]
    assert screen.messages == ["outer", "inner"]


def test_a_signal_handler_may_raise_while_a_reader_is_waited_for(
    start: Start, pipe: Callable[..., Pipe], patient: None, when_waiting: Callable[[Callable[[], object]], None]
) -> None:
    """The application gets the exception; the line comes before the next one."""
    when_waiting(alarm)
    screen = pipe()
    start(console="json")
    os.write(screen.writer, b"x" * CAPACITY)

    def handle(*_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with pytest.raises(KeyboardInterrupt):
            get_logger().info("interrupted")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    screen.read()
    get_logger().info("next")
    screen.data = screen.read()[CAPACITY:]
    assert screen.messages == ["interrupted", "next"]


def test_a_child_that_is_forked_while_a_thread_waits_goes_on(
    start: Start,
    pipe: Callable[..., Pipe],
    alone: Callable[[], None],
    forked: Callable[[Callable[[], object]], int],
    when_waiting: Callable[[Callable[[], object]], None],
) -> None:
    """The lock and the wait are the parent's."""
    alone()
    waiting = threading.Event()
    when_waiting(waiting.set)
    screen = pipe()
    start(console="json")
    os.write(screen.writer, b"x" * CAPACITY)
    waits = threading.Thread(target=get_logger().info, args=("parent",))
    waits.start()
    assert waiting.wait(30)
    forked(lambda: get_logger().info("child"))
    waits.join()


def test_a_reader_that_is_gone_stops_nothing(start: Start, written: Written, pipe: Callable[..., Pipe]) -> None:
    """What it did not get is counted."""
    screen = pipe()
    logging = start(console="json")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, screen.reader)
    os.close(null)
    get_logger().info("hello")
    get_logger().info("again")
    logging.close()
    assert [record.get("count") for record in written("app")] == [None, None, 2]


def test_nothing_is_written_to_what_takes_the_number_of_a_closed_stream(
    start: Start, pipe: Callable[..., Pipe], tmp_path: Path, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the rest of a line either."""
    screen = pipe()
    stream = open(screen.writer, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it is closed in the middle
    monkeypatch.setattr(sys, "stdout", stream)
    start(console="json")
    get_logger().info("x" * 3 * CAPACITY)
    stream.close()
    with (tmp_path / "other").open("wb") as other:
        os.dup2(other.fileno(), screen.writer)  # at once: a number that is free may be taken by any thread
        get_logger().info("hello")
    assert (tmp_path / "other").read_bytes() == b""


def test_a_stream_that_compresses_is_written_as_such(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not past it into its file."""
    with gzip.open(tmp_path / "console.gz", "wt", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        start(console="json")
        get_logger().info("hello")
        monkeypatch.undo()
    with gzip.open(tmp_path / "console.gz") as shown:
        assert json.loads(shown.read())["message"] == "hello"


def test_encodings(start: Start, pipe: Callable[..., Pipe]) -> None:
    """JSON is UTF-8 whatever the locale says; text is what the stream can say."""
    screen, terminal = pipe("stdout", "ascii"), pipe("stderr", "ascii")
    start(console="json").close()
    logging = start(console="json")
    get_logger().info("hällo")
    assert "hällo" in screen.read().decode()
    logging.close()
    start(console="text")
    get_logger().info("hällo")
    assert b"h\\xe4llo" in terminal.read()


def test_notices_of_dropped_records_wait_for_nobody(
    start: Start, pipe: Callable[..., Pipe], tmp_path: Path, hasty: None
) -> None:
    """On a standard error that is full, where the files cannot be written; once it is read they are seen."""
    screen = pipe("stderr")
    os.write(screen.writer, b"x" * CAPACITY)
    (tmp_path / "file").touch()
    start(log_dir=tmp_path / "file").close()
    assert screen.read() == b"x" * CAPACITY
    start(log_dir=tmp_path / "file")
    get_logger().error("lost")
    assert b"\nlogpipe: 1 records dropped: " in screen.read()


SHARING = """
import sys
from logpipe import setup_logging, get_logger
logging = setup_logging(service="shop", log_dir=sys.argv[1], console="json", loguru=False)
for number in range(1000):
    get_logger().info("record %d", number)
logging.close()
"""


def test_processes_that_share_a_pipe_that_nobody_reads_all_end(tmp_path: Path) -> None:
    """None finds it writable and then waits because another was faster."""
    reader, writer = os.pipe()
    if not waits_for_nobody(writer):
        pytest.skip("the system's pipes have no writes that do not wait")
    processes = [subprocess.Popen([sys.executable, "-c", SHARING, tmp_path], stdout=writer) for _ in range(3)]
    os.close(writer)
    codes = [process.wait(timeout=60) for process in processes]
    with open(reader, "rb") as shown:
        assert all(isinstance(json.loads(line), dict) for line in shown)
    assert codes == [0, 0, 0]


def waits_for_nobody(writer: int) -> bool:
    """Whether this system can write to a pipe without waiting."""
    try:
        return bool(os.pwritev(writer, (b"{}\n",), -1, os.RWF_NOWAIT))
    except (AttributeError, OSError):
        return False
