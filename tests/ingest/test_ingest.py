"""Each line of a file comes in exactly once, through growth, rotation and compression."""

import bz2
import gzip
import lzma
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from io import BufferedIOBase, FileIO
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from backports import zstd

from logpipe.errors import InputError, StoreError
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import ending, flow, reader
from logpipe.ingest.files.discovery import LogFile, find
from logpipe.ingest.files.source import Source
from logpipe.ingest.files.sources import Sources
from logpipe.ingest.ingest import Ingester, ingest
from logpipe.ingest.loading import cut, intake, loader
from logpipe.ingest.loading.chunk import Batch, Chunk, Uncounted
from logpipe.ingest.loading.convert import Converter
from logpipe.ingest.options import Options
from logpipe.store import Store
from logpipe.store.rollup import Cells
from tests.ingest.logs import Take, line, rest, sequences

MEMORY = Path("/dev/shm")
"""Its files may have any date."""


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file rests no sooner than in a minute, however long the ingest takes to come to it."""
    monkeypatch.setattr(ending, "FINAL_AFTER_S", 60.0)


def _write(path: Path, numbers: range, mode: str = "ab") -> None:
    with path.open(mode) as file:
        file.writelines(line(number) for number in numbers)


def test_a_second_ingest_brings_nothing(take: Take, logs: Path, store: Store) -> None:
    """What is in the store is not read again."""
    _write(logs / "app.jsonl", range(100))
    assert take().events == 100
    again = take()
    assert (again.events, again.bytes, again.files) == (0, 0, 1)
    assert sequences(store) == list(range(100))


def test_a_file_is_read_on_where_it_was_left(take: Take, logs: Path, store: Store) -> None:
    """Growth brings only the new lines, however small the first part was."""
    for begin in (0, 1, 2, 50, 51):
        _write(logs / "app.jsonl", range(begin, {0: 1, 1: 2, 2: 50, 50: 51, 51: 200}[begin]))
        take()
    assert sequences(store) == list(range(200))
    assert not verify(store).problems


@pytest.mark.usefixtures("unhurried")
def test_a_last_line_without_its_newline_waits(take: Take, logs: Path, store: Store) -> None:
    """Half a line of a file in use is not taken; with its other half it is one event."""
    whole = line(1)
    (logs / "app.jsonl").write_bytes(line(0) + whole[:20])
    summary = take()
    assert (summary.events, summary.rejects, summary.waiting_bytes) == (1, 0, 20)
    with (logs / "app.jsonl").open("ab") as file:
        file.write(whole[20:])
    assert take().events == 1
    assert sequences(store) == [0, 1]


def test_a_last_line_of_a_resting_file_is_taken(take: Take, logs: Path, store: Store) -> None:
    """A file that nobody writes to is whole; a newline that comes later adds nothing."""
    path = logs / "app.jsonl"
    path.write_bytes(line(0) + line(1).rstrip(b"\n"))
    rest(path)
    assert take().events == 2
    with path.open("ab") as file:
        file.write(b"\n" + line(2))
    assert take().events == 1
    assert sequences(store) == [0, 1, 2]
    assert not verify(store).problems


def test_the_rest_of_a_line_taken_too_early_is_a_reject(take: Take, logs: Path, store: Store) -> None:
    """When a resting file's last line goes on after all, its rest is kept and named, not taken for a record."""
    path = logs / "app.jsonl"
    path.write_bytes(line(0) + b'{"half')
    rest(path)
    take()
    with path.open("ab") as file:
        file.write(b'":1}\n' + line(1))
    take()
    assert sequences(store) == [0, 1]
    reasons = store.execute("SELECT reason, raw FROM rejects ORDER BY source_pos")
    assert reasons == [("unterminated", b'{"half'), ("continues_taken_line", b'":1}')]
    assert not verify(store).problems


@pytest.mark.parametrize("pause", [True, False])
def test_rotation_by_rename(take: Take, logs: Path, store: Store, pause: bool) -> None:
    """A renamed file is known again, its unread end is read, and the new one begins at its beginning."""
    _write(logs / "app.log", range(100))
    take()
    _write(logs / "app.log", range(100, 150))
    for generation in range(3):
        for number in (2, 1):
            if (logs / f"app.log.{number}").exists():
                (logs / f"app.log.{number}").rename(logs / f"app.log.{number + 1}")
        (logs / "app.log").rename(logs / "app.log.1")
        _write(logs / "app.log", range(150 + generation * 50, 200 + generation * 50))
        if pause:
            take()
    take()
    assert sequences(store) == list(range(300))
    assert not verify(store).problems


