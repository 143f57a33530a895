"""Query fingerprints on libpg_query's cases, and the report slow-queries beside pt-query-digest on a real slow log.

Each case of libpg_query's normaliser is claimed: what it takes for a parameter is a value here too. What is kept there
and folded here (numbers of columns behind ORDER BY and GROUP BY, lengths of types, counts of FETCH) is in docs/sql.md.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eval_measure import Measure

from logpipe.store import Store
from logpipe_analysis.queries.fingerprint import fingerprint

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.analysis.queries import mariadb

SYSTEM = "postgresql"
CLIENTS, STATEMENTS = 8, 5000


def measure() -> Iterator[Measure]:
    """Cases that hold, by the exact fingerprint alone and behind the macro; then classes that agree."""
    yield from _normal_forms()
    yield from _agreement()


def _agreement() -> Iterator[Measure]:
    """Of a log that several clients wrote at once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with mariadb.server(folder) as log:
            mariadb.run(folder / "socket", mariadb.SCHEMA)
            mariadb.run(folder / "socket", *(mariadb.load(STATEMENTS, seed) for seed in range(CLIENTS)))
        database = folder / "logs.duckdb"
        command = [sys.executable, "-m", "logpipe", "ingest", log, "--db", database]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        digested = mariadb.digested(log)
        differing = mariadb.differences(digested, mariadb.reported(database))
    for difference in differing:
        print(difference, file=sys.stderr)
    queries = sum(cost.queries for cost in digested.values())
    what = f"queries: classes of pt-query-digest's with the same counts and sums, {queries:,} of a MariaDB under load"
    yield Measure(what, 1 - len(differing) / len(digested), 1)


def _normal_forms() -> Iterator[Measure]:
    folder = Path(os.environ["LOGPIPE_EVAL_DATA"]) / "sql_fingerprint"
    cases = json.loads((folder / "libpg_query_normalize_cases.json").read_text())
    exact = [fingerprint(case["sql"], SYSTEM) == fingerprint(case["normalized"], SYSTEM) for case in cases]
    yield Measure("queries: libpg_query's normalise cases that are claimed and hold", sum(exact) / len(exact), 1)
    with Store.open(":memory:") as store:
        behind = [
            fingerprint(_quick(store, case["sql"]), SYSTEM) == fingerprint(case["normalized"], SYSTEM) for case in cases
        ]
    yield Measure("queries: the same, behind the macro in SQL", sum(behind) / len(behind), 1)


def _quick(store: Store, statement: str) -> str:
    [(text,)] = store.execute("SELECT query_fingerprint(?, system := ?)", [statement, SYSTEM])
    return str(text)
