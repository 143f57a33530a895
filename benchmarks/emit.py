"""What a record costs an application, beside other loggers: `make bench-emit`, or one table at a time.

    python benchmarks/emit.py [TABLE ...] [--rounds 7] [--records 20000]

TABLE is plain, full, handlers, loguru, structlog, exception, disabled (CPU of a record), processes (four that rotate),
latency (of a call, disk idle and busy) or startup. Each measurement is a process of its own; rounds are interleaved,
their order shuffled. CPU is that of the whole process, threads in the background included, until all records are in the
file. How many times cheaper is the median of the rounds' own ratios.
"""

import argparse
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from emit_contenders import CASES, Case, UnavailableError

LATER = ("processes", "latency", "startup")
OWN = "logpipe"


def run(table: str, contender: str, folder: Path, records: int) -> None:
    """One measurement: prints CPU µs a record, or why there is none."""
    case = CASES[table]
    set_up, call, _ = case.contenders[contender]
    try:
        finish = set_up(folder)
    except UnavailableError as error:
        print(json.dumps({"unavailable": str(error)}))
        return
    warm = max(records // 20, 100)
    call(warm)
    gc.collect()
    started = time.process_time()
    call(records)
    finish()
    spent = time.process_time() - started
    if case.written:
        check(case, folder, warm + records)
    print(json.dumps({"us": spent / records * 1e6}))


def check(case: Case, folder: Path, records: int) -> None:
    """Whether all was written, and as it should be; a contender that leaves things out is not one."""
    lines = [line for path in folder.rglob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(lines) == records, f"{len(lines)} lines of {records}"
    json.loads(lines[-1])
    for line in (lines[0], lines[-1]):
        assert all(part in line for part in case.needs), line
        assert not any(part in line for part in case.lacks), line


def measure(table: str, contender: str, records: int) -> float | str:
    """CPU µs a record, or why there is no figure."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--run", table, contender, folder, "--records", str(records)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    said = json.loads(output)
    return said["us"] if "us" in said else str(said["unavailable"])


def figures(table: str, rounds: int, records: int) -> dict[str, list[float]] | str:
    """CPU µs a record of each contender, by round; or why ours has none."""
    taken: dict[str, list[float]] = {contender: [] for contender in CASES[table].contenders}
    rng = random.Random(table)
    for _ in range(rounds):
        for contender in rng.sample(list(taken), len(taken)):
            figure = measure(table, contender, records)
            if isinstance(figure, str):
                return figure
            taken[contender].append(figure)
    return taken


def section(table: str, rounds: int, records: int | None) -> str:
    """One table as Markdown."""
    case = CASES[table]
    count = records or case.records
    taken = figures(table, rounds, count)
    given = f" --records {records}" if records else ""
    head = [f"## Emit: {case.title}", "", f"`python benchmarks/emit.py {table} --rounds {rounds}{given}`", ""]
    if isinstance(taken, str):
        return "\n".join([*head, f"Not measured: {taken}.", ""])
    how = f"{count:,} records, {rounds} rounds, shuffled, medians and ranges; {os.cpu_count()} processors."
    return "\n".join(
        [
            *head,
            f"{case.says} {how}",
            "",
            "| | CPU µs a record | logpipe is cheaper | wanted |",
            "| --- | --- | --- | --- |",
            *(row(case, name, taken) for name in taken),
            "",
        ]
    )


def row(case: Case, name: str, taken: dict[str, list[float]]) -> str:
    """One contender's row."""
    digits = 2 if statistics.median(taken[name]) < 2 else 1
    cost = f"{statistics.median(taken[name]):.{digits}f} ({min(taken[name]):.{digits}f}–{max(taken[name]):.{digits}f})"
    if name == OWN:
        return f"| {name} | {cost} | | |"
    ratios = [theirs / own for theirs, own in zip(taken[name], taken[OWN], strict=True)]
    target = case.contenders[name].target
    wanted = "" if target is None else f"{target:g}×"
    times = f"{statistics.median(ratios):.2f}× ({min(ratios):.2f}–{max(ratios):.2f})"
    return f"| {name} | {cost} | {times} | {wanted} |"


def main() -> None:
    """Measure the tables asked for, or all, and write each into RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", choices=[*CASES, *LATER, []])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--records", type=int)
    parser.add_argument("--run", nargs=3, metavar=("TABLE", "CONTENDER", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.run:
        table, contender, folder = arguments.run
        run(table, contender, Path(folder), arguments.records)
        return
    from ingest import write

    for table in arguments.tables or [*CASES, *LATER]:
        if table in CASES:
            write(section(table, arguments.rounds, arguments.records))
        else:
            write(__import__(f"emit_{table}").section(arguments.rounds))


if __name__ == "__main__":
    main()
