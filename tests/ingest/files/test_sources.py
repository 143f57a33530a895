"""Files that change their names while a sweep looks at them, and inodes that come again."""

import gzip
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import LogFile, find
from logpipe.ingest.ingest import Ingester, ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import line, rest, sequences


@pytest.fixture
def ingester(store: Store) -> Iterator[Ingester]:
    follower = Ingester(store, Options(following=True))
    yield follower
    follower.close()


def _lines(*numbers: int) -> bytes:
    return b"".join(map(line, numbers))


def _look(ingester: Ingester, logs: Path, *, last: bool = False) -> None:
    ingester.sweep(find([str(logs)])[0], last=last)


def _amid(ingester: Ingester, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done in the next sweep, after files were matched to sources and before they are read."""
    keep = ingester.files.keep

    def act_first(*arguments: object, **named: object) -> None:
        monkeypatch.undo()
        act()
        keep(*arguments, **named)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(ingester.files, "keep", act_first)


def test_a_compressed_copy_is_renamed_before_it_is_read(
    ingester: Ingester, store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its original, which only a descriptor still leads to, is no new file."""
    log = logs / "app.jsonl.1"
    log.write_bytes(_lines(0, 1, 2))
    _look(ingester, logs)
    compressed = logs / "app.jsonl.1.gz"
    compressed.write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    _amid(ingester, monkeypatch, lambda: compressed.rename(logs / "app.jsonl.2.gz"))
    _look(ingester, logs)
    assert ingester.unsettled
    _look(ingester, logs)
    assert not ingester.unsettled
    assert sequences(store) == [0, 1, 2]
    assert store.execute("SELECT path FROM sources") == [(str(logs / "app.jsonl.2.gz"),)]
    assert not ingester.summary.errors


def test_nothing_is_closed_by_a_sweep_that_could_not_look(
    ingester: Ingester, store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was found and is not there any more may be any of its family."""
    log = logs / "app.jsonl"
    log.write_bytes(gzip.compress(_lines(0, 1)))  # compressed files are not kept open
    _look(ingester, logs)
    found = find([str(logs)])[0]
    moved = [LogFile(file.path, file.family, 0, 0, file.size + 1, 0) for file in found]
    log.rename(logs / "app.jsonl.1")
    ingester.sweep(moved)
    assert store.execute("SELECT state FROM sources WHERE state = 'gone'") == []
    _look(ingester, logs)
    assert sequences(store) == [0, 1]
    assert store.execute("FROM gaps") == []


def test_a_file_that_vanishes_under_an_ingest_is_looked_for_again(
    store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logs / "app.jsonl"
    log.write_bytes(_lines(0, 1))
    looks: list[int] = []

    def find_and_rename(paths: list[str]) -> tuple[list[LogFile], list[Exception]]:
        found = find(paths)
        if not looks:
            log.rename(logs / "app.jsonl.1")
        looks.append(len(found))
        return found  # type: ignore[return-value] # lists of errors

    monkeypatch.setattr("logpipe.ingest.ingest.find", find_and_rename)
    summary = ingest(store, [str(logs)], Options())
    assert len(looks) == 2
    assert not summary.errors
    assert sequences(store) == [0, 1]


def test_a_source_in_an_inode_that_another_had_is_closed_with_its_file(
    ingester: Ingester, store: Store, logs: Path
) -> None:
    log, rotated = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(0, 1))
    rest(log, 100)
    rotated.write_bytes(_lines(2))
    ingest(store, [str(logs)], Options())
    inode = rotated.stat().st_ino
    rotated.unlink()
    _copy_into(inode, log, rotated)
    log.write_bytes(b"")
    ingester.attach(store)
    _look(ingester, logs)
    assert store.execute("SELECT inode FROM sources WHERE state = 'active'") == [(inode,)]
    rotated.unlink()
    _look(ingester, logs)
    _look(ingester, logs, last=True)
    assert store.execute("SELECT source_id FROM sources WHERE state <> 'gone'") == []


def _copy_into(inode: int, original: Path, copy: Path) -> None:
    """Make files until one of them has the inode."""
    for number in range(200):
        made = copy.with_name(f".{number}")  # hidden files are no logs
        shutil.copyfile(original, made)
        if made.stat().st_ino == inode:
            made.rename(copy)
            return
    pytest.skip("this file system does not use inodes again")


def test_the_oldest_of_files_that_were_found_together_is_the_first_generation(store: Store, logs: Path) -> None:
    """When rotation deletes it, its writer has moved on, and nothing was lost."""
    for number, age in (("", 0), (".1", 100), (".2", 200)):
        path = logs / f"app.jsonl{number}"
        path.write_bytes(_lines(age))
        rest(path, 60 + age)
    ingest(store, [str(logs)], Options())
    (logs / "app.jsonl.2").unlink()
    (logs / "app.jsonl.1").rename(logs / "app.jsonl.2")
    (logs / "app.jsonl").rename(logs / "app.jsonl.1")
    (logs / "app.jsonl").write_bytes(_lines(300))
    summary = ingest(store, [str(logs)], Options())
    assert sequences(store) == [0, 100, 200, 300]
    assert summary.gaps == 0
    assert not summary.warnings


def test_a_copy_is_found_while_it_is_being_made(ingester: Ingester, store: Store, logs: Path) -> None:
    """As by copytruncate of a large file: nothing in it is new, whenever one looks, but for its tail in the end."""
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(100)))
    _look(ingester, logs)
    data = log.read_bytes()
    for size in (1000, 5000, len(data) - 70):
        copy.write_bytes(data[:size])
        _look(ingester, logs)
        assert sequences(store) == list(range(100))
    copy.write_bytes(data + _lines(100))
    log.write_bytes(b"")
    _look(ingester, logs)
    assert sequences(store) == list(range(101))
    assert store.execute("FROM gaps") == []
    assert not verify(store).problems


def test_a_copy_that_is_found_half_made_by_one_ingest_is_known_to_the_next(store: Store, logs: Path) -> None:
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(100)))
    copy.write_bytes(log.read_bytes()[:5050])
    ingest(store, [str(logs)], Options())
    copy.write_bytes(log.read_bytes())
    ingest(store, [str(logs)], Options())
    assert sequences(store) == list(range(100))
    assert not verify(store).problems


def test_files_side_by_side_may_begin_alike(store: Store, logs: Path) -> None:
    """A file that has only the first lines of another seems to be a copy of it, until it goes on in its own way."""
    banner = _lines(0, 1)
    (logs / "worker-1.log").write_bytes(banner + _lines(2))
    (logs / "worker-2.log").write_bytes(banner)
    ingest(store, [str(logs)], Options())
    with (logs / "worker-2.log").open("ab") as file:
        file.write(_lines(3))
    ingest(store, [str(logs)], Options())
    assert sequences(store) == [0, 0, 1, 1, 2, 3]
    assert not verify(store).problems


@pytest.mark.parametrize("name", ["app.jsonl.old", "old/app.jsonl.1", "2026-07-10-app.jsonl", "app.jsonl~"])
@pytest.mark.parametrize("count", [1, 100])
@pytest.mark.parametrize("follow", [True, False])
def test_a_log_is_moved_to_a_name_that_tells_nothing(
    store: Store, logs: Path, name: str, count: int, follow: bool
) -> None:
    """The file is known by what it is, and its log goes on without it."""
    log, moved = logs / "app.jsonl", logs / name
    log.write_bytes(_lines(*range(count)))
    moved.parent.mkdir(exist_ok=True)
    ingester = Ingester(store, Options(following=follow))
    _look(ingester, logs)
    log.rename(moved)
    log.write_bytes(_lines(1000))
    _look(ingester, logs)
    _look(ingester, logs, last=True)
    ingester.close()
    assert sequences(store) == [*range(count), 1000]
    assert store.execute("FROM gaps") == []
    assert not verify(store).problems


def test_a_followed_log_is_moved_and_written_to_between_two_looks(ingester: Ingester, store: Store, logs: Path) -> None:
    """It is the file that is open already, however little of it was read under its former name."""
    log, moved = logs / "app.jsonl", logs / "app.jsonl.old"
    log.write_bytes(_lines(0, 1))
    _look(ingester, logs)
    log.rename(moved)
    with moved.open("ab") as file:
        file.write(_lines(2))
    log.write_bytes(_lines(1000))
    _look(ingester, logs)
    assert sequences(store) == [0, 1, 2, 1000]
    assert store.execute("FROM gaps") == []
    assert not verify(store).problems


def test_a_link_is_found_by_the_name_under_which_it_was_made(ingester: Ingester, store: Store, logs: Path) -> None:
    """Of a link that is made aside and renamed over another one, a look may find both at first."""
    first, second = logs.parent / "0.log", logs.parent / "1.log"
    current, new = logs / "cur.log", logs / "new"
    first.write_bytes(_lines(0))
    current.symlink_to(first)
    _look(ingester, logs)
    second.write_bytes(_lines(1))
    new.symlink_to(second)
    _look(ingester, logs)
    new.replace(current)
    for number, log in enumerate((first, second), 2):
        with log.open("ab") as file:
            file.write(_lines(number))
    _look(ingester, logs)
    assert sequences(store) == [0, 1, 2, 3]
    assert store.execute("FROM gaps") == []
    assert not verify(store).problems


def test_a_log_is_compressed_to_a_name_that_tells_nothing(store: Store, logs: Path) -> None:
    """Its bytes are known again, if they are enough to be no chance."""
    log = logs / "app.jsonl"
    log.write_bytes(_lines(*range(100)))
    ingest(store, [str(logs)], Options())
    (logs / "app.jsonl.old.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.write_bytes(_lines(1000))
    ingest(store, [str(logs)], Options())
    assert sequences(store) == [*range(100), 1000]


def test_another_log_that_begins_alike_is_not_the_one_that_was_deleted(store: Store, logs: Path) -> None:
    """Few lines may be how both begin."""
    (logs / "one.jsonl").write_bytes(_lines(0))
    ingest(store, [str(logs)], Options())
    (logs / "one.jsonl").unlink()
    (logs / "two.jsonl").write_bytes(_lines(0, 1))
    ingest(store, [str(logs)], Options())
    assert sequences(store) == [0, 0, 1]


def test_a_file_that_comes_back_is_no_loss(store: Store, logs: Path) -> None:
    """As on a volume that was not mounted for a while."""
    log, aside = logs / "app.jsonl", logs.parent / "aside"
    log.write_bytes(_lines(0))
    ingest(store, [str(logs)], Options())
    log.rename(aside)
    ingest(store, [str(logs)], Options())
    assert store.execute("SELECT reason FROM gaps") == [("deleted",)]
    aside.rename(log)
    ingest(store, [str(logs)], Options())
    assert store.execute("FROM gaps") == []
    assert sequences(store) == [0]


def test_a_program_that_begins_its_log_anew_begins_it_alike(ingester: Ingester, store: Store, logs: Path) -> None:
    """The first line is the same as before, and another event."""
    log = logs / "app.jsonl"
    log.write_bytes(_lines(0, 1))
    _look(ingester, logs)
    log.write_bytes(_lines(0))
    _look(ingester, logs)
    with log.open("ab") as file:
        file.write(_lines(2))
    _look(ingester, logs)
    assert sequences(store) == [0, 0, 1, 2]


def test_a_half_line_of_a_file_with_a_number_is_waited_for(ingester: Ingester, store: Store, logs: Path) -> None:
    """Beside a newer one of another number: both may be written to."""
    (logs / "worker-1.log").write_bytes(_lines(0) + line(1)[:20])
    rest(logs / "worker-1.log")
    _look(ingester, logs)
    (logs / "worker-2.log").write_bytes(_lines(2))
    _look(ingester, logs)
    for source in ingester._sources:
        source.changed_at -= 60
        source.looked_at = None
    _look(ingester, logs)
    assert sequences(store) == [0, 2]
    assert store.execute("FROM rejects") == []


def test_a_long_file_that_only_this_ingest_can_read_is_read_to_its_end(
    ingester: Ingester, store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was deleted, and is still open here: the last look takes all of it, not a slice."""
    monkeypatch.setattr("logpipe.ingest.ingest._SLICE_BYTES", 2000)
    monkeypatch.setattr("logpipe.ingest.ingest.SWEEP_S", 0.0)
    log = logs / "app.jsonl"
    log.write_bytes(_lines(0))
    _look(ingester, logs)
    with log.open("ab") as file:
        file.write(_lines(*range(1, 500)))
    log.unlink()
    (logs / "other.jsonl").write_bytes(_lines(1000))
    _look(ingester, logs, last=True)
    assert set(range(500)) <= set(sequences(store))


def test_a_log_in_utf_16_is_overwritten_in_place(ingester: Ingester, store: Store, logs: Path) -> None:
    """While it is open: what stands in it now is read, and not what was decoded before."""
    log = logs / "app.jsonl"
    log.write_bytes(_lines(0, 1).decode().encode("utf-16"))
    _look(ingester, logs)
    log.write_bytes(_lines(2, 3, 4).decode().encode("utf-16"))
    _look(ingester, logs)
    _look(ingester, logs)
    assert sequences(store) == [0, 1, 2, 3, 4]


def test_what_a_copy_and_its_original_have_is_left_to_the_original(
    ingester: Ingester, store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that was written, and copied, after the sweep had found how long they are."""
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(100)))
    _look(ingester, logs)
    copy.write_bytes(log.read_bytes())

    def write_to_both() -> None:
        for path in (log, copy):
            with path.open("ab") as file:
                file.write(_lines(100))

    _amid(ingester, monkeypatch, write_to_both)
    _look(ingester, logs)
    _look(ingester, logs)
    assert sequences(store) == list(range(101))
    assert not verify(store).problems
