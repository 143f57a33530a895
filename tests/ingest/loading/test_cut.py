"""Files cut into chunks of whole records."""

import gzip
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
from logpipe.ingest.scanning import lines
from logpipe.store import Store
from tests.ingest.logs import Take, line, rest


def _record(number: int, lines: int) -> bytes:
    return b"2026-03-14 10:00:00,123 ERROR shop.cart: failure %d\n" % number + b"  and more of it\n" * lines


@pytest.mark.parametrize(
    ("name", "chunk_bytes", "most_lines"),
    [
        ("app.log", 1 << 20, 100),
        ("app.log", 4096, 1 << 20),
        ("app.log.gz", 4096, 100),
        ("app.log.gz", 1 << 20, 1 << 20),
        *(
            pytest.param(*others, marks=pytest.mark.long)
            for others in (
                ("app.log", 4096, 100),
                ("app.log", 1 << 20, 1 << 20),
                ("app.log.gz", 4096, 1 << 20),
                ("app.log.gz", 1 << 20, 100),
            )
        ),
    ],
)
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
    summary = take(format="python_text")
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
    text = b"".join(b"line %d\n" % number + b"\n" * (number % 5) for number in range(8)) + b"last" + ending
    log.write_bytes(text)
    rest(log)
    summary = take(format="plain")
    assert (summary.events, summary.lines, summary.bytes) == (9, len(text.splitlines()), len(text))
    assert max(seen) == min(most_lines, summary.lines)
    assert not verify(store).problems


def test_a_long_hole_is_told_in_pieces(take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other files have their turn between, and an interruption is seen."""
    monkeypatch.setattr(cut, "_HOLE_BYTES", 1 << 20)
    log = logs / "app.jsonl"
    with log.open("wb") as file:
        file.seek(5 << 19)
        file.write(line(0))
    rest(log)
    assert take(format="logpipe").events == 1
    holes = store.execute("SELECT source_pos, bytes FROM rejects WHERE reason = 'hole' ORDER BY source_pos")
    assert holes == [(0, 1 << 20), (1 << 20, 1 << 20), (1 << 21, 1 << 19)]
    assert not verify(store).problems


@pytest.mark.parametrize(("format_", "most"), [("plain", "_WANTED_BYTES"), ("logpipe", "_WANTED_SCANNED_BYTES")])
def test_chunks_of_long_lines_have_fewer_rows(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, format_: str, most: str
) -> None:
    """So that a chunk is no larger in memory, and chunks come to whole row groups all the same."""
    monkeypatch.setattr(cut, "CHUNK_ROWS", 120)
    monkeypatch.setattr(cut, "_SCANNED_ROWS", 120)
    monkeypatch.setattr(cut, "_FIRST_SCANNED_BYTES", 50_000)
    monkeypatch.setattr(cut, most, 10_000)
    monkeypatch.setattr(flow, "_FIRST_BYTES", 50_000)
    log = logs / "app.jsonl"
    log.write_bytes(b"".join(line(number, message="x" * 200) for number in range(400)))
    rest(log)
    assert take(format=format_).events == 400
    [(largest,)] = store.execute("SELECT max(to_pos - from_pos) FROM ledger")
    assert 5_000 < largest <= 10_000
    ends = [end for (end,) in store.execute("SELECT sum(events) OVER (ORDER BY from_pos)::INT FROM ledger")]
    assert {120, 240, 360, 400} <= set(ends)
    assert not verify(store).problems
