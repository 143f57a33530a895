"""Where the rows of a query or a report go: a table on the terminal, or a file in one of the formats."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import typer

from logpipe.cli.options import Format

if TYPE_CHECKING:
    import pyarrow as pa

    from logpipe.store.reading import Result

TABLE_ROWS: Final = 1000
"""Rows of a table unless --limit says otherwise; more than a person reads, and it is laid out in memory."""

_SUFFIXES: Final = {
    ".json": Format.JSON,
    ".jsonl": Format.JSON,
    ".ndjson": Format.JSON,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
    ".md": Format.MARKDOWN,
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A place and a format for rows."""

    path: str
    """`-` is standard output."""
    form: Format

    @classmethod
    def of(cls, path: str, form: Format | None, db: str) -> "Destination":
        """The destination that the options ask for.

        Raises:
            typer.BadParameter: the options do not fit each other.
        """
        if form is None:
            form = Format.TABLE if path == "-" else _SUFFIXES.get(Path(path).suffix.lower())
        if form is None:
            raise typer.BadParameter(f"the name {path!r} does not tell a format; add --format")
        if path == "-" and form is Format.PARQUET and sys.stdout.isatty():
            raise typer.BadParameter("parquet is not for a terminal; write it to a file with -o")
        if path != "-" and _same_file(path, db):
            raise typer.BadParameter(f"{path} is the database itself")
        return cls(path, form)

    def write(self, result: "Result", limit: int | None, *, exact: bool) -> None:
        """Write the rows of `result`, at most `limit` (0: all, None: all but for a table).

        `exact` figures are for copying, the others for reading; it concerns tables only.
        """
        from logpipe.cli import output, writers
        from logpipe.cli.atomic_file import open_output

        wanted = limit if limit is not None else TABLE_ROWS if self.form is Format.TABLE else 0
        cut = _Cut()
        if wanted:
            result = replace(result, batches=_first(result.batches, wanted, cut))
        with open_output(self.path) as out:
            rows = (
                _write_tables(result, out, exact=exact)
                if self.form is Format.TABLE
                else writers.write(result, self.form, out)
            )
        if rows == 0 and self.form is Format.TABLE:
            output.note("no rows")
        if cut.made and limit is None:
            output.note(f"only the first {wanted:,} rows; --limit 0 shows all, --format csv is faster")

    def write_page(self, result: "Result") -> None:
        """Write the queries of the report slow-queries as a page."""
        from logpipe.cli import output, query_page
        from logpipe.cli.atomic_file import open_output

        queries = [row for batch in result.batches for row in batch.to_pylist()]
        with open_output(self.path) as out, _as_stdout(out):
            if queries:
                query_page.profile(queries, output.console().width)
                sys.stdout.write("\n" + query_page.page(queries))
        if not queries:
            output.note("no rows")


@dataclass(slots=True)
class _Cut:
    made: bool = False


def _first(batches: "Iterator[pa.RecordBatch]", rows: int, cut: _Cut) -> "Iterator[pa.RecordBatch]":
    for batch in batches:
        if batch.num_rows > rows:
            cut.made = True
            if rows:
                yield batch.slice(0, rows)
            return
        rows -= batch.num_rows
        yield batch


def _write_tables(result: "Result", out: BinaryIO, *, exact: bool) -> int:
    """A table for every page of rows, so that any number of them fits in memory."""
    from logpipe.cli import output, writers

    names = result.schema.names
    numeric = [writers.is_number(field.type) for field in result.schema]
    pages = writers.cells(result) if exact else writers.values(result)
    rows = 0
    with _as_stdout(out):
        for page in pages:
            output.table(names, page, numeric=numeric)
            rows += len(page)
    return rows


@contextmanager
def _as_stdout(out: BinaryIO) -> Iterator[None]:
    if out is sys.stdout.buffer:
        yield
        return
    text = TextIOWrapper(out, encoding="utf-8", write_through=True)
    with redirect_stdout(text):
        yield
    text.detach()


def _same_file(path: str, other: str) -> bool:
    return Path(path).exists() and Path(other).exists() and Path(path).samefile(other)
