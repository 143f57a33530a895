"""All rows of a source taken away, with what they added to roll-ups and patterns."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb

from logpipe.store import rollup
from logpipe.store.mining import mine_anew
from logpipe.store.rebuild import settled

_MINUTES: Final = f"""
CREATE OR REPLACE TEMP TABLE withdrawn_minutes AS
SELECT DISTINCT {rollup.MINUTE} AS minute FROM events WHERE source_id = ?
"""


@contextmanager
def withdrawn(connection: duckdb.DuckDBPyConnection, source_id: int) -> Iterator[None]:
    """Events, rejects and ledger of a source go; the block may bring others in their place.

    The roll-ups and the miner are settled when it ends. Within one transaction no half of this is ever seen.
    """
    connection.execute(_MINUTES, [source_id])
    with settled(connection, "withdrawn_minutes"):
        for table in ("events", "rejects", "ledger"):
            connection.execute(f"DELETE FROM {table} WHERE source_id = ?", [source_id])
        yield
    mine_anew(connection, source_id)
    connection.execute("DROP TABLE withdrawn_minutes")
