"""Frames as events of a store."""

import numpy as np
import pandas as pd

from logpipe.store import Store, rollup


def fill(store: Store, *frames: pd.DataFrame) -> None:
    """Add their rows, behind those that there are, as an ingest does."""
    rows = pd.concat(frames).sort_values("ts", kind="stable")
    first = int(store.execute("SELECT coalesce(max(source_pos) + 100, 0) FROM events")[0][0])
    rows["source_id"], rows["bytes"] = 1, 100
    rows["source_pos"] = first + np.arange(len(rows)) * 100
    with store.transaction() as connection:
        connection.register("incoming", rows)
        connection.execute("CREATE TEMP TABLE batch AS SELECT * FROM events LIMIT 0")
        connection.execute("INSERT INTO batch BY NAME SELECT * FROM incoming")
        connection.execute("INSERT INTO events SELECT * FROM batch")
        rollup.roll_up(connection, "batch")
        connection.execute("DROP TABLE batch")
        connection.unregister("incoming")
        connection.execute(
            "INSERT INTO ledger VALUES (nextval('ledger_ids'), 1, $from, $to, $n, $n, 0, 0, 0, 0, 0, '', '', now())",
            {"from": first, "to": first + len(rows) * 100, "n": len(rows)},
        )
        connection.execute("DELETE FROM sources")
        connection.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, "
            "state, first_seen_at) "
            "VALUES (1, 'logs/shop.jsonl', 'logs/shop', 1, 0, '', 'logpipe', 'shop', 'UTC', 'active', now())"
        )
