"""Rotated files are compressed and kept for as long as is wanted."""

import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe import Logging, get_logger

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]


def fill(records: int) -> None:
    """Logs about 1 KB a record."""
    for number in range(records):
        get_logger().info("record %d", number, extra={"padding": "x" * 700})


def rotated(folder: Path) -> list[Path]:
    """The rotated files of the app stream, the oldest first."""
    return sorted(path for path in (folder / "shop").glob("app.2*"))


def test_rotated_files_are_gzipped_and_hold_every_record(start: Start, tmp_path: Path, written: Written) -> None:
    """After `close` all of them, byte for byte, and nothing else is left in the folder."""
    start(max_bytes=4096).close()
    logging = start(max_bytes=4096)
    fill(50)
    logging.close()
    assert [record["message"] for record in written("app")] == [f"record {number}" for number in range(50)]
    files = rotated(tmp_path)
    assert len(files) >= 10
    assert all(path.name.endswith(".jsonl.gz") and gzip.decompress(path.read_bytes()) for path in files)
    assert not list((tmp_path / "shop").glob("*.part"))


def test_compression_can_be_off(start: Start, tmp_path: Path) -> None:
    """Then rotated files stay as they are."""
    logging = start(max_bytes=4096, compress=False)
    fill(10)
    logging.close()
    assert {path.suffix for path in rotated(tmp_path)} == {".jsonl"}


def test_the_newest_files_are_kept(start: Start, tmp_path: Path, written: Written) -> None:
    """As many as `keep_files` of each stream, and the live one."""
    logging = start(max_bytes=4096, keep_files=2)
    fill(50)
    logging.close()
    assert len(rotated(tmp_path)) == 2
    assert written("app")[-1]["message"] == "record 49"


def test_files_are_kept_for_some_days(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time in their name."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    logging = start(max_bytes=4096, keep_days=3)
    fill(10)
    logging.close()
    old = rotated(tmp_path)
    now += 2 * 86400
    logging = start(max_bytes=4096, keep_days=3)
    fill(10)
    logging.close()
    assert set(old) < set(rotated(tmp_path))
    now += 2 * 86400
    start(max_bytes=4096, keep_days=3).close()
    assert rotated(tmp_path)
    assert set(old).isdisjoint(rotated(tmp_path))


def test_files_of_others_are_never_touched(start: Start, tmp_path: Path) -> None:
    """Only names that rotation gives count."""
    folder = tmp_path / "shop"
    folder.mkdir()
    strangers = ["app.jsonl.1", "app.20200101T000000.jsonl", "notes.20200101T000000.000000Z-1.jsonl"]
    strangers.append("app.20209901T000000.000000Z-1.jsonl")
    for name in strangers:
        (folder / name).write_text("mine\n")
    start(keep_files=1, keep_days=1).close()
    assert all((folder / name).read_text() == "mine\n" for name in strangers)


def test_what_a_killed_process_left_is_finished_by_the_next(start: Start, tmp_path: Path) -> None:
    """A rotated file is compressed, a half-written gzip removed."""
    folder = tmp_path / "shop"
    folder.mkdir()
    name = f"app.{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.000000Z-1.jsonl"
    (folder / name).write_text("{}\n")
    (folder / f".{name}.part").write_text("half")
    start().close()
    assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == b"{}\n"
    assert not (folder / f".{name}.part").exists()
    assert not (folder / name).exists()
