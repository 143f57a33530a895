"""Files that change their names while a sweep looks at them, and inodes that come again."""

import gzip
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
