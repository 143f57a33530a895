"""From a slow log to the report of slow queries, beside pt-query-digest, in turn, in one run.

    python benchmarks/slow_log.py [--queries 300000] [--rounds 5]

The log is of ten queries in MySQL's format, about 300 bytes each with their heads, some over several lines, with
escapes, comments, lists and rows of values. logpipe is two commands, `ingest` into a new database and
`report slow-queries`.
"""

import argparse
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
QUERIES: tuple[Callable[[random.Random, int], str], ...] = (
    lambda rng, i: f"SELECT id, name, email FROM users_{rng.randrange(1, 10)} WHERE id = {i} LIMIT 1",
    lambda rng, i: (
        f"SELECT * FROM orders WHERE customer_id IN ({_numbers(rng)}) AND status = 'open'\n"
        f"ORDER BY created_at DESC LIMIT {i % 100}, 20"
    ),
    lambda _, i: f'INSERT INTO events (user_id, payload) VALUES ({i}, \'{{\\"a\\": {i}, \\"s\\": \\"it\\\'s\\"}}\')',
    lambda rng, i: (
        f"UPDATE products\n   SET stock = stock - {rng.randrange(9)}, price = {i / 100}\n"
        f" WHERE sku = 'SKU-{i}'\n   AND stock > 0"
    ),
    lambda _, i: (
        "SELECT p.id, p.title, c.name FROM products p JOIN categories c ON c.id = p.category_id"
        f" WHERE c.slug = 'cat-{i % 100}' AND p.price BETWEEN {i % 50} AND {i % 900} AND p.deleted_at IS NULL"
    ),
    lambda _, i: f"DELETE FROM sessions WHERE expires_at < '{datetime.fromtimestamp(i, UTC):%F %T}' LIMIT 1000",
    lambda _, i: f"/* web:{i} */ SELECT COUNT(*) FROM reviews WHERE product_id = {i} AND rating >= {i % 5}",
    lambda rng, i: f"INSERT INTO line_items (order_id, sku, qty) VALUES {_rows(rng, i)}",
    lambda _, i: (
        "SELECT a.*\nFROM accounts a\nLEFT JOIN balances b ON b.account_id = a.id\n"
        f"WHERE a.email = 'user{i}@example.org'\n  AND (b.amount > {i / 7:.2f} OR b.amount IS NULL)\nLIMIT 50"
    ),
    lambda _, i: f'SELECT `k`, `v` FROM `settings` WHERE `tenant` = "tenant{i % 400}" AND `enabled` = TRUE',
)


def _numbers(rng: random.Random) -> str:
    return ", ".join(str(rng.randrange(10**6)) for _ in range(rng.randrange(1, 20)))


def _rows(rng: random.Random, number: int) -> str:
    return ", ".join(f"({number}, 'S{rng.randrange(999)}', {rng.randrange(9)})" for _ in range(rng.randrange(1, 8)))


def records(count: int) -> Iterator[str]:
    """The log, a record at a time."""
    rng = random.Random(5)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    for _ in range(count):
        now += timedelta(microseconds=rng.randrange(20000))
        if rng.random() < 0.5:
            yield f"# Time: {now:%Y-%m-%dT%H:%M:%S.%fZ}\n"
        seconds, examined = rng.lognormvariate(-6, 2), rng.randrange(10000)
        yield (
            f"# User@Host: app[app] @ web{rng.randrange(9)} [10.0.0.{rng.randrange(255)}]  Id: {rng.randrange(9999)}\n"
            f"# Query_time: {seconds:.6f}  Lock_time: {seconds / 10:.6f} Rows_sent: {examined % 100}"
            f"  Rows_examined: {examined}\nSET timestamp={int(now.timestamp())};\n"
            f"{rng.choice(QUERIES)(rng, rng.randrange(1, 10**7))};\n"
        )


def main() -> None:
    """Measure, print a table and put it into RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "slow.log"
        log.write_text("".join(records(options.queries)))
        megabytes = log.stat().st_size / 1e6
        rounds = [(_logpipe(log), _pt_query_digest(log)) for _ in range(options.rounds)]
    ours, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratios = sorted(other / own for own, other in rounds)
    spread = f"median {statistics.median(ratios):.1f}, {ratios[0]:.1f} to {ratios[-1]:.1f}"
    command = f"python benchmarks/slow_log.py --queries {options.queries} --rounds {options.rounds}"
    text = f"""`{command}`

{options.queries:,} queries, {megabytes:.0f} MB, {options.rounds} rounds in turn, medians.

| | s | MB/s |
| --- | --- | --- |
| pt-query-digest | {theirs:.2f} | {megabytes / theirs:.1f} |
| logpipe ingest, logpipe report slow-queries | {ours:.2f} | {megabytes / ours:.1f} |

pt-query-digest's time as a multiple of logpipe's, by round: {spread}.
"""
    print(text)
    _write("## Slow log to report", text)


def _write(heading: str, text: str) -> None:
    others = re.sub(rf"\n{heading}\n.*?(?=\n## |\Z)", "", RESULTS.read_text(), flags=re.DOTALL).rstrip()
    RESULTS.write_text(f"{others}\n\n{heading}\n\n{text}")


def _logpipe(log: Path) -> float:
    database = log.with_suffix(".duckdb")
    database.unlink(missing_ok=True)
    command = [sys.executable, "-m", "logpipe"]
    started = time.perf_counter()
    _run(*command, "ingest", log, "--db", database)
    _run(*command, "report", "slow-queries", "--db", database)
    return time.perf_counter() - started


def _pt_query_digest(log: Path) -> float:
    started = time.perf_counter()
    _run("pt-query-digest", "--no-version-check", log)
    return time.perf_counter() - started


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
