"""Files that begin as copies of others: known by their own bytes, and read as soon as they go on in their own way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import ending
from logpipe.ingest.files.discovery import find
from logpipe.ingest.ingest import Ingester, ingest
from logpipe.ingest.options import Options
from logpipe.ingest.repair.reparse import reparse
from logpipe.store import Store
from tests.ingest.logs import Take, line, rest, sequences


def _lines(*numbers: int) -> bytes:
    return b"".join(map(line, numbers))


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize("count", [1, 100], ids=["short", "long"])
@pytest.mark.parametrize("follow", [True, False])
def test_a_file_of_its_own_begins_like_another(store: Store, logs: Path, count: int, follow: bool) -> None:
    """All of it comes in, as it would if it had not been seen while it held no more than that beginning."""
    yesterday, today = logs / "app-2026-01-01.log", logs / "app-2026-01-02.log"
    banner = _lines(*range(count))
    yesterday.write_bytes(banner + _lines(1000))
    ingester = Ingester(store, Options(following=follow))
    _look(ingester, logs)
    today.write_bytes(banner)
    _look(ingester, logs)
    _append(today, _lines(2000))
    _look(ingester, logs)
    _append(today, _lines(2001))
    _look(ingester, logs)
    ingester.close()
    assert sequences(store) == sorted([*range(count), *range(count), 1000, 2000, 2001])
    assert not verify(store).problems


def _look(ingester: Ingester, logs: Path) -> None:
    ingester.sweep(find([str(logs)])[0])


def test_an_original_is_truncated_while_its_copy_is_compared_with_it(
    store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by copytruncate: the copy was found half made, and what it has is no other file's for that."""
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(100)))
    ingester = Ingester(store, Options(following=True))
    _look(ingester, logs)
    data = log.read_bytes()
    copy.write_bytes(data[:5050])
    _look(ingester, logs)
    copy.write_bytes(data)
    _amid(ingester, monkeypatch, lambda: log.write_bytes(b""))
    _look(ingester, logs)
    assert ingester.unsettled
    _look(ingester, logs)
    ingester.close()
    assert sequences(store) == list(range(100))
    assert not verify(store).problems


def _amid(ingester: Ingester, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something done in the next sweep, after files were matched to sources and before they are read."""
    keep = ingester.files.keep

    def act_first(*arguments: object, **named: object) -> None:
        monkeypatch.undo()
        act()
        keep(*arguments, **named)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(ingester.files, "keep", act_first)


@pytest.mark.parametrize("entries", ["one", "two", "others"])
def test_another_file_in_the_place_of_a_copy_is_none(store: Store, logs: Path, take: Take, entries: str) -> None:
    """However much they begin alike, and wherever the entries of the original end, by now or when it was copied."""
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(50)))
    if entries != "one":
        take()
    _append(log, _lines(*range(50, 100)))
    take()
    copy.write_bytes(_lines(*range(60)))
    take()
    if entries == "others":
        reparse(store, 1, Options())
    log.unlink()
    copy.unlink()
    (logs / "new").write_bytes(_lines(*range(50), *range(1000, 1100)))
    (logs / "new").rename(copy)
    take()
    assert sequences(store) == [*sorted([*range(50), *range(100)]), *range(1000, 1100)]
    assert not verify(store).problems


def test_a_copy_is_known_by_its_own_bytes_when_its_original_was_read_again(store: Store, logs: Path) -> None:
    """The entries of the original end elsewhere then."""
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(60)))
    ingest(store, [str(logs)], Options())
    copy.write_bytes(log.read_bytes())
    _append(log, _lines(*range(60, 100)))
    ingest(store, [str(logs)], Options())
    reparse(store, 1, Options())
    log.unlink()
    (logs / "app.jsonl.2").write_bytes(copy.read_bytes() + _lines(1000))
    copy.unlink()
    ingest(store, [str(logs)], Options())
    assert sequences(store) == [*range(100), 1000]
    assert not verify(store).problems


def test_a_copy_waits_for_an_original_that_cannot_be_read(store: Store, logs: Path) -> None:
    """No sweep follows at once for that, and what is told is why, and nothing else."""
    log = logs / "app.jsonl"
    log.write_bytes(_lines(*range(10)))
    ingest(store, [str(logs)], Options())
    store.execute("UPDATE sources SET format = 'mine'")
    _append(log, _lines(10))
    (logs / "app.jsonl.1").write_bytes(log.read_bytes())
    ingester = Ingester(store, Options(following=True))
    _look(ingester, logs)
    assert not ingester.behind
    ingester.close()
    assert [error.reason for error in ingest(store, [str(logs)], Options()).errors] == ["unknown_format"]
    store.execute("UPDATE sources SET format = 'logpipe'")
    ingest(store, [str(logs)], Options())
    assert sequences(store) == list(range(11))


def test_bytes_that_only_a_copy_had_are_a_gap(store: Store, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line each, which waits: that of the copy was deleted before it was told from its original's."""
    monkeypatch.setattr(ending, "FINAL_AFTER_S", 60.0)
    log, copy = logs / "app.jsonl", logs / "app.jsonl.1"
    log.write_bytes(_lines(*range(100)) + b'{"half')
    copy.write_bytes(_lines(*range(100)) + b'{"another')
    rest(copy, 1)
    rest(log, 2)
    ingest(store, [str(logs)], Options())
    [(end,)] = store.execute("SELECT max(to_pos) FROM ledger")
    copy.unlink()
    summary = ingest(store, [str(logs)], Options())
    assert store.execute("SELECT source_id, from_pos, to_pos, reason FROM gaps") == [(2, end, end + 9, "deleted")]
    assert summary.lost_bytes == len(b'{"another')
