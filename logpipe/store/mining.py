"""What the pattern miner of the analysis is told when rows that it has counted change."""

import duckdb


def mine_anew(connection: duckdb.DuckDBPyConnection, source_id: int) -> bool:
    """Have the patterns of a source counted anew: those counted are forgotten, and its ledger entries get new numbers.

    Not where some of its events have expired, whose patterns would be forgotten with the others; returns whether.
    """
    [(expired,)] = connection.execute(
        "SELECT count(*) FROM expired WHERE source_id = ? AND events > 0", [source_id]
    ).fetchall()
    if expired:
        return False
    connection.execute("DELETE FROM pattern_minute WHERE source_id = ?", [source_id])
    connection.execute("UPDATE ledger SET ledger_id = nextval('ledger_ids') WHERE source_id = ?", [source_id])
    return True
