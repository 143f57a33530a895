"""Query fingerprints on libpg_query's cases: a statement and its normal form are the same query.

Each case of libpg_query's normaliser is claimed: what it takes for a parameter is a value here too. What is kept there
and folded here (numbers of columns behind ORDER BY and GROUP BY, lengths of types, counts of FETCH) is in docs/sql.md.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from eval_measure import Measure

from logpipe.store import Store
from logpipe_analysis.queries.fingerprint import fingerprint

SYSTEM = "postgresql"


def measure() -> Iterator[Measure]:
    """The share of cases that hold, by the exact fingerprint alone and behind the macro."""
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
