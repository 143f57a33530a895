"""The report slow-queries: what each query costs, and what the log tells of it."""

from pathlib import Path
from typing import Any

import pytest

from logpipe.store import Store
from logpipe_analysis import reports
from logpipe_analysis.reports import Scope
from tests.commands import call

COLUMNS = (
    "ts, service, db_system, db_statement, duration_ms, request_id, http_route, attributes, severity, "
    " source_id, source_pos, bytes"
)

REPORT = reports.find("slow-queries")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Ten queries of two kinds, whose statements differ, and the record of a request that ran one of them."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        store.execute(f"""
            INSERT INTO events ({COLUMNS})
            SELECT '2026-01-01 00:00:00Z'::TIMESTAMPTZ + i * INTERVAL 1 SECOND, 'web', 'mysql',
                CASE WHEN i % 2 = 0 THEN 'SELECT * FROM t WHERE id = -' || i || ' LIMIT 5, 10'
                    ELSE 'select * from t where id=' || i || ' limit 10 /* x */' END,
                i, CASE WHEN i = 8 THEN 'r1' END, CASE WHEN i = 1 THEN 'GET /own' END,
                {{'rows_sent': 2, 'rows_examined': 10 * i, 'lock_ms': 0.5, 'db_name': 'shop', 'db_user': 'app'}},
                0, 1, i, 1
            FROM range(9) AS numbers(i)
            UNION ALL VALUES
                ('2026-01-01 00:01:00Z'::TIMESTAMPTZ, 'jobs', NULL, 'DELETE FROM "t"', 1000.0, NULL, NULL,
                    NULL, 0, 1, 100, 1),
                ('2026-01-01 00:02:00Z'::TIMESTAMPTZ, 'web', NULL, NULL, 5.0, 'r1', 'GET /items', NULL, 0, 1, 101, 1),
                ('2026-01-01 00:03:00Z'::TIMESTAMPTZ, 'web', NULL, 'SELECT 1', NULL, NULL, NULL, NULL, 0, 1, 102, 1)
        """)
    return path


def profile(path: Path, service: str | None = None) -> list[dict[str, Any]]:
    with Store.open(path, read_only=True) as store, reports.run(store, REPORT, Scope(service=service)) as result:
        return [row for batch in result.batches for row in batch.to_pylist()]


def test_statements_of_one_query_are_one_row(database: Path) -> None:
    """Also where the macro in SQL tells them apart; what has no duration does not count."""
    [costly, common] = profile(database)
    assert (costly["fingerprint"], costly["queries"], costly["services"]) == ('delete from "t"', 1, "jobs")
    assert (common["fingerprint"], common["queries"]) == ("select * from t where id = ? limit ?", 9)
    assert (common["total_ms"], common["mean_ms"], common["min_ms"], common["max_ms"]) == (36, 4, 0, 8)
    assert (common["p50_ms"], common["p95_ms"], common["variance_to_mean_ms"]) == (4, 8, pytest.approx(60 / 9 / 4))
    assert common["time_share"] == pytest.approx(36 / 1036)


def test_rows_locks_and_users_are_what_the_log_tells(database: Path) -> None:
    """NULL where it tells none."""
    [costly, common] = profile(database)
    assert (common["rows_sent"], common["rows_examined"], common["examined_per_sent"]) == (18, 360, 20)
    assert (common["lock_ms"], common["databases"], common["users"], common["systems"]) == (4.5, "shop", "app", "mysql")
    assert {costly[name] for name in ("rows_sent", "rows_examined", "examined_per_sent", "lock_ms", "users")} == {None}


def test_routes_come_from_the_record_and_from_its_request(database: Path) -> None:
    """By the id that the two have in common."""
    [costly, common] = profile(database)
    assert (costly["routes"], common["routes"]) == (None, "GET /items, GET /own")


def test_the_worst_sample_is_a_statement_as_it_was_logged(database: Path) -> None:
    """With its time."""
    [_, common] = profile(database)
    assert common["worst_statement"] == "SELECT * FROM t WHERE id = -8 LIMIT 5, 10"
    assert common["worst_at"].second == 8


@pytest.fixture
def logged_twice(tmp_path: Path) -> Path:
    """Ten queries of an hour that the shop and its PostgreSQL log, and one more of a day later by PostgreSQL alone."""
    path = tmp_path / "twice.duckdb"
    with Store.open(path) as store:
        store.execute("""
            INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state,
                first_seen_at)
            SELECT i, i, i, 1, 0, '', ['logpipe', 'cri+postgresql_json'][i], 's', 'UTC', 'active', now()
            FROM range(1, 3) AS numbers(i)
        """)
        store.execute(f"""
            INSERT INTO events ({COLUMNS})
            SELECT '2026-01-01 00:00:00Z'::TIMESTAMPTZ + i * INTERVAL 6 MINUTE + source * INTERVAL 2 SECOND,
                ['shop', 'postgresql'][source], 'postgresql', 'SELECT ' || i, 10 * (3 - source), NULL,
                if(source = 1, 'GET /', NULL), NULL, 0, source, i, 1
            FROM range(10) AS numbers(i), range(1, 3) AS logs(source)
            WHERE source = 1 OR i > 1
            UNION ALL VALUES
                ('2026-01-02 00:00:00Z'::TIMESTAMPTZ, 'postgresql', 'postgresql', 'SELECT 9', 50, NULL, NULL, NULL, 0,
                    2, 100, 1),
                ('2026-01-01 00:05:00Z'::TIMESTAMPTZ, 'postgresql', 'postgresql', 'VACUUM', 5, NULL, NULL, NULL, 0,
                    2, 101, 1)
        """)
    return path


def test_an_execution_in_two_logs_counts_once(logged_twice: Path) -> None:
    """The application's, which has more; what only the database logged counts, and what was left out is told."""
    [select, vacuum] = profile(logged_twice)
    assert (select["queries"], select["total_ms"], select["max_ms"]) == (11, 250, 50)
    assert (select["also_logged_by"], select["also_logged"], select["also_logged_ms"]) == ("postgresql", 8, 80)
    assert select["time_share"] == 250 / 255
    assert (vacuum["queries"], vacuum["also_logged"]) == (1, None)
    [alone, _] = profile(logged_twice, "postgresql")
    assert (alone["queries"], alone["total_ms"], alone["also_logged"]) == (9, 130, None)


