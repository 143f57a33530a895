"""How long a call takes at 2,000 records a second, twenty each 10 ms, the disk idle and busy.

    python benchmarks/emit.py latency [--rounds 7]

The disk is kept busy by another process that writes 200 MB/s to the same file system. The records are those of the
table `plain`; percentiles are over all calls of all rounds.
"""

import argparse
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import emit_contenders

BURST: Final = 20
TICK_S: Final = 0.01
SECONDS: Final = 6
BUSY_BYTES_S: Final = 200_000_000
BUSY_FILE: Final = 1_000_000_000
"""Bytes after which the busy process begins its file again."""
CONTENDERS: Final = ("logpipe", emit_contenders.JSON, emit_contenders.ORJSON)


def time_calls(name: str, folder: Path) -> None:
    """One measurement: prints the nanoseconds of each call."""
    case = emit_contenders.CASES["plain"]
    set_up, warm_up, _ = case.contenders[name]
    finish = set_up(folder)
    warm_up(500)
    log = logging.getLogger("shop.orders")
    took: list[int] = []
    clock = time.perf_counter_ns
    due = time.perf_counter()
    for _ in range(round(SECONDS / TICK_S)):
        due += TICK_S
        time.sleep(max(0.0, due - time.perf_counter()))
        for number in range(BURST):
            started = clock()
            log.info(
                "order placed",
                extra={
                    "order_id": number,
                    "customer": "c-1881",
                    "amount": 12.5,
                    "currency": "EUR",
                    "items": 3,
                    "api_key": emit_contenders.SECRET,
                },
            )
            took.append(clock() - started)
    finish()
    print(*took)


def be_busy(path: Path) -> None:
    """Writes on and on."""
    chunk = os.urandom(1 << 20)
    print("ready", flush=True)
    written, started = 0, time.perf_counter()
    with path.open("wb", buffering=0) as file:
        while True:
            written += file.write(chunk)
            if file.tell() >= BUSY_FILE:
                file.seek(0)
                file.truncate()
            time.sleep(max(0.0, started + written / BUSY_BYTES_S - time.perf_counter()))


@contextmanager
def disk(busy: bool, folder: Path) -> Iterator[None]:
    """The disk, idle or busy."""
    if not busy:
        yield
        return
    writer = subprocess.Popen(
        [sys.executable, __file__, "--busy", str(folder / "busy")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout
        writer.stdout.readline()
        yield
    finally:
        writer.kill()
        writer.wait()


def measure(name: str, *, busy: bool) -> list[int]:
    """Nanoseconds of each call of one round."""
    with tempfile.TemporaryDirectory() as folder, disk(busy, Path(folder)):
        command = [sys.executable, __file__, "--run", name, folder]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [int(word) for word in output.split()]


def section(rounds: int) -> str:
    """The table as Markdown."""
    taken: dict[tuple[str, bool], list[int]] = {(name, busy): [] for busy in (False, True) for name in CONTENDERS}
    rng = random.Random(6)
    for _ in range(rounds):
        for name, busy in rng.sample(list(taken), len(taken)):
            taken[name, busy] += measure(name, busy=busy)
    how = (
        f"{BURST} calls each {TICK_S * 1000:g} ms for {SECONDS} s, {rounds} rounds, shuffled; busy is another process "
        f"that writes {BUSY_BYTES_S / 1e6:g} MB/s; {os.cpu_count()} processors."
    )
    return "\n".join(
        [
            "## Emit: latency of a call",
            "",
            f"`python benchmarks/emit.py latency --rounds {rounds}`",
            "",
            how,
            "",
            "| | disk | calls | p50, µs | p99, µs | p99.9, µs | slowest, µs |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *(row(name, busy, sorted(took)) for (name, busy), took in taken.items()),
            "",
        ]
    )


def row(name: str, busy: bool, took: list[int]) -> str:
    """One contender's row."""
    shares = [took[min(len(took) - 1, int(len(took) * share))] / 1000 for share in (0.5, 0.99, 0.999)]
    words = " | ".join(f"{microseconds:,.1f}" for microseconds in (*shares, took[-1] / 1000))
    return f"| {name} | {'busy' if busy else 'idle'} | {len(took):,} | {words} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="one measurement; the table is made by benchmarks/emit.py")
    parser.add_argument("--run", nargs=2, metavar=("NAME", "FOLDER"))
    parser.add_argument("--busy", type=Path)
    arguments = parser.parse_args()
    if arguments.busy:
        be_busy(arguments.busy)
    else:
        time_calls(arguments.run[0], Path(arguments.run[1]))
