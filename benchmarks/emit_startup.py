"""What importing and setting up cost a process: `python benchmarks/emit.py startup [--rounds 7]`.

Each is measured in a process of its own, from the first import; Python's own start is not in the figure.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
from typing import Final

EACH: Final = 5
"""Processes of a round."""

LOGGING = "import logging, orjson\n"
STEPS: Final = {
    "import logging, orjson": LOGGING,
    "from logpipe import setup_logging, get_logger": "from logpipe import setup_logging, get_logger\n",
    "the same, setup_logging(), one record": LOGGING
    + "import logpipe\nlogpipe.setup_logging(service='shop', log_dir=folder, console=False, loguru=False)\n"
    "logging.getLogger('shop').info('hello')\n",
    "the same with loguru": LOGGING
    + "import logpipe\nlogpipe.setup_logging(service='shop', log_dir=folder, console=False)\n"
    "logging.getLogger('shop').info('hello')\n",
    "python-json-logger with FileHandler, one record": LOGGING
    + "from pythonjsonlogger.json import JsonFormatter\nhandler = logging.FileHandler(folder + '/log')\n"
    "handler.setFormatter(JsonFormatter('{asctime}{levelname}{message}', style='{'))\n"
    "logging.getLogger().addHandler(handler)\nlogging.getLogger('shop').warning('hello')\n",
    "loguru with a file, one record": "from loguru import logger\nlogger.remove()\n"
    "logger.add(folder + '/log', serialize=True)\nlogger.info('hello')\n",
}
FRAME: Final = """
import sys, time
folder = sys.argv[1]
started, cpu = time.perf_counter(), time.process_time()
{step}
print((time.perf_counter() - started) * 1000, (time.process_time() - cpu) * 1000)
"""


def measure(step: str) -> tuple[float, float]:
    """(milliseconds, milliseconds of CPU)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FRAME.format(step=step), folder]
        wall, cpu = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(wall), float(cpu)


def section(rounds: int) -> str:
    """The table as Markdown."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in STEPS}
    rng = random.Random(7)
    for step in STEPS.values():
        measure(step)  # compiles the modules
    for _ in range(rounds * EACH):
        for name in rng.sample(list(STEPS), len(STEPS)):
            taken[name].append(measure(STEPS[name]))
    return "\n".join(
        [
            "## Emit: start",
            "",
            f"`python benchmarks/emit.py startup --rounds {rounds}`",
            "",
            f"{rounds * EACH} processes of each, shuffled, medians and ranges; {os.cpu_count()} processors.",
            "",
            "| | ms | ms of CPU |",
            "| --- | --- | --- |",
            *(
                f"| {name} | " + " | ".join(spread([figures[place] for figures in found]) for place in (0, 1)) + " |"
                for name, found in taken.items()
            ),
            "",
        ]
    )


def spread(figures: list[float]) -> str:
    """The median and the range."""
    return f"{statistics.median(figures):.1f} ({min(figures):.1f}–{max(figures):.1f})"
