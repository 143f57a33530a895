"""Batches loaded: how much goes into one transaction, and how many of these are under way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.loading import cut, loader
from logpipe.store import Store, rollup
from tests.ingest.logs import Take, line, rest


class _Transactions:
    """Those of a store that run beside others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = self.open = self.most = 0
        transaction = Store.transaction

        @contextmanager
        def counted(store: Store, *, beside: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
            with transaction(store, beside=beside) as connection:
                self.begun, self.open = self.begun + beside, self.open + beside
                self.most = max(self.most, self.open)
                yield connection
            self.open -= beside

        monkeypatch.setattr(Store, "transaction", counted)


@pytest.fixture
def log(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a hundred lines, ten to a chunk."""
    for name in ("CHUNK_ROWS", "_SCANNED_ROWS"):
        monkeypatch.setattr(cut, name, 10)
    monkeypatch.setattr(cut, "_FIRST_PART", 1)
    log = logs / "app.jsonl"
    log.write_bytes(b"".join(line(number) for number in range(100)))
    rest(log)
    return log


def test_a_transaction_ends_with_its_row_group_or_where_it_is_large(
    take: Take, log: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row group of long lines would not fit into memory."""
    monkeypatch.setattr(loader, "ROW_GROUP", 50)
    monkeypatch.setattr(loader, "_MOST_BYTES", log.stat().st_size // 5)
    transactions = _Transactions(monkeypatch)
    assert take(format="logpipe").events == 100
    assert transactions.begun == 5
    assert not verify(store).problems


@pytest.mark.parametrize(("bytes_at_once", "most"), [(1, 1), (1 << 30, 2)])
def test_two_transactions_are_under_way_unless_they_are_large(
    take: Take, log: Path, store: Store, monkeypatch: pytest.MonkeyPatch, bytes_at_once: int, most: int
) -> None:
    """Both are in memory meanwhile."""
    monkeypatch.setattr(loader, "ROW_GROUP", 10)
    monkeypatch.setattr(loader, "_MOST_BYTES_AT_ONCE", bytes_at_once)
    transactions = _Transactions(monkeypatch)
    assert take(format="logpipe").events == 100
    assert transactions.begun == 10
    assert transactions.most <= most
    assert log.exists()
    assert not verify(store).problems


def test_the_ledger_is_numbered_in_the_order_of_commits(
    take: Take, log: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has seen a number will not be shown a lower one later: also where a transaction waits for the one ahead."""
    done: list[str] = []
    second_inserted = threading.Event()
    insert, enter, add = loader._insert_events, loader._enter, rollup.add
    transaction = Store.transaction

    def inserted(*arguments: Any) -> None:
        insert(*arguments)
        if "inserted" in done:
            second_inserted.set()
        done.append("inserted")

    def entered(*arguments: Any) -> None:
        enter(*arguments)
        done.append("entered")

    def added(*arguments: Any) -> None:
        assert second_inserted.wait(60)
        add(*arguments)

    @contextmanager
    def committed(store: Store, *, beside: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        with transaction(store, beside=beside) as connection:
            yield connection
        done.extend(["committed"] * beside)

    monkeypatch.setattr(loader, "ROW_GROUP", 50)
    monkeypatch.setattr(loader, "_insert_events", inserted)
    monkeypatch.setattr(loader, "_enter", entered)
    monkeypatch.setattr(rollup, "add", added)
    monkeypatch.setattr(Store, "transaction", committed)
    assert take(format="logpipe").events == 100
    assert log.exists()
    assert [step for step in done if step != "inserted"] == ["entered", "committed"] * 2
    [(numbers,)] = store.execute("SELECT list(ledger_id ORDER BY from_pos) FROM ledger")
    assert numbers == sorted(numbers)


def test_a_column_that_files_bring_in_two_types_of_text_is_widened() -> None:
    """Whatever the memory holds where a text is NULL: PyArrow's own cast would follow it, and end the process."""
    views = np.array([[1, ord("7"), 0, 0], [-5, 0, 0, 0], [1, ord("8"), 0, 0]], np.int32)
    valid = np.packbits([1, 0, 1], bitorder="little")
    texts = pa.Array.from_buffers(pa.string_view(), 3, [pa.py_buffer(valid), pa.py_buffer(views)])
    for column, expected in ((texts, ["7", None, "8"]), (texts[1:], [None, "8"]), (texts[:1], ["7"])):
        assert loader._as_type(pa.chunked_array([column]), pa.string()).to_pylist() == expected
