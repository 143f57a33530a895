"""Statements of strangers: they read the store, and nothing else."""

from pathlib import Path

import pytest

from logpipe.errors import QueryError, StoreError
from logpipe.store import reading


def run(database: Path, sql: str) -> list[tuple[object, ...]]:
    """The rows of the last statement."""
    rows: list[tuple[object, ...]] = []
    with reading.open_sealed(database) as store:
        for statement in reading.split(sql):
            with reading.stream(store, statement) as result:
                rows = [tuple(row.values()) for batch in result.batches for row in batch.to_pylist()]
    return rows


def test_statements_run_in_order_on_one_session(shop: Path) -> None:
    """What one sets, the next sees."""
    assert run(
        shop, "SET VARIABLE floor = 400; SELECT service FROM errors_by_service WHERE events > getvariable('floor')"
    ) == [("web",)]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("INSERT INTO meta VALUES ('a', 'b')", "INSERT would write"),
        ("DROP TABLE events", "DROP would write"),
        ("CREATE VIEW v AS SELECT 1", "CREATE would write"),
        ("COPY events TO 'out.csv'", "cannot read or write files: out.csv"),
        ("EXPORT DATABASE 'out'", "cannot read or write files"),
        ("FROM read_csv('/etc/passwd')", "cannot read or write files: /etc/passwd"),
        ("FROM glob('/*')", "cannot read or write files"),
        ("ATTACH 'other.duckdb'", "cannot read or write files"),
        ("SET enable_external_access = true", "cannot|Cannot"),
        ("SET lock_configuration = false", "has been locked"),
        ("INSTALL httpfs", "cannot read or write files"),
        ("LOAD httpfs", "extensions is disabled"),
    ],
)
def test_nothing_can_be_written_or_read_elsewhere(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str, sentence: str
) -> None:
    """Each way out is refused in one sentence, and leaves no file behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryError, match=sentence):
        run(shop, sql)
    assert list(tmp_path.iterdir()) == []


def test_an_error_shows_where_it_is(shop: Path) -> None:
    """DuckDB's excerpt and caret stay, its class names go."""
    with pytest.raises(QueryError) as refused:
        run(shop, "SELECT nope\nFROM events")
    assert str(refused.value).splitlines()[0] == 'referenced column "nope" not found in FROM clause!'
    assert str(refused.value).splitlines()[-2:] == ["LINE 1: SELECT nope", "               ^"]


def test_a_statement_that_fails_late_is_told_too(shop: Path) -> None:
    """After thousands of rows have been read; the engine may lose the reason, not the failure."""
    with pytest.raises(QueryError, match=r"late|why was lost"):
        run(shop, "SELECT CASE WHEN i = 300000 THEN error('late') END FROM range(400000) AS numbers(i)")


def test_no_statement_is_an_error(shop: Path) -> None:
    """A comment alone does not count."""
    with pytest.raises(QueryError, match="no statement"):
        run(shop, " -- nothing\n")


def test_a_result_left_early_ends_its_statement(shop: Path) -> None:
    """A billion rows are not waited for, and the session goes on."""
    with reading.open_sealed(shop) as store:
        with reading.stream(store, "FROM range(1000000000000)") as result:
            assert next(result.batches).num_rows == reading.BATCH_ROWS
        with reading.stream(store, "SELECT 1 AS one") as result:
            assert [batch.to_pylist() for batch in result.batches] == [[{"one": 1}]]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Reading never makes a file."""
    with pytest.raises(StoreError, match="there is no database"), reading.open_sealed(tmp_path / "none.duckdb"):
        pass
    assert list(tmp_path.iterdir()) == []
