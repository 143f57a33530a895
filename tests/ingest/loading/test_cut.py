"""Files cut into chunks of whole records."""

import gzip
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
from logpipe.ingest.scanning import lines
from logpipe.store import Store
from tests.ingest.logs import Take, rest


def _record(number: int, lines: int) -> bytes:
    return b"2026-03-14 10:00:00,123 ERROR shop.cart: failure %d\n" % number + b"  and more of it\n" * lines


@pytest.mark.parametrize("most_lines", [100, 1 << 20])
@pytest.mark.parametrize("name", ["app.log", "app.log.gz"])
@pytest.mark.parametrize("chunk_bytes", [4096, 1 << 20])
def test_records_of_many_lines_are_cut_by_their_number_and_not_by_that_of_lines(
    take: Take,
    logs: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    chunk_bytes: int,
    most_lines: int,
) -> None:
    """However many lines there are to a record: few, or more than a chunk has rows, or than are cut at once."""
    for module in (flow, cut, intake):
        monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(cut, "CHUNK_ROWS", 10)
    monkeypatch.setattr(cut, "_MOST_LINES", most_lines)
    log = logs / name
    text = b"".join(_record(number, number % 30) for number in range(40)) + _record(40, 300) + _record(41, 0)
    log.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    rest(log)
    summary = take(format="timed_text")
    assert (summary.errors, summary.rejects) == ([], 0)
    [(records, joined)] = store.execute(
        "SELECT count(*) FILTER (contains(message, 'failure')), sum(len(string_split(message, chr(10))))::BIGINT"
        " FROM events"
    )
    assert records == 42
    assert joined == text.count(b"\n") == summary.lines
    assert not verify(store).problems


@pytest.mark.parametrize("most_lines", [1, 7, 1000])
@pytest.mark.parametrize("ending", [b"\n", b"", b"\n\n\n"])
def test_only_so_many_lines_are_cut_at_once(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, most_lines: int, ending: bytes
) -> None:
    """Blank ones too; one ingest takes them all."""
    monkeypatch.setattr(cut, "_MOST_LINES", most_lines)
    seen: list[int] = []
    split = lines.split

    def noted(data: memoryview, *, at_start: bool, most: int) -> lines.Records:
        found = split(data, at_start=at_start, most=most)
        seen.append(found.lines)
        return found

    monkeypatch.setattr(lines, "split", noted)
    log = logs / "app.log"
    text = b"".join(b"line %d\n" % number + b"\n" * (number % 5) for number in range(20)) + b"last" + ending
    log.write_bytes(text)
    rest(log)
    summary = take(format="plain")
    assert (summary.events, summary.lines, summary.bytes) == (21, len(text.splitlines()), len(text))
    assert max(seen) == min(most_lines, summary.lines)
    assert not verify(store).problems
