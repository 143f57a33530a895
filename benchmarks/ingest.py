"""How fast lines come in, beside DuckDB's own `read_json` on the same records, in turn, in one run.

    python benchmarks/ingest.py [--kind clean|messy|wide|access] [--lines 1000000] [--rounds 5]

Messy are 0.7 % malformed lines, 10 % unknown keys and 1 % values of a wrong type, which the rival leaves out by
`ignore_errors`. Wide are messages of 800 bytes more. An access log in nginx's combined format stands beside a file of
JSON lines of the same records.

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
ACCESS_COLUMNS = {
    "timestamp": "TIMESTAMPTZ", "message": "VARCHAR", "client_address": "VARCHAR", "http_method": "VARCHAR",
    "http_path": "VARCHAR", "http_status": "USMALLINT", "response_size": "UBIGINT", "referer": "VARCHAR",
    "user_agent": "VARCHAR",
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


def messy(count: int) -> Iterator[bytes]:
    """The same with lines that are cut, keys that no other line has, and texts where numbers should be."""
    rng = random.Random(2)
    for line in lines(count):
        kind = rng.random()
        if kind < 0.007:
            yield line[: len(line) // 2] + b"\n"
        elif kind < 0.017:
            yield line.replace(b'"http_status":', b'"http_status":"none","was":')
        elif kind < 0.117:
            yield line.replace(b'"cart_items":', b'"key_%d":1,"cart_items":' % rng.randrange(50))
        else:
            yield line


def wide(count: int) -> Iterator[bytes]:
    """The same with messages that are 800 bytes longer."""
    rng = random.Random(4)
    for line in lines(count):
        yield line.replace(b" in the usual way", rng.randbytes(400).hex().encode())


def access(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Each request as a line in the combined format, and as JSON."""
    rng = random.Random(3)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    for _ in range(count):
        now += timedelta(milliseconds=rng.randrange(1, 20))
        client, path = f"192.0.2.{rng.randrange(256)}", f"/api/v1/things/{rng.randrange(1000)}"
        status, size = rng.choices((200, 404, 500), (95, 3, 2))[0], rng.randrange(100_000)
        yield (
            f'{client} - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} {size} '
            f'"https://shop.example/cart" "{agent}"\n'.encode(),
            orjson.dumps(
                {
                    "timestamp": now.isoformat(timespec="seconds"), "message": f"GET {path} HTTP/1.1",
                    "client_address": client, "http_method": "GET", "http_path": path, "http_status": status,
                    "response_size": size, "referer": "https://shop.example/cart", "user_agent": agent,
                },
                option=orjson.OPT_APPEND_NEWLINE,
            ),
        )  # fmt: skip


def rival(log: str, database: str) -> None:
    """DuckDB alone."""
    known = ACCESS_COLUMNS if log.endswith("access.jsonl") else COLUMNS
    columns = ", ".join(f"'{name}': '{sql_type}'" for name, sql_type in known.items())
    errors = ", ignore_errors = true" if log.endswith("messy.jsonl") else ""
    with duckdb.connect(database) as connection:
        connection.execute(
            "CREATE TABLE events AS SELECT * FROM "
            f"read_json('{log}', format = 'newline_delimited', columns = {{{columns}}}{errors})"
        )


def ours(log: str, database: str) -> None:
    """`logpipe ingest`."""
    from logpipe.ingest.ingest import ingest
    from logpipe.ingest.options import Options
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
        tables = ["events", "rejects"] if name == "logpipe" else ["events"]
        rows = sum(connection.table(table).shape[0] for table in tables)
    with log.open("rb") as file:
        count = sum(1 for _ in file)
    left_out = count // 10 if log.name == "messy.jsonl" and name == "read_json" else 0
    assert count - left_out <= rows <= count, f"{name} has {rows} rows"
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
    parser.add_argument("--kind", choices=("clean", "messy", "wide", "access"), default="clean")
    parser.add_argument("--run", nargs=3, metavar=("NAME", "LOG", "DATABASE"))
    arguments = parser.parse_args()
    if arguments.run:
        run(*arguments.run)
        return
    figures: dict[str, list[tuple[float, float]]] = {"read_json": [], "logpipe": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = generate(folder, arguments.kind, arguments.lines)
        megabytes = logs["logpipe"].stat().st_size / 1e6
        for _ in range(arguments.rounds):
            for contender, taken in figures.items():
                taken.append(measure(contender, logs[contender], folder))
    ratios = [theirs[0] / own[0] for theirs, own in zip(figures["read_json"], figures["logpipe"], strict=True)]
    write(table(arguments.kind, arguments.lines, arguments.rounds, megabytes, figures, ratios))


def generate(folder: Path, kind: str, count: int) -> dict[str, Path]:
    """The log that each contender reads."""
    if kind != "access":
        log = folder / f"{kind}.jsonl"
        with log.open("wb") as file:
            file.writelines({"clean": lines, "messy": messy, "wide": wide}[kind](count))
        return {"read_json": log, "logpipe": log}
    logs = {"logpipe": folder / "access.log", "read_json": folder / "access.jsonl"}
    with logs["logpipe"].open("wb") as text, logs["read_json"].open("wb") as json:
        for line, record in access(count):
            text.write(line)
            json.write(record)
    return logs


def table(
    kind: str,
    count: int,
    rounds: int,
    megabytes: float,
    figures: dict[str, list[tuple[float, float]]],
    ratios: list[float],
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
            f"## Ingest: {kind}, {count:,} lines",
            "",
            f"`python benchmarks/ingest.py --kind {kind} --lines {count} --rounds {rounds}`",
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
