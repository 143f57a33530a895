"""What an analysis costs: ten million events over thirty days, 20 services, 200 operations.

    python benchmarks/analyze.py [--events 10000000] [--database FILE]

Beside full scans of the events table in the same run; then once more over the unchanged store. A full scan hands every
column of every row over, as Arrow: what an analysis of the events themselves would begin with. Beside it stands the
least that can be called one: the greatest value of each column, found within the engine by all its threads.

The analysis has its libraries loaded. The result becomes a section of benchmarks/RESULTS.md. A database that is named
is kept, and used again where it exists.
"""

import argparse
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from logpipe.store import Store, rollup
from logpipe_analysis import detection  # noqa: F401 - loads what an analysis computes with
from logpipe_analysis.analysis import Analysis, analyze

DAYS = 30
RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "## Analysis of ten million events"
WITHIN = "SELECT max(COLUMNS(*)) FROM events"
_BATCH_ROWS = 100_000

# Each event by the hash of its number, so that the data are the same each time: 40 % requests, 20 % queries, 5 % jobs,
# the rest messages, half of them with a template. Traffic follows the day; services differ in size. There is something
# to find: on day 20 two hours of errors in one service, and from day 22 on another takes half as long again.
EVENTS = """
INSERT INTO events BY NAME
WITH numbered AS (
    SELECT i, hash(i) AS h, hash(i + 1_000_000_000) AS g FROM range($first, $last) AS numbers (i)
),
placed AS (
    SELECT *,
        (((g % 1000) * ((g // 1000) % 1000)) // 50_000)::INTEGER AS service_number,
        ((h % 100)::INTEGER) AS kind,
        ((h // 100) % 10)::INTEGER AS operation_number,
        ((h // 1000) % 1_000_000) / 1e6 AS u,
        ((g // 1_000_000) % 1_000_000) / 1e6 AS v,
        ($day * 86_400 + 86_400.0 * (i - $first) / ($last - $first)) AS second
    FROM numbered
),
shaped AS (
    SELECT *, second + 7_000 * sin(2 * pi() * second / 86_400) AS at_s,
        CASE WHEN service_number = 4 AND $day >= 22 THEN 1.5 ELSE 1 END
            * exp(3 + operation_number / 4 + sqrt(-2 * ln(greatest(u, 1e-9))) * cos(2 * pi() * v) / 2) AS took_ms,
        (h // 7) % 1000 < CASE WHEN service_number = 2 AND second BETWEEN 1_770_000 AND 1_777_200 THEN 200 ELSE 5 END
            AS failed
    FROM placed
)
SELECT
    make_timestamptz(1_767_225_600_000_000 + (at_s * 1e6)::BIGINT) AS ts,
    CASE WHEN failed THEN 'ERROR' WHEN kind >= 90 THEN 'DEBUG' ELSE 'INFO' END AS level,
    CASE WHEN failed THEN 17 WHEN kind >= 90 THEN 5 ELSE 9 END AS severity,
    CASE WHEN kind < 60 THEN 'performance' WHEN failed THEN 'error' ELSE 'app' END AS stream,
    'service-' || lpad(service_number::VARCHAR, 2, '0') AS service,
    'production' AS environment, '1.' || $day // 7 AS version, 'host-' || g % 4 AS host,
    'shop.module' || operation_number AS logger,
    CASE WHEN kind BETWEEN 60 AND 64 THEN 'job_' || operation_number % 2 END AS event,
    CASE WHEN kind < 40 THEN 'GET' END AS http_method,
    CASE WHEN kind < 40 THEN '/api/things' || operation_number % 7 || '/{id}' END AS http_route,
    CASE WHEN kind < 40 THEN '/api/things' || operation_number % 7 || '/' || g % 100_000 END AS http_path,
    CASE WHEN kind < 40 THEN CASE WHEN failed THEN 500 ELSE 200 END END AS http_status,
    CASE WHEN kind BETWEEN 40 AND 59
        THEN format('SELECT * FROM table_{} WHERE id = {}', chr(97 + operation_number % 3), g % 10_000)
        END AS db_statement,
    CASE WHEN kind < 65 THEN took_ms END AS duration_ms,
    format('{:016x}', h) AS request_id,
    CASE
        WHEN kind < 40 THEN 'request done'
        WHEN kind < 60 THEN 'query done'
        WHEN kind < 65 THEN 'job done'
        WHEN operation_number % 2 = 0
            THEN format('order {} of customer {} moved to state {}', g % 100_000, h % 5000, operation_number)
        ELSE format('cache {} holds {} entries after {:.1f} ms', operation_number, g % 1_000_000, took_ms)
    END AS message,
    CASE WHEN kind >= 65 AND operation_number % 2 = 0
        THEN 'order %s of customer %s moved to state ' || operation_number END AS template,
    CASE WHEN failed THEN 'shop.errors.Problem' || operation_number % 4 END AS exception_type,
    '{"amount": ' || g % 1000 || ', "region": "eu-' || h % 3 || '"}' AS attributes,
    'module' || operation_number AS module, 'handle' AS function, 10 + operation_number AS line,
    1 AS source_id, i * 300 AS source_pos, 300 AS bytes
FROM shaped
"""


