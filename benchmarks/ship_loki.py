"""How fast rows of the store become bodies for Loki: protobuf with snappy beside JSON with gzip, in turn, on one core.

    python benchmarks/ship_loki.py [--lines 500000] [--rounds 5]

From the first query to the last compressed body, as `logpipe ship loki` does it, but for the network: events are read
by the cursor, repeats numbered, streams chosen, limits checked. Seconds are of the processor, user and system.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from ingest import lines

RESULTS = Path(__file__).with_name("RESULTS.md")
FORMATS = ("protobuf", "json")


def encode(database: str, format_name: str) -> None:
    """Print seconds of the processor, events and bytes."""
    from logpipe.store import Store
    from logpipe_shippers.delivery.shipper import Delivery
    from logpipe_shippers.loki import LokiSettings, LokiShipper

    class Measured(LokiShipper):
        """Sends nothing."""

        size = events = 0

        def settle_unsent(self, store: Store) -> bool:
            batch = self.take(store)
            if batch is None:
                return False
            assert batch.lines is not None
            encoded = batch.lines.encode(settings, format_name)
            for parts in encoded.parts(settings.batch_bytes):
                self.size += len(encoded.compressed(encoded.body(parts)))
            self.events += len(encoded.order)
            self.settle(store, batch, Delivery(len(encoded.order)))
            return True

    settings = LokiSettings(url="http://localhost", max_age=timedelta(days=36_500))
    since = timedelta(days=36_500)
    shipper = Measured(format_name, LokiSettings(url="http://localhost", since=since, max_age=since))
    settings = shipper._settings
    with Store.open(database) as store:
        store.execute("SET threads = 1")
        before = time.process_time()
        while shipper.settle_unsent(store):
            pass
        spent = time.process_time() - before
        store.execute("DELETE FROM shipping")
        store.execute("DELETE FROM loki_streams")
    print(spent, shipper.events, shipper.size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def measured(database: Path, format_name: str) -> list[float]:
    """In a process of its own."""
    command = [sys.executable, __file__, "--encode", format_name, str(database)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [float(word) for word in done.stdout.split()]


def section(count: int, rounds: int) -> str:
    """The table of a run."""
    with tempfile.TemporaryDirectory() as folder:
        log, database = Path(folder) / "clean.jsonl", Path(folder) / "logs.duckdb"
        with log.open("wb") as file:
            file.writelines(lines(count))
        command = [sys.executable, "-m", "logpipe", "ingest", str(log), "--db", str(database)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        found: dict[str, list[list[float]]] = {name: [] for name in FORMATS}
        for _ in range(rounds):
            for name in FORMATS:
                found[name].append(measured(database, name))
        log_bytes = log.stat().st_size
    rows = []
    told = f"{count:,} lines, {log_bytes / 1e6:.0f} MB, {rounds} rounds in turn, medians; one core."
    for name, runs in found.items():
        spent, events, size, rss = (statistics.median(values) for values in zip(*runs, strict=True))
        title = "protobuf, snappy" if name == "protobuf" else "JSON, gzip"
        rows.append(f"| {title} | {spent:.2f} | {events / spent:,.0f} | {size / 1e6:.0f} | {rss:.0f} |")
    return "\n".join(
        [
            f"## Shipping to Loki, {count:,} events",
            "",
            f"`python benchmarks/ship_loki.py --lines {count} --rounds {rounds}`",
            "",
            f"{told} From rows of the store to compressed bodies.",
            "",
            "| | CPU s | events/s/core | MB sent | peak RSS, MB |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--encode", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.encode:
        os.environ["OMP_NUM_THREADS"] = "1"
        encode(arguments.encode[1], arguments.encode[0])
    else:
        print(section(arguments.lines, arguments.rounds))


if __name__ == "__main__":
    main()