def test_an_application_that_logs_a_sample_gives_way_to_its_database(logged_twice: Path) -> None:
    """The fuller log is nearer to the truth; routes are known from the other."""
    with Store.open(logged_twice) as store:
        store.execute("DELETE FROM events WHERE source_id = 1 AND source_pos % 4 > 0")
    [select, _] = profile(logged_twice)
    assert (select["queries"], select["total_ms"], select["services"]) == (10, 150, "postgresql, shop")
    assert (select["also_logged_by"], select["also_logged"], select["also_logged_ms"]) == ("shop", 2, 40)
    assert select["routes"] == "GET /"


def test_the_page_tells_of_the_other_log(logged_twice: Path) -> None:
    """A line in the query's block."""
    done = call("report", "slow-queries", "--db", str(logged_twice))
    assert "also       logged by postgresql: 8 executions, 80.0 ms, not counted here\n" in done.stdout


def test_the_trend_is_told_over_the_range_of_all_queries(database: Path) -> None:
    """In 24 parts that add up, and in two halves."""
    [costly, common] = profile(database)
    assert len(common["over_time_ms"]) == 24
    assert sum(common["over_time_ms"]) == 36
    assert (costly["over_time_ms"][-1], common["over_time_ms"][-1], common["trend"]) == (1000, 0, None)
    [alone] = profile(database, "web")
    assert alone["trend"] == pytest.approx(6.5 / 2)
    assert alone["by_decade"] == [1, 0, 0, 8, 0, 0, 0, 0]