def fill(store: Store, events: int) -> None:
    """A day a transaction, as ingest would have done it."""
    store.execute(
        "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
        "first_seen_at) VALUES (1, 'app.jsonl', 'app', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
    )
    each = events // DAYS
    for day in range(DAYS):
        with store.transaction() as connection:
            connection.execute("CREATE OR REPLACE TEMP TABLE kept AS FROM events LIMIT 0")
            connection.execute(EVENTS, {"first": day * each, "last": (day + 1) * each, "day": day})
            rollup.roll_up(connection, f"(SELECT * FROM events WHERE source_pos >= {day * each * 300})")
            connection.execute(
                "INSERT INTO ledger "
                "VALUES (nextval('ledger_ids'), 1, $from, $to, $n, $n, 0, 0, 0, 0, 0, '', '', now())",
                {"from": day * each * 300, "to": (day + 1) * each * 300, "n": each},
            )


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Scans before, between and after the analyses; the medians of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--database", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or Path(folder) / "logs.duckdb"
        if not database.exists():
            with Store.open(database) as store:
                fill(store, options.events)
        measure(database)


def handed_over(store: Store) -> None:
    """Every row as Arrow, a batch at a time."""
    with store.rows("FROM events") as rows:
        for _ in rows.to_arrow_reader(_BATCH_ROWS):
            pass


def measure(database: Path) -> None:
    """Scans before and after each analysis; their medians."""
    analyses: list[Analysis] = []
    scans, within, spent = [], [], []
    for _ in range(2):
        with Store.open(database) as store:
            for turn in ("scan", "analysis", "scan"):
                if turn == "analysis":
                    spent.append(timed(lambda store=store: analyses.append(analyze(store))))
                else:
                    scans.append(timed(lambda store=store: handed_over(store)))
                    within.append(timed(lambda store=store: store.execute(WITHIN)))
    scan, least = statistics.median(scans), statistics.median(within)
    same = [one.finding_id for one in analyses[0].findings] == [one.finding_id for one in analyses[1].findings]
    with Store.open(database, read_only=True) as store:
        [(events, services)] = store.execute("SELECT count(*), count(DISTINCT service) FROM events")
        [(operations,)] = store.execute("SELECT count(*) FROM operations")
    lines = [
        f"{events:,} events of {services} services and {operations} operations over {DAYS} days.",
        "",
        "| | s | full scans | scans within the engine |",
        "| --- | --- | --- | --- |",
        f"| full scan, median of {len(scans)} | {scan:.2f} | 1 | {scan / least:.2f} |",
        f"| scan within the engine, `{WITHIN}` | {least:.2f} | {least / scan:.2f} | 1 |",
        f"| first analysis | {spent[0]:.2f} | {spent[0] / scan:.2f} | {spent[0] / least:.2f} |",
        f"| second, nothing new | {spent[1]:.2f} | {spent[1] / scan:.3f} | {spent[1] / least:.3f} |",
        "",
        f"{len(analyses[0].findings)} findings; the second run has {'the same ids' if same else '**other ids**'}.",
        "",
        f"Memory of the process, at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB.",
    ]
    print("\n".join(lines))
    others = re.sub(rf"\n{HEADING}\n.*?(?=\n## |\Z)", "", RESULTS.read_text(), flags=re.DOTALL).rstrip()
    RESULTS.write_text(f"{others}\n\n{HEADING}\n\n`python benchmarks/analyze.py`\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
