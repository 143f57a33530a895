"""The rows that a SELECT makes of lines, in the table `batch`; a line with which it fails takes no other with it.

DuckDB gives up a statement as a whole. Then the lines are halved until those that it cannot convert are alone.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

_OF_A_LINE: Final = (duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError)
"""What the text of a line may bring about; a lack of memory or a broken connection is none of these."""

_MOST_FAILURES: Final = 1000
"""A line costs as many as there are halvings, seventeen; where so many fail, no piece is halved any more."""

_FEW_LINES: Final = 1000
"""For which a plan is sooner made than made better."""

Statement = Callable[[int], str]
"""The SELECT over the relation `lines`, which begins with the line of that index."""


@dataclass(frozen=True, slots=True)
class Unconvertible:
    """A line that DuckDB cannot convert."""

    position: int
    length: int
    detail: str
    """Its words."""


def fill_batch(connection: duckdb.DuckDBPyConnection, lines: pa.Table, statement: Statement) -> list[Unconvertible]:
    """Make the temporary table `batch` of the rows, and give the lines that no row was made of.

    It may leave the connection's optimizer disabled.

    Raises:
        duckdb.Error: it fails whatever the lines say.
    """
    try:
        _run(connection, lines, 0, "CREATE OR REPLACE TEMP TABLE batch AS", statement)
    except _OF_A_LINE:
        _run(connection, lines.slice(0, 0), 0, "CREATE OR REPLACE TEMP TABLE batch AS", statement)
        return _sifted(connection, lines, statement)
    return []


def _sifted(connection: duckdb.DuckDBPyConnection, lines: pa.Table, statement: Statement) -> list[Unconvertible]:
    """Insert the rows of those lines of which some can be made."""
    found: list[Unconvertible] = []
    failures = 0
    pieces = deque(_halves(0, len(lines)))  # the largest first: where it ends early, small ones are left
    while pieces:
        first, count = pieces.popleft()
        piece = lines.slice(first, count)
        if count <= _FEW_LINES:
            connection.execute("PRAGMA disable_optimizer")
        try:
            _run(connection, piece, first, "INSERT INTO batch", statement)
        except _OF_A_LINE as error:
            failures += 1
            if count > 1 and failures < _MOST_FAILURES:
                pieces += _halves(first, count)
            else:
                found += _unconvertible(piece, error)
    return found


def _halves(first: int, count: int) -> tuple[tuple[int, int], tuple[int, int]]:
    half = count // 2
    return (first, half), (first + half, count - half)


def _unconvertible(lines: pa.Table, error: duckdb.Error) -> list[Unconvertible]:
    words = str(error).partition("\n")[0]
    places = zip(lines["pos"].to_pylist(), lines["bytes"].to_pylist(), strict=True)
    return [Unconvertible(position, length, words) for position, length in places]


def _run(
    connection: duckdb.DuckDBPyConnection, lines: pa.Table, first: int, purpose: str, statement: Statement
) -> None:
    connection.register("lines", lines)
    try:
        connection.execute(f"{purpose} {statement(first)}")
    finally:
        connection.unregister("lines")
