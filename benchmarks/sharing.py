"""What it costs to use a database through the process that owns it: `python benchmarks/sharing.py`.

A process follows a file into a database of a million events; this one attaches to it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from logpipe.store import Store
from logpipe.store.run_file import RunFile

EVENTS = 1_000_000
STATEMENTS = {
    "one row": "SELECT 1",
    "a report over roll-ups": "FROM errors_by_service",
    "count by level over all events": "SELECT level, count(*) FROM events GROUP BY level",
    "one of a million by its text": "SELECT * FROM events WHERE message = 'order 765432 handled'",
    "20,000 events, all columns": "SELECT * FROM events LIMIT 20000",
}
LOGPIPE = Path(sys.executable).with_name("logpipe")


def line(number: int) -> bytes:
    """One record, a thousand a second."""
    record = {
        "timestamp": f"2026-03-12T10:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}Z",
        "level": "ERROR" if number % 100 == 0 else "INFO",
        "service": "shop",
        "message": f"order {number} handled",
    }
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def median_ms(work: Callable[[], object], times: int = 5) -> float:
    """Of several runs, after one that does not count."""
    work()
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def attach(database: Path) -> None:
    """Open and close."""
    with Store.open(database, read_only=True) as store:
        assert store.attached


def visible_ms(store: Store, log: Path, number: int) -> float:
    """From the write of a line until another process counts it."""
    wanted = [(number + 1,)]
    with log.open("ab") as file:
        file.write(line(number))
    started = time.perf_counter()
    while store.execute("SELECT count(*) FROM events") != wanted:
        time.sleep(0.002)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database, log = Path(folder) / "logs.duckdb", Path(folder) / "app.log"
        with log.open("wb") as file:
            file.writelines(line(number) for number in range(EVENTS))
        ingest = [str(LOGPIPE), "ingest", str(log), "--db", str(database)]
        subprocess.run(ingest, check=True, capture_output=True)
        with Store.open(database, read_only=True) as store:
            store.execute("SET threads = 1")  # as an owner has it
            embedded = {name: median_ms(lambda sql=sql: store.execute(sql)) for name, sql in STATEMENTS.items()}
        with subprocess.Popen([*ingest, "--follow"], stderr=subprocess.DEVNULL) as owner:
            try:
                while RunFile.read(str(database)) is None:
                    time.sleep(0.05)
                time.sleep(2)
                print(f"attach and detach: {median_ms(lambda: attach(database)):.0f} ms")
                with Store.open(database, read_only=True) as store:
                    for name, sql in STATEMENTS.items():
                        shared = median_ms(lambda sql=sql: store.execute(sql))
                        print(f"{name}: {embedded[name]:.1f} ms embedded, {shared:.1f} ms through the owner")
                    seen = [visible_ms(store, log, EVENTS + number) for number in range(30)]
                print(
                    f"a line is counted by another process after: median {statistics.median(seen):.0f} ms, "
                    f"longest of {len(seen)} {max(seen):.0f} ms"
                )
                status = Path(f"/proc/{owner.pid}/status").read_text()
                resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
                print(f"resident memory of the owner: {resident:.0f} MB")
            finally:
                owner.terminate()


if __name__ == "__main__":
    os.environ.pop("LOGPIPE_DB", None)
    main()
