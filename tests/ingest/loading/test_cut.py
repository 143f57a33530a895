"""Files cut into chunks of whole records."""

import gzip
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
from logpipe.store import Store
from tests.ingest.logs import Take, rest


def _record(number: int, lines: int) -> bytes:
    return b"2026-03-14 10:00:00,123 ERROR shop.cart: failure %d\n" % number + b"  and more of it\n" * lines


@pytest.mark.parametrize("name", ["app.log", "app.log.gz"])
@pytest.mark.parametrize("chunk_bytes", [4096, 1 << 20])
def test_records_of_many_lines_are_cut_by_their_number_and_not_by_that_of_lines(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, name: str, chunk_bytes: int
) -> None:
    """However many lines there are to a record: few, or more than a chunk has rows, or than a window holds."""
    for module in (flow, cut, intake):
        monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(cut, "CHUNK_ROWS", 10)
    log = logs / name
    text = b"".join(_record(number, number % 30) for number in range(200)) + _record(200, 1000) + _record(201, 0)
    log.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    rest(log)
    summary = take(format="timed_text")
    assert (summary.errors, summary.rejects) == ([], 0)
    [(records, whole)] = store.execute(
        "SELECT count(*) FILTER (contains(message, 'failure')),"
        " sum(len(string_split(message, chr(10)))) FILTER (message LIKE '%failure %')::BIGINT FROM events"
    )
    assert records == 202
    if chunk_bytes > 4096:
        assert whole == text.count(b"\n") == summary.lines
    assert not verify(store).problems
