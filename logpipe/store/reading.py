"""Reading with SQL: statements that cannot write, their rows streamed in Arrow batches, and Ctrl-C that ends them."""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa

from logpipe.errors import QueryError
from logpipe.store import quack
from logpipe.store.attached import own_words
from logpipe.store.database import Store
from logpipe.store.duckdb_errors import owner_gone

BATCH_ROWS: Final = 8_192

_WRITE = re.compile(r'Cannot execute statement of type "(\w+)".* read-only mode')
_FILE = re.compile(r'Cannot access (?:file|directory) "(.*?)"')
_CLASS = re.compile(r"\A(?:[A-Za-z-]+ )+Error: ")

Parameters = Mapping[str, object]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of one statement; read them before the block of `stream` ends, once."""

    schema: pa.Schema
    json_columns: frozenset[int]
    """Indexes of the columns whose text is JSON: Arrow does not tell them from other text."""
    batches: Iterator[pa.RecordBatch]
    """At most `BATCH_ROWS` rows each."""


@contextmanager
def open_sealed(url: str | Path) -> Iterator[Store]:
    """The store at `url` for statements of strangers: they can neither write to it, nor to files, nor read other files.

    Raises:
        StoreError: as `Store.open`.
    """
    with Store.open(url, read_only=True) as store:
        if not store.attached:  # an owner has done so for all its clients
            store.execute("SET enable_external_access = false")
            store.execute("SET lock_configuration = true")
        yield store


def split(sql: str) -> list[duckdb.Statement]:
    """The statements of `sql`.

    Raises:
        QueryError: there is none, or one cannot be parsed.
    """
    with _translated(""):
        statements = duckdb.extract_statements(sql)
    if not statements:
        raise QueryError("there is no statement to run", remedy='for example: logpipe query "FROM errors_by_service"')
    return statements


@contextmanager
def stream(store: Store, statement: str | duckdb.Statement, parameters: Parameters | None = None) -> Iterator[Result]:
    """Run one statement; leaving the block before all rows were read ends it.

    It runs on a thread of its own, so that this one can receive Ctrl-C meanwhile.

    Raises:
        QueryError: the statement was refused or failed, also while its rows are read.
    """
    connection = store.connection
    with futures.ThreadPoolExecutor(1, "query") as worker:

        def wait(step: Callable[[], _T]) -> _T:
            with _translated(store.url):
                return worker.submit(step).result()

        def start() -> tuple[pa.RecordBatchReader, frozenset[int]]:
            connection.execute(statement, parameters or None)
            columns = connection.description or []
            json_columns = frozenset(index for index, column in enumerate(columns) if str(column[1]) == "JSON")
            return connection.to_arrow_reader(BATCH_ROWS), json_columns

        try:
            reader, json_columns = wait(start)
            yield Result(reader.schema, json_columns, _batches(lambda: wait(lambda: next(reader, None))))
        finally:
            idle = worker.submit(lambda: None)
            while not idle.done():  # asked again and again: a statement that had not begun would not notice
                connection.interrupt()
                futures.wait([idle], timeout=0.05)


def _batches(read: Callable[[], Any]) -> Iterator[pa.RecordBatch]:
    return iter(read, None)


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """DuckDB's errors, also those that Arrow passes on, as one of ours; the excerpt with its caret stays."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
        text = own_words(str(error))
        raise (owner_gone(url) if quack.is_unreachable(text) else _query_error(text)) from error


def _query_error(text: str) -> QueryError:
    if quack.REFUSED in text:
        return QueryError("the statement does more than read, and a query only reads", reason="read_only")
    if write := _WRITE.search(text):
        return QueryError(f"{write[1]} would write, and a query only reads", reason="read_only")
    if file := _FILE.search(text):
        return QueryError(
            f"a query cannot read or write files: {file[1]}",
            remedy="write its result with: logpipe query SQL -o FILE",
            reason="no_files",
        )
    if text.startswith("INTERRUPT Error"):  # where several threads meet an error, DuckDB may report a bystander's
        return QueryError("the statement failed while its rows were read, and why was lost", remedy="run it again")
    message = _CLASS.sub("", text.strip()).replace("\n\n", "\n")
    return QueryError(message[:1].lower() + message[1:] if message[1:2].islower() else message)