@pytest.mark.parametrize("rename", [True, False])
def test_verify_follows_a_file_that_was_rotated_since(take: Take, logs: Path, store: Store, rename: bool) -> None:
    """Its bytes are found under its new name; changed there, they are told."""
    path, rotated = logs / "app.jsonl", logs / "app.jsonl.1"
    _write(path, range(50))
    take()
    if rename:
        path.rename(rotated)
        _write(path, range(50, 60))
    else:
        gzipped = logs / "app.jsonl.1.gz"
        gzipped.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        rotated = gzipped
    verdict = verify(store)
    assert (verdict.problems, verdict.files_read) == ((), 1)
    text = gzip.decompress(rotated.read_bytes()) if not rename else rotated.read_bytes()
    changed = text[:-20] + text[-20:].replace(b"4", b"5")
    rotated.write_bytes(gzip.compress(changed) if not rename else changed)
    [problem] = verify(store).problems
    assert problem.reason == "file_changed"
    rotated.unlink()
    assert not verify(store).problems


def test_rotation_by_copy_and_truncation(take: Take, logs: Path, store: Store) -> None:
    """The copy continues the source; the truncated file is a new one, even when it has grown past the old size."""
    _write(logs / "app.log", range(100))
    take()
    _write(logs / "app.log", range(100, 120))
    shutil.copy(logs / "app.log", logs / "app.log.1")
    _write(logs / "app.log", range(120, 400), "wb")
    take()
    assert sequences(store) == list(range(400))
    assert not verify(store).problems


