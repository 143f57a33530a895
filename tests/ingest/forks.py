"""Processes of the running command that start in milliseconds: a server that has loaded everything forks them.

What runs in them is the command itself, with its threads, its database and its signals; only the waits are short.
"""

import ctypes
import importlib
import mmap
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb

from logpipe.cli.main import main
from logpipe.ingest import follow
from logpipe.ingest.ingest import Ingester
from logpipe.store import Store

STAGES = ("begun", "filled", "committed")
"""Of a transaction."""

_LOADED_LATE = (
    *("logpipe.cli.interruption", "logpipe.cli.log_formats", "logpipe.cli.output", "logpipe.cli.own_log"),
    *("logpipe.cli.progress", "logpipe.emit.stdlib", "logpipe.ingest.formats.own", "logpipe.ingest.housekeeping"),
    *("logpipe.ingest.stdin", "pandas", "pyarrow.dataset", "pydantic", "pytz", "typer._adapters"),
)
"""What the command, and DuckDB at its first parameter, import when they need it."""

_PR_SET_PDEATHSIG = 1
_SERVER = "from tests.ingest.forks import serve; serve()"
_ROOT = Path(__file__).parents[2]


class Forks:
    """A server of processes, for as long as the block runs."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # a process with threads is not to fork
        )

    def start(self, progress: Path, said: Path, arguments: Sequence[str]) -> int:
        """`logpipe ARGUMENTS`, its output into `said`; gives the process id. See `serve` for `progress`."""
        return int(self._ask("start", str(progress), str(said), *arguments))

    def wait(self, pid: int) -> int:
        """The exit code, once the process has ended; negative the signal."""
        return int(self._ask("wait", str(pid)))

    def ended(self, pid: int) -> bool:
        """Whether a process that nobody waited for has ended."""
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    def _ask(self, *words: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write("\0".join(words) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the server of processes has ended"
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


class Progress:
    """What a process and its test tell each other, in memory that both see."""

    BYTES = 24

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), self.BYTES)).cast("q")

    @classmethod
    def new(cls, path: Path) -> Self:
        path.write_bytes(bytes(cls.BYTES))
        return cls(path)

    @property
    def begun(self) -> int:
        """How many looks at the files have begun."""
        return self._words[0]

    @property
    def whole(self) -> int:
        """The number of the last look that came to its end and left nothing behind."""
        return self._words[1]

    def look(self, sweep: Callable[..., None], ingester: Ingester, *args: Any, **kwargs: Any) -> None:
        self._words[0] = number = self._words[0] + 1
        sweep(ingester, *args, **kwargs)
        if not ingester.behind:
            self._words[1] = number

    def die(self, stage: str) -> None:
        """To be told: end by SIGKILL when the next transaction has come so far."""
        self._words[2] = STAGES.index(stage) + 1

    def reach(self, stage: str) -> None:
        if self._words[2] == STAGES.index(stage) + 1:
            os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    """Fork what standard input asks for, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _LOADED_LATE:
        importlib.import_module(name)
    for request in sys.stdin:
        verb, *words = request.rstrip("\n").split("\0")
        if verb == "wait":
            _, status = os.waitpid(int(words[0]), 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                _run(Path(words[0]), Path(words[1]), words[2:])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _run(progress: Path, said: Path, arguments: list[str]) -> None:
    """The command, in a process of its own; never returns."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # whoever ends the test ends this
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    watched = Progress(progress)
    _hasten()
    _tell(watched)
    sys.argv = ["logpipe", "--debug", *arguments]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _hasten() -> None:
    follow.POLL_S, follow.GATHER_S, follow.LEAST_IDLE = 0.05, 0.01, 1
    follow.RETRY_S, follow.LONGEST_RETRY_S = 0.05, 0.2


def _tell(progress: Progress) -> None:
    sweep, transaction = Ingester.sweep, Store.transaction

    @contextmanager
    def told(store: Store, **how: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with transaction(store, **how) as connection:
            progress.reach("begun")
            yield connection
            progress.reach("filled")
        progress.reach("committed")

    Ingester.sweep = lambda ingester, *args, **kwargs: progress.look(sweep, ingester, *args, **kwargs)  # type: ignore[method-assign] # for the time of a test's process
    Store.transaction = told  # type: ignore[method-assign,assignment] # likewise
