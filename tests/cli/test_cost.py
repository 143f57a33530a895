"""`logpipe cost`, as it is called."""

from pathlib import Path

import orjson

from logpipe.store import Store, rollup
from tests.commands import call


def test_cost_shows_lines_and_what_would_save(tmp_path: Path) -> None:
    """For people with the settings to paste; as JSON one object a line, of two types."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store, store.transaction() as connection:
        connection.execute(
            """
            INSERT INTO events (ts, service, severity, level, stream, logger, module, function, line, message,
                source_id, source_pos, bytes)
            SELECT TIMESTAMPTZ '2026-01-05 00:00:00Z' + i * INTERVAL 8 SECOND, 'shop', 9, 'INFO', 'app', 'shop.cache',
                'cache', 'get', 12, 'hit \x1b[31m' || i, 7, i * 100, 100
            FROM range(10800) AS numbers(i)
            """
        )
        rollup.roll_up(connection, "events")
    db = ("--db", str(path))
    shown = call("cost", *db)
    assert shown.returncode == 0, shown.stderr
    assert "1.1 MB a day, by 24 h of log" in shown.stdout
    assert "sample shop.cache@INFO at 0.1 (1:10) saves 1.0 MB a day, 90.0%" in shown.stdout
    assert 'setup_logging(service="shop", sample={"shop.cache@INFO": 0.1}, tail="DEBUG")' in shown.stdout
    assert "\x1b[31m" not in shown.stdout
    rows = [orjson.loads(line) for line in call("cost", *db, "--json", "--demote", "cache:get:12").stdout.splitlines()]
    assert [(row["type"], row.get("place") or row.get("what")) for row in rows] == [
        ("line", "cache:get:12"),
        ("saving", "cache:get:12"),
    ]
    assert call("cost", *db, "--sample", "nonsense").returncode != 0