def test_a_copy_beside_the_file_is_not_read_twice(take: Take, logs: Path, store: Store) -> None:
    """Between the copy and the truncation both hold the same lines; they come in once."""
    _write(logs / "app.log", range(100))
    take()
    shutil.copy(logs / "app.log", logs / "app.log.1")
    assert take().events == 0
    _write(logs / "app.log", range(100, 130), "wb")
    take()
    assert sequences(store) == list(range(130))
    assert not verify(store).problems


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd.compress)],
)
def test_a_compressed_file_is_known_again(
    take: Take, logs: Path, store: Store, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    """Compression after rotation brings in only what was not read before it."""
    path = logs / "app.log"
    _write(path, range(100))
    take()
    _write(path, range(100, 140))
    (logs / f"app.log.1.{suffix}").write_bytes(compress(path.read_bytes()))
    path.unlink()
    take()
    assert sequences(store) == list(range(140))
    assert take().bytes == 0
    assert not verify(store).problems


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_a_compressed_file_that_was_cut_off_is_told(
    take: Take, logs: Path, store: Store, compress: Callable[[bytes], bytes]
) -> None:
    """Its whole lines are taken, the rest is a gap, and the error names the file."""
    path = logs / "app.jsonl.1"
    text = b"".join(line(number) for number in range(8_000))
    whole = compress(text)
    path.write_bytes(whole[: len(whole) * 9 // 10])
    fresh = take()
    assert [warning.reason for warning in fresh.warnings] == ["unfinished"]  # it may be a copy in the making
    assert (fresh.errors, fresh.waiting_bytes, fresh.gaps) == ([], 0, 0)
    rest(path, 120)
    [error] = take().errors
    assert error.reason == "damaged"
    assert str(path) in str(error)
    kept = sequences(store)
    assert kept == list(range(len(kept)))
    assert store.execute("SELECT reason FROM gaps") == [("damaged",)]


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("zst", zstd.compress)])
def test_a_long_compressed_file_is_decompressed_once(
    logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    """Though it is read in slices while following, and renamed in between."""
    monkeypatch.setattr("logpipe.ingest.ingest._SLICE_BYTES", 20_000)
    monkeypatch.setattr(cut, "_FIRST_SCANNED_BYTES", 10_000)
    monkeypatch.setattr(cut, "_SCANNED_ROWS", 50)
    path = logs / f"app.log.1.{suffix}"
    path.write_bytes(compress(b"".join(line(number) for number in range(2000))))
    begun = []
    decompressed = reader._decompressed

    def counted(raw: FileIO, compression: reader.Compression) -> BufferedIOBase:
        begun.append(path)
        return decompressed(raw, compression)

    monkeypatch.setattr(reader, "_decompressed", counted)
    ingester = Ingester(store, Options(following=True))
    sweeps, ingester.behind = 0, True
    while ingester.behind:
        ingester.sweep(find([str(logs)])[0])
        sweeps += 1
        if sweeps == 3:
            path.rename(logs / f"app.log.2.{suffix}")
    assert sweeps >= 10
    assert len(begun) <= 3  # its first lines are read before, to know their format
    assert len(ingester.files) == 0
    ingester.close()
    assert sequences(store) == list(range(2000))
    assert not verify(store).problems


def test_two_logs_with_the_same_lines_are_two(take: Take, logs: Path, store: Store) -> None:
    """Files of different families are never taken for copies."""
    for name in ("one.log", "two.log"):
        _write(logs / name, range(50))
    take()
    assert store.execute("SELECT count(*) FROM events") == [(100,)]


def test_equal_lines_are_all_kept(take: Take, logs: Path, store: Store) -> None:
    """Nothing is judged a repetition by its content."""
    (logs / "app.log").write_bytes(line(7) * 1000)
    assert take().events == 1000
    assert not verify(store).problems


def test_links_and_hard_links_are_one_file(take: Take, logs: Path, store: Store) -> None:
    """A file is read once, whatever its names."""
    _write(logs / "app.log", range(50))
    (logs / "link.log").symlink_to(logs / "app.log")
    os.link(logs / "app.log", logs / "hard.log")
    take()
    assert sequences(store) == list(range(50))


@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_link_that_is_led_elsewhere_each_day(take: Take, logs: Path, store: Store, of: str) -> None:
    """What it led to is not read again under its own name, and nothing was overwritten."""
    link = logs / ("current.log" if of == "file" else "current")
    for day in range(3):
        log = logs / (f"app-2026-03-1{day}.log" if of == "file" else f"2026-03-1{day}/app.log")
        log.parent.mkdir(exist_ok=True)
        _write(log, range(50 * day, 50 * day + 50))
        link.unlink(missing_ok=True)
        link.symlink_to(log if of == "file" else log.parent)
        take(logs / "*.log" if of == "file" else logs / "*" / "*.log")
    assert sequences(store) == list(range(150))
    assert not store.execute("FROM gaps")
    assert not verify(store).problems


@pytest.mark.usefixtures("unhurried")
def test_overwriting_unread_lines_is_a_gap(take: Take, logs: Path, store: Store) -> None:
    """Bytes that were seen and are gone before they were read are told, not passed over."""
    path = logs / "app.log"
    path.write_bytes(line(0) + b'{"unfinished')
    take()
    path.write_bytes(line(5, message="another file altogether"))
    summary = take()
    assert summary.lost_bytes == len(b'{"unfinished')
    assert store.execute("SELECT reason, to_pos - from_pos FROM gaps") == [("overwritten", 12)]
    assert sequences(store) == [0, 5]


@pytest.mark.parametrize("chunk", [64, 1000, 4096])
def test_chunks_may_end_anywhere(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    """Whatever the size of the chunks, the lines are the same; a line longer than a chunk is a reject."""
    for module in (flow, cut, intake):
        monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    _write(logs / "app.log", range(30))
    take()
    verdict = verify(store)
    assert not verdict.problems
    if chunk > len(line(29)):
        assert sequences(store) == list(range(30))
    else:
        assert store.execute("SELECT DISTINCT reason, bytes, raw FROM rejects WHERE source_pos = 0") == [
            ("line_too_long", len(line(0)), line(0)[:chunk])
        ]
        assert verdict.rejects == 30


def test_a_time_is_inferred_across_chunks_without_events(
    logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the record before it, though nothing but rejects stands between, and nothing is committed yet."""
    for name in ("CHUNK_ROWS", "_SCANNED_ROWS"):
        monkeypatch.setattr(cut, name, 2)
    monkeypatch.setattr(cut, "_FIRST_PART", 1)
    path = logs / "app.jsonl"
    path.write_bytes(line(0) + line(1) + b'{"torn\n{"torn too\n{"message":"when?"}\n' + line(5))
    os.utime(path, (10**9, 10**9))
    ingest(store, [str(path)], Options(format="logpipe"))
    assert len(store.execute("FROM ledger")) == 3
    [(inferred,), (before,)] = store.execute(
        "SELECT ts FROM events WHERE seq = 1 OR message = 'when?' ORDER BY message"
    )
    assert inferred == before


def test_what_was_committed_is_told_when_counting_fails_later(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next ingest goes on behind it, and nothing is there twice."""
    for name in ("CHUNK_ROWS", "_SCANNED_ROWS"):
        monkeypatch.setattr(cut, name, 2)
    monkeypatch.setattr(loader, "ROW_GROUP", 4)
    times = iter(range(100))
    count = Converter.count

    def fails_once(self: Converter, batches: Sequence[Uncounted]) -> Cells:
        if next(times) == 1:
            raise duckdb.Error("no memory for that")
        return count(self, batches)

    monkeypatch.setattr(Converter, "count", fails_once)
    _write(logs / "app.log", range(12))
    ingester = Ingester(store, Options())
    files, _ = find([str(logs)])
    ingester.sweep(files)
    assert [error.reason for error in ingester.summary.errors] == ["unconvertible"]
    assert sequences(store) == list(range(4))
    ingester.sweep(files)
    ingester.close()
    assert sequences(store) == list(range(12))
    assert not verify(store).problems


def test_many_small_files_share_a_transaction(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each is a source of its own, with its own part of the ledger."""
    for number in range(100):
        (logs / f"app{number:02}.log").write_bytes(line(number) + line(100 + number))
    loads = []
    transaction = Store.transaction

    def counted(store: Store, *, beside: bool = False) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        loads.extend([1] * beside)
        return transaction(store, beside=beside)

    monkeypatch.setattr(Store, "transaction", counted)
    assert take().events == 200
    assert len(loads) == 2
    assert sequences(store) == list(range(200))
    assert store.execute("SELECT count(*), min(to_pos), sum(events)::BIGINT FROM ledger") == [
        (100, len(line(0)) + len(line(100)), 200)
    ]
    assert not verify(store).problems
    assert take().events == 0


@pytest.mark.parametrize("error", [duckdb.Error("not that one"), RuntimeError("who would have thought")])
def test_a_file_that_cannot_be_taken_is_no_matter_of_the_others(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Though they share its transaction; it is told alone, and taken when it can be."""
    for number in range(10):
        (logs / f"app{number}.log").write_bytes(line(number))
    convert = Converter.convert

    def fails(self: Converter, chunk: Chunk) -> Batch:
        if b'"seq":3' in bytes(chunk.records.data):
            raise error
        return convert(self, chunk)

    with monkeypatch.context() as patched:
        patched.setattr(Converter, "convert", fails)
        summary = take()
    [told] = summary.errors
    assert told.message.startswith(f"{logs / 'app3.log'}: ")
    assert told.reason == ("unconvertible" if isinstance(error, duckdb.Error) else "unexpected")
    assert summary.events == 9
    assert sequences(store) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert take().events == 1
    assert not verify(store).problems


@pytest.mark.parametrize("follow", [True, False])
def test_what_nobody_thought_of_ends_with_its_file(
    store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    """Also before anything was taken of it; what the store refuses is no file's error."""
    for number in range(3):
        (logs / f"app{number}.log").write_bytes(line(number))
    wrong: list[Exception] = [RuntimeError("who would have thought"), StoreError("not now")]
    monkeypatch.setattr(Sources, "add", _failing(Sources.add, "app1", wrong))
    ingester = Ingester(store, Options(following=follow))
    ingester.sweep(find([str(logs)])[0])
    assert [error.reason for error in ingester.summary.errors] == ["unexpected"]
    assert (sequences(store), ingester.summary.new_files) == ([0, 2], 2)
    with pytest.raises(StoreError, match="not now"):
        ingester.sweep(find([str(logs)])[0])
    ingester.sweep(find([str(logs)])[0])
    ingester.close()
    assert sequences(store) == [0, 1, 2]
    assert not verify(store).problems


def _failing(add: Callable[..., Source], name: str, errors: list[Exception]) -> Callable[..., Source]:
    """Raises one error after the other for the file of a name, as long as there are some."""

    def added(sources: Sources, file: LogFile, *others: object, **named: object) -> Source:
        if errors and name in file.path:
            raise errors.pop(0)
        return add(sources, file, *others, **named)

    return added


def test_positions_are_those_of_the_file(take: Take, logs: Path, store: Store) -> None:
    """At the byte that an event names, its line stands."""
    path = logs / "app.log"
    path.write_bytes(b"\xef\xbb\xbf" + line(0) + b"\r\n\n" + line(1, message="é€").replace(b"\n", b"\r\n") + b"x\n")
    _write(path, range(2, 30))
    take()
    data = path.read_bytes()
    for position, length, message in store.execute("SELECT source_pos, bytes, message FROM events"):
        assert message.encode() in data[position : position + length]
    assert store.execute("SELECT source_pos, raw FROM rejects") == [(data.index(b"x\n"), b"x")]
    assert not verify(store).problems


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_as_text(take: Take, logs: Path, store: Store, encoding: str) -> None:
    """A file in UTF-16 with its mark is read like any other, and read on as it grows."""
    path = logs / "app.log"
    path.write_bytes("\ufeff".encode(encoding))
    for begin in (0, 50):
        with path.open("ab") as file:
            for number in range(begin, begin + 50):
                file.write(line(number, message="é€😀").decode().encode(encoding))
        take()
    assert sequences(store) == list(range(100))
    assert store.execute("SELECT DISTINCT message FROM events") == [("é€😀",)]
    assert not verify(store).problems


def test_utf_16_that_ends_within_a_character_goes_on(take: Take, logs: Path, store: Store) -> None:
    """What is there of it is not taken for another character: so the file stays the same one."""
    path, whole = logs / "app.log", "\ufeffone\ntwo 😀\nthree\n".encode("utf-16-le")
    for size in (len(whole) - 16, len(whole)):  # at first up to half of a surrogate pair
        path.write_bytes(whole[:size])
        rest(path)
        take(format="plain")
    assert store.execute("SELECT message FROM events ORDER BY source_pos") == [("one",), ("two ",), ("three",)]
    assert store.execute("SELECT reason, raw FROM rejects") == [("continues_taken_line", "😀".encode())]
    assert not verify(store).problems


def test_a_mark_of_utf_16_before_other_text_is_none(take: Take, logs: Path, store: Store) -> None:
    """Where no NUL follows, the text is not in UTF-16, and would be made unreadable."""
    (logs / "app.log").write_bytes(b"\xff\xfe" + line(0) + line(1))
    take(format="logpipe")
    assert sequences(store) == [1]
    [(raw,)] = store.execute("SELECT raw FROM rejects")
    assert raw == b"\xff\xfe" + line(0).rstrip()


def test_a_file_rotated_away_from_its_name_is_read_to_its_end(take: Take, logs: Path, store: Store) -> None:
    """Naming one file is enough: what was not read of it is found under its rotated name."""
    path = logs / "app.log"
    _write(path, range(20))
    take(path)
    _write(path, range(20, 30))
    path.rename(logs / "app.log.1")
    _write(path, range(30, 40))
    take(path)
    assert sequences(store) == list(range(40))


def test_a_new_file_that_begins_alike_is_no_copy(take: Take, logs: Path, store: Store) -> None:
    """After a rename the same banner at the head of the next file is read again."""
    banner = line(7, message="starting " + "=" * 100)
    (logs / "app.log").write_bytes(banner + line(8))
    take()
    (logs / "app.log").rename(logs / "app.log.1")
    (logs / "app.log").write_bytes(banner)
    take()
    assert sequences(store) == [7, 7, 8]


def test_a_key_with_a_nul_is_kept(take: Take, logs: Path, store: Store) -> None:
    """Whatever a key is called, its value is an attribute."""
    (logs / "app.log").write_bytes(line(0, **{"k\0x": 1}) + line(1))
    assert take().events == 2
    assert store.execute("SELECT attributes FROM events WHERE seq = 0") == [('{"k\\u0000x":1}',)]


def test_an_unknown_time_zone_is_refused(take: Take, logs: Path) -> None:
    """Before anything is read."""
    _write(logs / "app.log", range(2))
    with pytest.raises(InputError, match="no time zone called Foo/Bar"):
        take(time_zone="Foo/Bar")


def test_json_nested_without_end_is_a_reject(take: Take, logs: Path, store: Store) -> None:
    """It is kept whole, and the lines around it are events."""
    deep = b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    (logs / "app.log").write_bytes(b"".join(map(line, range(30))) + deep + b"\n" + line(30))
    assert take().events == 31
    assert store.execute("SELECT reason, raw FROM rejects") == [("malformed_json", deep)]
    assert not verify(store).problems


def test_brackets_that_do_not_nest_are_no_reason_to_reject(take: Take, logs: Path, store: Store) -> None:
    """Many of them in a text or in a list are a record; too deep behind a record is none."""
    wide = line(1, items=[{"a": 1}] * 60_000)
    told = line(2, message="[" * 60_000)
    deep = line(3).rstrip(b"\n") + b" " * 60_000 + b"[" * 60_000 + b"\n"
    (logs / "app.jsonl").write_bytes(line(0) + wide + told + deep)
    rest(logs / "app.jsonl")
    take()
    assert sequences(store) == [0, 1, 2]
    [(reason, raw)] = store.execute("SELECT reason, raw FROM rejects")
    assert (reason, raw) == ("malformed_json", deep.rstrip(b"\n"))


@pytest.mark.parametrize("where", [0, 3, 2000])
def test_a_hole_of_nuls_costs_no_line(take: Take, logs: Path, store: Store, where: int) -> None:
    """What a writer leaves that goes on behind a truncation, wherever it stands."""
    lines = [line(number) for number in range(3000)]
    (logs / "app.jsonl").write_bytes(b"".join(lines[:where]) + b"\0" * 4096 + b"".join(lines[where:]))
    rest(logs / "app.jsonl")
    assert take().errors == []
    assert sequences(store) == list(range(3000))


def test_a_time_before_the_year_1_stops_nothing(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor do records without a time that stand behind it, in a chunk of their own."""
    monkeypatch.setattr(cut, "CHUNK_ROWS", 2)
    early = line(1).replace(b"2026-03-12", b"0000-03-12")
    late = b"".join(line(number).replace(b"timestamp", b"t") for number in range(2, 50))
    (logs / "app.jsonl").write_bytes(line(0) + early + late)
    rest(logs / "app.jsonl")
    assert take(format="logpipe").errors == []
    assert sequences(store) == list(range(50))


@pytest.mark.parametrize(
    "year", [-300, 2300, 12000, *(pytest.param(year, marks=pytest.mark.long) for year in (1, 1600, 9999))]
)
def test_the_date_of_a_file_may_make_no_sense(year: int) -> None:
    """Times are inferred from it all the same, and the database can be opened again."""
    modified_s = (year - 1970) * 365.2425 * 86_400
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        (log, timeless), database = [Path(folder, name) for name in ("a.log", "b.log")], Path(folder, "x.duckdb")
        for number in (1, 2):
            for path, text in ((log, b"Mar  4 10:00:00 host app: %d\n" % number), (timeless, b"no time\n")):
                with path.open("ab") as file:
                    file.write(text)
                os.utime(path, (modified_s, modified_s))
            with Store.open(database) as store:
                summary = ingest(store, [str(log), str(timeless)], Options())
                assert (summary.events, summary.errors) == (2, [])
        with Store.open(database) as store:
            assert store.execute("SELECT count(*), count(ts) FROM events") == [(4, 4)]
            assert not verify(store).problems


def test_a_database_with_dates_that_make_no_sense_can_be_used(take: Take, logs: Path, store: Store) -> None:
    """As releases wrote them that took any."""
    (logs / "app.jsonl").write_bytes(line(0))
    take()
    store.execute("UPDATE sources SET modified_at = TIMESTAMPTZ '2300-01-01 00:00:00Z'")
    with (logs / "app.jsonl").open("ab") as file:
        file.write(line(1))
    assert not take().errors
    assert sequences(store) == [0, 1]


def test_an_ingest_waits_for_memory(store: Store, logs: Path, take: Take) -> None:
    """That another query holds: the lines come in when it has ended, once."""
    (logs / "app.log").write_bytes(b"".join(line(number) for number in range(20_000)))
    other = store.connection.cursor()
    other.execute("SELECT list(repeat('x', 1000) || i) FROM range(60_000) AS numbers(i)")
    [(used,)] = store.execute("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()")
    store.execute(f"SET memory_limit = '{used + 1_000_000}B'")
    threading.Timer(1.0, other.close).start()
    assert take().events == 20_000
    assert sequences(store) == list(range(20_000))


def test_what_asks_ahead_is_let_go_when_its_statement_has_failed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow does so on threads of its own, for which the process waits at its end."""
    asked: list[Future[object]] = []
    with ThreadPoolExecutor(2) as pool:

        def fails(_: Store, next_item: Callable[[], object], __: object) -> None:
            asked.append(pool.submit(next_item))
            raise StoreError("no room left")

        monkeypatch.setattr(loader, "_load", fails)
        load = loader._Load(store, pool, None)
        with pytest.raises(StoreError, match="no room left"):
            load.committed()
        assert asked[0].result(timeout=30) is None
