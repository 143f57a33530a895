"""What a record with an exception costs beside python-json-logger's: `python benchmarks/exceptions.py`.

CPU time of the thread, formatting alone, by turns; the least of the rounds. The traceback has nine frames; then
the same as the cause of another.
"""

import logging
import sys
import time
import traceback
from collections.abc import Callable

from pythonjsonlogger.json import JsonFormatter
from pythonjsonlogger.orjson import OrjsonFormatter

from logpipe import JsonFormatter as LogpipeFormatter
from logpipe.emit.entry import ExceptionInfo, describe

ROUNDS = 30
TIMES = 40
FRAMES = 9


def checkout(depth: int) -> object:
    """Fails in the end, from another line each second time."""
    if depth == 1:
        return {"price": 1}["total"]
    if depth % 2:
        return [checkout(depth - 1), depth]
    return checkout(depth - 1)


def caught(*, chained: bool) -> ExceptionInfo:
    """What `sys.exc_info()` says in the handler."""
    try:
        try:
            checkout(FRAMES - 1)
        except KeyError as error:
            if chained:
                raise ValueError("no order") from error
            raise
    except (KeyError, ValueError):
        return sys.exc_info()
    raise AssertionError


def measure(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds a call."""
    least = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, work in contenders.items():
            started = time.thread_time()
            for _ in range(TIMES):
                work()
            least[name] = min(least[name], (time.thread_time() - started) / TIMES * 1e6)
    return least


def contenders(info: ExceptionInfo) -> dict[str, Callable[[], object]]:
    """Each formats the same record, as for the first time."""
    record = logging.getLogger("shop").makeRecord("shop", 40, "cart.py", 3, "order %s failed", (7,), info, "checkout")

    def formatting(formatter: logging.Formatter) -> Callable[[], object]:
        def work() -> str:
            record.exc_text = None  # where formatters keep the text for the next handler
            return formatter.format(record)

        return work

    return {
        "python-json-logger": formatting(JsonFormatter()),
        "python-json-logger, orjson": formatting(OrjsonFormatter()),
        "logpipe": formatting(LogpipeFormatter(service="shop")),
        "traceback.format_exception": lambda: traceback.format_exception(*info),  # type: ignore[arg-type]  # an exception
        "logpipe's fields of it": lambda: describe(info),
    }


def main() -> None:
    """Prints a table of each."""
    for chained in (False, True):
        least = measure(contenders(caught(chained=chained)))
        print("a cause of nine frames and its effect" if chained else "nine frames")
        for name, microseconds in least.items():
            print(f"  {name:28}{microseconds:8.1f} µs{microseconds / least['logpipe']:8.1f} times logpipe's")


if __name__ == "__main__":
    main()
