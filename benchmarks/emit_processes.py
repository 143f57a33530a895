"""Four processes that write one log, rotated at each 5 MB and compressed, beside concurrent-log-handler.

    python benchmarks/emit.py processes [--rounds 7]

The time is from the word to begin until the last process has ended, compression included. Lost, torn and repeated are
counted over all files, by the number that each process gives its records; of logpipe by `instance` and `seq` too.
"""

import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

PROCESSES: Final = 4
EACH: Final = 50_000
MAX_BYTES: Final = 5_000_000
RIVAL: Final = "concurrent-log-handler, use_gzip, JsonFormatter"
CONTENDERS: Final = ("logpipe", RIVAL)


class Found(NamedTuple):
    """What one round's files had."""

    seconds: float
    files: int
    lost: int
    torn: int
    repeated: int
    gaps: int
    """Numbers of `seq` that are missing or stand twice."""


def write(name: str, folder: Path) -> None:
    """One of the processes."""
    import logging

    import emit_contenders

    if name == RIVAL:
        finish = emit_contenders.concurrent_log_handler(folder, max_bytes=MAX_BYTES, use_gzip=True)
    else:
        finish = emit_contenders.ours(folder, max_bytes=MAX_BYTES, keep_files=0, until_closed=True)
    log, writer = logging.getLogger("shop.orders"), os.getpid()
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(EACH):
        log.info(
            "order placed",
            extra={
                "writer": writer, "number": number, "customer": "c-1881", "amount": 12.5, "currency": "EUR", "items": 3,
            },
        )  # fmt: skip
    finish()


def measure(name: str) -> Found:
    """One round of one contender."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, name, folder]
        writers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)
        ]
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
        started = time.perf_counter()
        for writer in writers:
            assert writer.stdin
            writer.stdin.write("go\n")
            writer.stdin.flush()
        codes = [writer.wait() for writer in writers]
        seconds = time.perf_counter() - started
        assert not any(codes), codes
        return count(Path(folder), seconds)


def count(folder: Path, seconds: float) -> Found:
    """What the files of a round have."""
    numbers: Counter[tuple[int, int]] = Counter()
    seqs: Counter[tuple[str, int]] = Counter()
    torn = files = 0
    for data in contents(folder):
        files += 1
        for line in data.split(b"\n"):
            if not line:
                continue
            try:
                record = json.loads(line)
            except ValueError:
                torn += 1
                continue
            if "instance" in record:
                seqs[record["instance"], record["seq"]] += 1
            if "number" in record:
                numbers[record["writer"], record["number"]] += 1
    expected = PROCESSES * EACH
    last: Counter[str] = Counter()
    for instance, seq in seqs:
        last[instance] = max(last[instance], seq)
    gaps = last.total() - len(seqs) + seqs.total() - len(seqs)
    return Found(seconds, files, expected - len(numbers), torn, numbers.total() - len(numbers), gaps)


def contents(folder: Path) -> Iterator[bytes]:
    """The decompressed bytes of each file of the log."""
    for path in folder.rglob("*.jsonl*"):
        if path.name.startswith(".") or (path.suffix not in (".jsonl", ".gz") and not path.suffix[1:].isdigit()):
            continue
        data = path.read_bytes()
        if data:
            yield gzip.decompress(data) if path.suffix == ".gz" else data


def section(rounds: int) -> str:
    """The table as Markdown."""
    taken: dict[str, list[Found]] = {name: [] for name in CONTENDERS}
    rng = random.Random(5)
    for _ in range(rounds):
        for name in rng.sample(CONTENDERS, len(CONTENDERS)):
            taken[name].append(measure(name))
    own = [found.seconds for found in taken["logpipe"]]
    ratios = [found.seconds / seconds for found, seconds in zip(taken[RIVAL], own, strict=True)]
    how = (
        f"{PROCESSES} processes of {EACH:,} records each into one log, rotated at {MAX_BYTES / 1e6:g} MB and gzipped, "
        f"{rounds} rounds, shuffled; {os.cpu_count()} processors. Counts are those of all rounds together."
    )
    multiple = f"median {statistics.median(ratios):.1f}, {min(ratios):.1f} to {max(ratios):.1f}; wanted 5."
    return "\n".join(
        [
            "## Emit: four processes that rotate and compress",
            "",
            f"`python benchmarks/emit.py processes --rounds {rounds}`",
            "",
            how,
            "",
            "| | records/s, median and range | files | lost | torn | repeated | gaps in seq |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(row(name, found) for name, found in taken.items()),
            "",
            f"Rate of logpipe as a multiple: {multiple}",
            "",
        ]
    )


def row(name: str, taken: list[Found]) -> str:
    """One contender's row."""
    rates = [PROCESSES * EACH / found.seconds for found in taken]
    sums = [sum(found[place] for found in taken) for place in range(1, len(Found._fields))]
    files, *counts = (f"{number:,}" for number in sums)
    if name != "logpipe":
        counts[-1] = "–"
    rate = f"{statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"
    return f"| {name} | {rate} | {files} | {' | '.join(counts)} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="one of the processes; the table is made by benchmarks/emit.py")
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    write(arguments.name, arguments.folder)
