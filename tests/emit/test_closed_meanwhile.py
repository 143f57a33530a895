"""What is logged may close logging, or set it up anew, while it is put into words; so may any other thread."""

import gc
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from logpipe import Logging, structlog_bound_logger, structlog_processor

Written = Callable[..., list[dict[str, Any]]]

pytest.importorskip("logpipe.emit._native", reason="built without the extension")


class Closing:
    """A value whose text closes logging."""

    def __init__(self, installed: Logging) -> None:
        """Of these."""
        self.installed = installed

    def __str__(self) -> str:
        self.installed.close()
        gc.collect()
        return "closing"


@pytest.fixture
def structlog_as_it_was() -> Iterator[None]:
    """Each test configures structlog for itself."""
    yield
    structlog.reset_defaults()


def _bound(*before: Any) -> Any:
    structlog.configure(processors=[*before, structlog_processor], wrapper_class=structlog_bound_logger(10))
    return structlog.get_logger("shop").bind(order=7)


def test_a_value_may_close(alone: Callable[[], None], shop: Logging, written: Written) -> None:
    """Its record is written, and the next goes where it would go."""
    alone()
    log = logging.getLogger("shop.closing")
    log.info("before")  # logging keeps that it is enabled
    log.info("%s", Closing(shop))
    log.info("after")
    assert [record["message"] for record in written()] == ["before", "closing"]


def test_a_value_may_close_where_others_see_the_record(shop: Logging, written: Written) -> None:
    """A handler beside ours comes first, and closes."""

    class Closes(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            shop.close()
            gc.collect()

    log = logging.getLogger("shop.closed_by_handler")
    log.info("before")
    log.addHandler(Closes())
    log.info("one")
    assert [record["message"] for record in written()] == ["before"]


@pytest.mark.usefixtures("structlog_as_it_was")
def test_a_value_of_an_event_may_close(shop: Logging, written: Written) -> None:
    """Its record is written."""
    log = _bound()
    log.info("one", value=Closing(shop))
    log.info("after")
    assert [(record["message"], record["value"]) for record in written()] == [("one", "closing")]


@pytest.mark.usefixtures("structlog_as_it_was")
def test_a_processor_may_close(shop: Logging, written: Written) -> None:
    """Then nobody takes the event."""

    def close(_: object, __: str, event: Any) -> Any:
        shop.close()
        gc.collect()
        return event

    _bound(close).info("one")
    assert written() == []


@pytest.mark.usefixtures("structlog_as_it_was")
def test_a_processor_may_take_itself_out(shop: Logging, written: Written) -> None:
    """The list of processors is the one that structlog holds."""
    processors: list[Any] = []

    def leave(_: object, __: str, event: Any) -> Any:
        processors.remove(processors[0])
        gc.collect()
        return event

    processors += [leave, structlog_processor]
    del leave
    structlog.configure(processors=processors, wrapper_class=structlog_bound_logger(10))
    structlog.get_logger("shop").info("one")
    assert [record["message"] for record in written()] == ["one"]


@pytest.mark.parametrize("name", ["info", "error", "fatal"])
def test_a_call_may_be_looked_up_before_and_made_after(
    name: str, shop: Logging, caplog: pytest.LogCaptureFixture
) -> None:
    """As by a thread that evaluates arguments while another one closes: the call is then a plain logger's."""
    log = logging.getLogger("shop.looked_up")
    looked_up = getattr(type(log), name)
    assert looked_up is not getattr(logging.Logger, name)
    shop.close()
    caplog.set_level(logging.DEBUG)
    looked_up(log, "late")
    looked_up(logging.root, "later")
    assert caplog.messages == ["late", "later"]


THREADS = """
import logging, sys, threading
from logpipe import setup_logging, structlog_bound_logger, structlog_processor
import structlog

class Value:
    def __str__(self):
        return "".join(str(number) for number in range(200))

def say():
    while not over.is_set():
        log.info("%s", Value())
        bound.info("one", value=Value())

sys.setswitchinterval(1e-5)
over, log = threading.Event(), logging.getLogger("shop")
structlog.configure(processors=[structlog_processor], wrapper_class=structlog_bound_logger(10))
bound = structlog.get_logger("shop").bind(order=7)
threads = [threading.Thread(target=say) for _ in range(3)]
setup_logging(service="shop", log_dir=sys.argv[1], console=False)
for thread in threads:
    thread.start()
for _ in range(60):
    setup_logging(service="shop", log_dir=sys.argv[1], console=False)
over.set()
for thread in threads:
    thread.join()
"""


def test_it_may_be_set_up_anew_while_threads_log(tmp_path: Path) -> None:
    """Nothing raises, and the process lives."""
    run = subprocess.run([sys.executable, "-c", THREADS, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
