"""Processes of the running command that start in milliseconds: a server that has loaded everything forks them.

What runs in them is the command itself, with its threads, its database and its signals; only the waits are short.
"""

import ctypes
import gc
import importlib
import json
import mmap
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb
import typer.main

from logpipe.cli.main import app, main
from logpipe.ingest.ingest import Ingester
from logpipe.store import Store

STAGES = ("begun", "filled", "committed")
"""Of a transaction."""

_LOADED_LATE = (
    *("logpipe.cli.interruption", "logpipe.cli.log_formats", "logpipe.cli.output", "logpipe.cli.own_log"),
    *("logpipe.cli.progress", "logpipe.cli.sizes", "logpipe.emit.json_file", "logpipe.emit.stdlib"),
    *("logpipe.ingest.formats.own", "logpipe.ingest.housekeeping", "logpipe.ingest.repair.reparse"),
    *("logpipe.ingest.stdin", "pyarrow.dataset", "pydantic", "pytz", "typer._adapters", "typer._click.decorators"),
)
"""What the command, and DuckDB at its first parameter, import when they need it."""

_PR_SET_PDEATHSIG = 1
_connect = duckdb.connect
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

    def start(self, arguments: Sequence[str], said: Path, prelude: str = "") -> "Fork":
        """`logpipe ARGUMENTS`, its output into `said`, once the statements of `prelude` were run there."""
        return Fork(self, self.ask("start", prelude, str(said), *arguments))

    def ask(self, *words: str) -> int:
        """See `serve`."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(words) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the server of processes has ended"
        return int(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


class Fork:
    """One of these processes, with what tests want of a `subprocess.Popen`."""

    def __init__(self, forks: Forks, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._forks = forks
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit code, negative the signal; None while it runs."""
        return self._end_within(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        code = self._end_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("logpipe", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """To one that has not ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def _end_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._handle], [], [], seconds)[0]:
            self.returncode = self._forks.ask("wait", str(self.pid))
            os.close(self._handle)
        return self.returncode


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
    """Do what the lines of standard input ask for, until it ends: start a process, or wait for its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _LOADED_LATE:
        importlib.import_module(name)
    duckdb.connect = _connect_trusting  # type: ignore[assignment] # called as `logpipe.store.engine` does
    command = typer.main.get_command(app)
    typer.main.get_command = lambda typer_instance: command
    gc.freeze()
    for request in sys.stdin:
        verb, *words = json.loads(request)
        if verb == "wait":
            _, status = os.waitpid(int(words[0]), 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                prelude, said, *arguments = words
                _run(prelude, Path(said), arguments)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _run(prelude: str, said: Path, arguments: list[str]) -> None:
    """The command, in a process of its own; never returns."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # whoever ends the test ends this
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.argv = ["logpipe", *arguments]
    code = 1
    try:
        exec(prelude, {})
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _connect_trusting(database: str, *, read_only: bool, config: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """As `duckdb.connect`, but without a look at signatures: those of Quack take longer than most cases do."""
    return _connect(database, read_only=read_only, config={**config, "allow_unsigned_extensions": True})


def tell(path: str) -> None:
    """Have this process tell its `Progress`."""
    progress = Progress(Path(path))
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
