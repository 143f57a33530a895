"""How fast lines come in, beside DuckDB's own `read_json` on the same file, in turn, in one run.

    python benchmarks/ingest.py [--lines 1000000] [--rounds 5]

The rival is `CREATE TABLE AS SELECT * FROM read_json(...)` with explicit columns: it keeps neither the place of a line
nor a bad line, and neither roll-ups nor a ledger. Each measurement is a process of its own, with its peak of memory.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import orjson

RESULTS = Path(__file__).with_name("RESULTS.md")
COLUMNS = {
    "timestamp": "TIMESTAMPTZ", "level": "VARCHAR", "stream": "VARCHAR", "service": "VARCHAR", "logger": "VARCHAR",
    "message": "VARCHAR", "duration_ms": "DOUBLE", "request_id": "VARCHAR", "http_route": "VARCHAR",
    "http_status": "USMALLINT", "cart_items": "INTEGER", "campaign": "VARCHAR",
}  # fmt: skip


def lines(count: int) -> Iterator[bytes]:
    """Records of about 340 bytes and twelve keys, two of which have no column; a hundred a second."""
    rng = random.Random(1)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    routes = [f"/api/v1/things/{letter}" for letter in "abcdefghijklmnopqrst"]
    for number in range(count):
        now += timedelta(milliseconds=rng.randrange(1, 20))
        record = {
            "timestamp": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": rng.choices(("INFO", "WARNING", "ERROR"), (90, 8, 2))[0],
            "stream": "app",
            "service": "shop-web",
            "logger": "shop.api.views",
            "message": f"order {number} handled for customer {rng.randrange(10**6)} in the usual way",
            "duration_ms": round(rng.lognormvariate(3, 1), 3),
            "request_id": f"{rng.getrandbits(128):032x}",
            "http_route": rng.choice(routes),
            "http_status": rng.choices((200, 404, 500), (95, 3, 2))[0],
            "cart_items": rng.randrange(20),
            "campaign": rng.choice(("spring", "none", "newsletter")),
        }
        yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def rival(log: str, database: str) -> None:
    """DuckDB alone."""
    columns = ", ".join(f"'{name}': '{sql_type}'" for name, sql_type in COLUMNS.items())
    with duckdb.connect(database) as connection:
        connection.execute(
            "CREATE TABLE events AS SELECT * FROM "
            f"read_json('{log}', format = 'newline_delimited', columns = {{{columns}}})"
        )


def ours(log: str, database: str) -> None:
    """`logpipe ingest`."""
    from logpipe.ingest.ingest import ingest
    from logpipe.ingest.intake import Options
    from logpipe.store import Store

    with Store.open(database) as store:
        ingest(store, [log], Options())


def measure(name: str, log: Path, folder: Path) -> tuple[float, float]:
    """(seconds, peak of resident memory in MB) of one process, without the time it takes to start."""
    database = folder / f"{name}.duckdb"
    database.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--run", name, str(log), str(database)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, megabytes = output.split()
    with duckdb.connect(str(database), read_only=True) as connection:
        [(rows,)] = connection.execute("SELECT count(*) FROM events").fetchall()
    with log.open("rb") as file:
        assert rows == sum(1 for _ in file), f"{name} has {rows} rows"
    return float(seconds), float(megabytes)


def run(name: str, log: str, database: str) -> None:
    """One measurement, in a process of its own."""
    function = {"read_json": rival, "logpipe": ours}[name]
    if name == "logpipe":
        # Loading code is not what is measured; DuckDB itself loads pandas with the first bound parameter, and
        # pyarrow.dataset with the first Arrow table.
        import pandas  # noqa: F401
        import pyarrow.dataset  # noqa: F401

        import logpipe.ingest.ingest  # noqa: F401
    started = time.perf_counter()
    function(log, database)
    seconds = time.perf_counter() - started
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def main() -> None:
    """Measure in turn and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", nargs=3, metavar=("NAME", "LOG", "DATABASE"))
    arguments = parser.parse_args()
    if arguments.run:
        run(*arguments.run)
        return
    figures: dict[str, list[tuple[float, float]]] = {"read_json": [], "logpipe": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "app.jsonl"
        with log.open("wb") as file:
            file.writelines(lines(arguments.lines))
        megabytes = log.stat().st_size / 1e6
        for _ in range(arguments.rounds):
            for contender, taken in figures.items():
                taken.append(measure(contender, log, folder))
    ratios = [theirs[0] / own[0] for theirs, own in zip(figures["read_json"], figures["logpipe"], strict=True)]
    write(table(arguments.lines, arguments.rounds, megabytes, figures, ratios))


def table(
    count: int, rounds: int, megabytes: float, figures: dict[str, list[tuple[float, float]]], ratios: list[float]
) -> str:
    """The results as Markdown."""
    rows = [
        f"| {name} | {(s := statistics.median(seconds for seconds, _ in taken)):.2f} | {megabytes / s:,.0f} | "
        f"{count / s:,.0f} | {max(memory for _, memory in taken):,.0f} |"
        for name, taken in figures.items()
    ]
    share = (
        f"Speed of logpipe as a share of `read_json`, by round: median {statistics.median(ratios):.2f}, "
        f"{min(ratios):.2f} to {max(ratios):.2f}."
    )
    return "\n".join(
        [
            "## Ingest",
            "",
            f"`python benchmarks/ingest.py --lines {count} --rounds {rounds}`",
            "",
            f"{count:,} lines, {megabytes:,.0f} MB, {rounds} rounds in turn, medians; {os.cpu_count()} processors.",
            "",
            "| | s | MB/s | lines/s | peak RSS, MB |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            share,
            "",
        ]
    )


def write(section: str) -> None:
    """Put the section in the place of the last one of its title."""
    print(section)
    title = section.partition("\n")[0]
    text = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    before, _, rest = text.partition(title + "\n")
    _, following, after = rest.partition("\n## ")
    RESULTS.write_text(before.rstrip() + "\n\n" + section + (following + after if following else ""))


if __name__ == "__main__":
    main()
