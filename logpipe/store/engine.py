"""DuckDB's engine, which says nothing by itself."""

import duckdb


def connect(
    database: str = ":memory:", *, read_only: bool = False, **settings: str | int | bool
) -> duckdb.DuckDBPyConnection:
    """Open a database.

    No bar of progress: where a program has no file, as with `python -c` and in notebooks, DuckDB would show one on
    standard output for each statement that takes two seconds, though on cursors for none; to switch it off would be the
    first such statement.
    """
    return duckdb.connect(database, read_only=read_only, config={**settings}).cursor()
