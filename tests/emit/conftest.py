"""A service that logs into a folder of its own, and what it wrote."""

import gc
import gzip
import json
import logging
import os
import select
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from logpipe import Logging, setup_logging

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.decompress, ".zst": zstd.decompress}

Record = dict[str, Any]  # a JSON object


@pytest.fixture(scope="session", autouse=True)
def folders_asked_for_once() -> Iterator[None]:
    """loguru asks Python where its libraries are, for each sink anew: half of the time that most tests here take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sysconfig, "get_path", cache(sysconfig.get_path))
        yield


@pytest.fixture(scope="package", autouse=True)
def no_variables() -> Iterator[None]:
    """The variables of whoever runs the tests do not matter."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in list(os.environ):
            if variable == "LOG_LEVEL" or variable.startswith("LOGPIPE_"):
                patch.delenv(variable)
        yield


@pytest.fixture(autouse=True)
def classes_of_loggers() -> Iterator[None]:
    """A logger lasts as long as the process: one of a test's own class would stay in the way of other tests."""
    kind, loggers = logging.getLoggerClass(), logging.Logger.manager.loggerDict
    before = {type(logger) for logger in loggers.values()} | {logging.PlaceHolder}
    yield
    logging.setLoggerClass(kind)
    for name in [name for name, logger in loggers.items() if type(logger) not in before]:
        del loggers[name]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Logging]]:
    """`setup_logging` for the service `shop`, without console, undone after the test."""
    started: list[Logging] = []

    def setup(**settings: Any) -> Logging:
        defaults: dict[str, Any] = {"service": "shop", "log_dir": tmp_path, "console": False}
        started.append(setup_logging(**(defaults | settings)))
        return started[-1]

    yield setup
    for installed in reversed(started):
        installed.close()


@pytest.fixture
def shop(start: Callable[..., Logging]) -> Logging:
    """The service, set up with the defaults."""
    return start(level="TRACE")


@pytest.fixture
def alone() -> Callable[[], None]:
    """Takes the handlers of pytest, which raise what formatting raises, off the root logger for the rest of a test."""

    def remove() -> None:
        root = logging.getLogger()
        for handler in root.handlers[:]:
            if type(handler).__module__.startswith("_pytest"):
                root.removeHandler(handler)

    return remove


@pytest.fixture
def forked() -> Callable[[Callable[[], object]], int]:
    """Makes a call in a child that is forked, and ends without any clean-up; gives its process id, once it ended."""

    def fork(call: Callable[[], object]) -> int:
        gc.disable()  # in the child it would end databases of other tests, whose threads the child does not have
        try:
            if not (child := os.fork()):
                status = 1
                try:
                    call()
                    status = 0
                finally:
                    os._exit(status)
        finally:
            gc.enable()
        assert end_of(child) == 0
        return child

    return fork


def end_of(child: int) -> int:
    """The exit code of a child that ends by itself within a minute; it is killed if not."""
    end = os.pidfd_open(child)
    ended = bool(select.select([end], [], [], 60)[0])
    os.close(end)
    if not ended:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def notice() -> Callable[[], None]:
    """Lets the millisecond pass in which a writer may miss what others did to its file."""

    def wait() -> None:
        until = time.monotonic() + 0.002
        while time.monotonic() < until:
            pass

    return wait


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., list[Record]]:
    """The records in the service's files, live and rotated, of one stream or of all, in the order of seq."""

    def read(stream: str = "*", service: str = "shop") -> list[Record]:
        records = []
        for path in (tmp_path / service).glob(f"{stream}.*"):
            if path.name.startswith(".") or any(path.with_name(path.name + suffix).exists() for suffix in DECOMPRESS):
                continue
            data = DECOMPRESS.get(path.suffix, bytes)(path.read_bytes())
            assert data == b"" or data.endswith(b"\n"), f"{path.name} ends in the middle of a line"
            records += [json.loads(line) for line in data.splitlines()]
        return sorted(records, key=lambda record: (record["instance"], record["seq"]))

    return read


@pytest.fixture
def example() -> Callable[[str], str]:
    """The first Python of a section of docs/emit.md."""
    document = (Path(__file__).parents[2] / "docs" / "emit.md").read_text()

    def find(section: str) -> str:
        _, rest = document.split(f"\n## {section}\n")
        return rest.split("```python\n")[1].split("```")[0]

    return find


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of a tree of its own, left as it was found."""
    logger = logging.getLogger("tests.beside.logger")
    yield logger
    logger.handlers.clear()
    logger.propagate, logger.disabled = True, False
    logger.setLevel(logging.NOTSET)
