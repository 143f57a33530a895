"""Detection quality on labelled data: one table, every figure with the one default configuration.

    LOGPIPE_EVAL_DATA=... python benchmarks/eval.py [PART ...]

A part is a module `eval_PART.py` with a function `measure` that yields `Measure`s. Where all ran the table becomes
a section of benchmarks/RESULTS.md. Exit code 1 where a figure misses what is wanted.
"""

import importlib
import os
import re
import sys
import time
from pathlib import Path

from eval_measure import Measure

PARTS = ("spikes", "latency", "difference", "gate", "nab", "volume", "patterns", "queries")
RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "## Detection quality"


def main() -> int:
    """Measure the parts asked for, or all."""
    if "LOGPIPE_EVAL_DATA" not in os.environ:
        sys.exit("LOGPIPE_EVAL_DATA names the folder of the labelled data; it is not set")
    parts = sys.argv[1:] or PARTS
    measured = [one for part in parts for one in _measured(part)]
    table = "\n".join(["| measured | figure | wanted | |", "| --- | --- | --- | --- |", *(one.row for one in measured)])
    print(table)
    if tuple(parts) == PARTS:
        _write(table)
    return 0 if all(one.holds for one in measured) else 1


def _measured(part: str) -> list[Measure]:
    started = time.perf_counter()
    found = list(importlib.import_module(f"eval_{part}").measure())
    print(f"{part}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return found


def _write(table: str) -> None:
    """Put the section into RESULTS.md, in place of the one before."""
    others = re.sub(rf"\n{HEADING}\n.*?(?=\n## |\Z)", "", RESULTS.read_text(), flags=re.DOTALL).rstrip()
    RESULTS.write_text(f"{others}\n\n{HEADING}\n\n`make eval`\n\n{table}\n")


if __name__ == "__main__":
    sys.exit(main())
