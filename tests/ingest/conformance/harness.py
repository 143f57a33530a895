"""The running command under test: real files, real processes, real signals, and the oracle.

Rows of a running `--follow` are seen by stopping the process for a moment and opening a copy of its database, which is
what a `kill -9` at that instant would leave.
"""

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import orjson

from logpipe.ingest.audit.verify import verify
from logpipe.store import Store
from tests.commands import call
from tests.ingest.forks import Fork, Forks
from tests.ingest.logs import line

SCALE = float(os.environ.get("LOGPIPE_CONFORMANCE_SCALE", "0.1"))
"""1 runs the heavy cases at full size: `make chaos`."""

DEADLINE_S = 60.0 if SCALE < 1 else 300.0

UNWATCHED_S = 2.5
"""A process stopped for longer cannot claim to have watched."""

Process = Fork | subprocess.Popen[bytes]

_HASTY = """
from logpipe.ingest import follow
from logpipe.ingest.files import ending, open_files
follow.POLL_S, follow.GATHER_S, follow.LONGEST_GATHER_S, follow.LEAST_IDLE = 0.2, 0.05, 0.05, 2
"""


class Case:
    """A folder of logs, a database beside it, and the command."""

    def __init__(self, folder: Path, forks: Forks) -> None:
        self.folder = folder / "logs"
        self.folder.mkdir()
        self.log = self.folder / "a.log"
        self.database = folder / "logs.duckdb"
        self.expected: list[int] = []
        self._copy = folder / "copy.duckdb"
        self._forks = forks
        self._next = self._starts = 0
        self._followers: list[Follower] = []
        self._answers: dict[str, tuple[object, list[tuple[object, ...]]]] = {}

    def lines(self, count: int) -> bytes:
        """New lines with numbers of their own, which the oracle expects."""
        numbers = range(self._next, self._next + count)
        self._next += count
        self.expected += numbers
        return b"".join(line(number) for number in numbers)

    def write(self, count: int, path: Path | None = None) -> None:
        """Append new lines."""
        with (path or self.log).open("ab") as file:
            file.write(self.lines(count))

    def forget(self, numbers: Iterable[int]) -> None:
        """These lines cannot be there."""
        gone = set(numbers)
        self.expected = [number for number in self.expected if number not in gone]

    def shift(self, keep: int = 9) -> None:
        """Rename a.log to a.log.1, that to a.log.2, and so on."""
        for number in reversed(range(1, keep)):
            if self.rotated(number).exists():
                self.rotated(number).rename(self.rotated(number + 1))
        self.log.rename(self.rotated(1))

    def rotated(self, number: int) -> Path:
        return self.log.with_name(f"{self.log.name}.{number}")

    def copytruncate(self, target: Path | None = None) -> None:
        shutil.copyfile(self.log, target or self.rotated(1))
        os.truncate(self.log, 0)

    def run(self, *paths: Path | str, code: int | None = 0) -> str:
        """`logpipe ingest` to its end, in this process; gives what it said."""
        done = call("ingest", *map(str, paths or (self.folder,)), "--db", str(self.database))
        assert code is None or done.returncode == code, done.stderr
        return done.stderr

    def run_apart(
        self, *paths: Path | str, prelude: str = "", wrapper: Sequence[str] = (), code: int | None = 0
    ) -> str:
        """`logpipe ingest` to its end, in a process of its own; gives what it said."""
        said = self._said()
        process = self.start(paths or (self.folder,), (), said, prelude, wrapper)
        process.wait(timeout=600)
        assert code is None or process.returncode == code, said.read_text()
        return said.read_text()

    @contextlib.contextmanager
    def follow(
        self, *paths: Path | str, options: Sequence[str] = (), prelude: str = "", wrapper: Sequence[str] = ()
    ) -> Iterator["Follower"]:
        """`logpipe ingest --follow` while the block runs, then SIGTERM; must end well, unless the block killed it."""
        said = self._said()
        process = self.start(paths or (self.folder,), ("--follow", *options), said, prelude, wrapper)
        follower = Follower(process, said)
        self._followers.append(follower)
        try:
            follower.until_said("following")
            yield follower
            follower.stop()
        finally:
            follower.kill()

    def start(
        self,
        paths: Sequence[Path | str],
        options: Sequence[str],
        said: Path | None = None,
        prelude: str = "",
        wrapper: Sequence[str] = (),
    ) -> Process:
        """A process with output into `said`: a fork, or, with a command before it, one that begins from nothing."""
        said = said or self._said()
        arguments = ["ingest", *map(str, paths), "--db", str(self.database), *options]
        prelude = _HASTY + prelude
        if not wrapper:
            return self._forks.start(arguments, said, prelude)
        code = f"{prelude}\nfrom logpipe.cli.main import main\nmain()"
        with said.open("wb") as output:
            return subprocess.Popen(
                [*wrapper, sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL, stderr=output
            )

    def _said(self) -> Path:
        self._starts += 1
        return self.folder.with_name(f"said{self._starts}")

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """What is in the database now, in a copy, if a process has it."""
        running = [follower for follower in self._followers if follower.running]
        with contextlib.ExitStack() as stack:
            for follower in running:
                stack.enter_context(follower.stopped())
            for suffix in ("", ".wal"):
                copy = self._copy.with_name(self._copy.name + suffix)
                copy.unlink(missing_ok=True)
                original = self.database.with_name(self.database.name + suffix)
                if original.exists():
                    shutil.copyfile(original, copy)
        with Store.open(self._copy) as store:
            yield store

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """The answer of the database as it is now; a database that has not changed is not asked again."""
        state = self._state()
        if self._answers.get(sql, (None, []))[0] != state:
            with self.store() as store:
                self._answers[sql] = (state, store.execute(sql))
        return self._answers[sql][1]

    def _state(self) -> list[tuple[int, int] | None]:
        return [_stamp(Path(f"{self.database}{suffix}")) for suffix in ("", ".wal")]

    def stored(self) -> list[int]:
        return [row[0] for row in self.ask("SELECT seq::BIGINT FROM events WHERE seq IS NOT NULL ORDER BY seq")]  # type: ignore[misc]

    def gaps(self) -> list[tuple[object, ...]]:
        """(file's name, from, to, reason) of what was lost."""
        return self.ask(
            "SELECT parse_filename(path), from_pos::BIGINT, to_pos::BIGINT, reason "
            "FROM gaps JOIN sources USING (source_id) ORDER BY ALL"
        )

    def rejects(self) -> list[tuple[object, ...]]:
        """(reason, bytes)"""
        return self.ask("SELECT reason, bytes::BIGINT FROM rejects ORDER BY source_id, source_pos")

    def idle(self, count: int | None = None) -> None:
        """Wait until everything expected has come in."""
        wanted = len(self.expected) if count is None else count
        until(lambda: self.ask("SELECT count(*) FROM events") if self.database.exists() else 0, [(wanted,)])

    def check(self, *, rejects: int = 0, gaps: int = 0) -> None:
        """The oracle: everything that was written is there, once, where the ledger says, and nothing else is."""
        with self.store() as store:
            rows = [row[0] for row in store.execute("SELECT seq::BIGINT FROM events WHERE seq IS NOT NULL")]
            stored = Counter(rows)
            assert sorted(set(self.expected) - set(stored)) == [], "lost"
            assert {number: times for number, times in stored.items() if times > 1} == {}, "repeated"
            assert sorted(set(stored) - set(self.expected)) == [], "from nowhere"
            assert store.execute("SELECT count(*) - count(DISTINCT (source_id, source_pos)) FROM events") == [(0,)]
            assert store.execute("SELECT count(*) FROM rejects") == [(rejects,)]
            lost = store.execute("FROM gaps")
            assert len(lost) == gaps, lost
            assert not verify(store).problems
            _check_positions(store)


class Follower:
    """A running `logpipe ingest --follow`."""

    def __init__(self, process: Process, said: Path) -> None:
        self.process = process
        self._said = said
        self._killed = False

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def said(self) -> list[str]:
        """The lines that it has written to standard error."""
        return self._said.read_text().splitlines() if self._said.exists() else []

    @contextlib.contextmanager
    def stopped(self, at_least_s: float = 0.0) -> Iterator[None]:
        """SIGSTOP while the block runs, and for a while."""
        until_then = time.monotonic() + at_least_s
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: _states(self.process.pid), {"T"})
        try:
            yield
            threading.Event().wait(max(0.0, until_then - time.monotonic()))
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM; ends within five seconds (a busy machine has more), with code 0."""
        self.process.send_signal(signal.SIGTERM)
        assert self._killed or self.process.wait(timeout=DEADLINE_S) == 0, self.said

    def kill(self) -> None:
        self._killed = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def until_said(self, pattern: str) -> str:
        """Wait for a line on standard error."""
        until(lambda: any(re.search(pattern, said) for said in self.said), True, lambda: str(self.said))
        return next(said for said in self.said if re.search(pattern, said))

    def fill_disk(self) -> None:
        """From now on its files cannot grow: a disk that is full for this process alone."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        """There is room again."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def open_files(self, below: Path) -> list[str]:
        """What the process has open below a folder."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        targets = []
        for descriptor in folder.iterdir():
            with contextlib.suppress(OSError):
                targets.append(os.readlink(descriptor))
        return [target for target in targets if target.startswith(str(below) + "/")]

    def processor_s(self) -> float:
        """How many seconds of a processor it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """The most memory that it has had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024  # type: ignore[index] # the kernel writes it


def append(path: Path, data: bytes) -> None:
    """Bytes behind those that a file has."""
    with path.open("ab") as file:
        file.write(data)


def until(ask: Callable[[], object], expected: object, explain: Callable[[], str] = str) -> None:
    """Ask again until the answer is as expected."""
    deadline = time.monotonic() + DEADLINE_S
    while (answer := ask()) != expected:
        assert time.monotonic() < deadline, f"still {answer}, expected {expected} {explain()}"
        threading.Event().wait(0.05)


def polls(number: int = 3) -> None:
    """Let some polls go by in which nothing happens: there is nothing to wait for."""
    threading.Event().wait(0.25 * number)


def sized(full: int, least: int) -> int:
    """The size of a heavy case."""
    return max(least, int(full * SCALE))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def _states(pid: int) -> set[str]:
    """Of all threads: one that is amid a system call, as of a slow disk, stops when that has come to its end."""
    states = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            states.add((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return states


def _check_positions(store: Store) -> None:
    """At the byte that an event names, its line stands, where the file still has that name and is not compressed."""
    rows = store.execute(
        "SELECT path, inode, source_pos::BIGINT, bytes::BIGINT, message FROM events JOIN sources USING (source_id) "
        "WHERE state = 'active' AND compression IS NULL AND message IS NOT NULL AND NOT contains(message, chr(65533)) "
        "USING SAMPLE 200"
    )
    for path, inode, position, length, message in rows:
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            if os.fstat(file.fileno()).st_ino != inode:
                continue
            file.seek(position)
            raw = file.read(length)
            assert message.encode() in raw or orjson.dumps(message)[1:-1] in raw, f"{path} at byte {position}"
