"""Rotated files are compressed and kept for as long as is wanted."""

import gzip
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe import Logging, get_logger
from logpipe.errors import SettingError

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
    logging = start(max_bytes=4096, compress="none")
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


def test_files_are_kept_for_some_days(start: Start, tmp_path: Path) -> None:
    """By the time in their name."""
    (tmp_path / "shop").mkdir()
    names = {
        days: time.strftime("app.%Y%m%dT%H%M%S.000000Z-1.jsonl", time.gmtime(time.time() - days * 86400))
        for days in (1, 2, 4, 9)
    }
    for name in names.values():
        (tmp_path / "shop" / name).write_text("{}\n")
    start(keep_days=3, compress="none").close()
    assert {path.name for path in rotated(tmp_path)} == {names[1], names[2]}


@pytest.mark.parametrize("kept", [{"keep_files": 2}, {"keep_bytes": 4096}])
def test_the_oldest_files_go_first(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: dict[str, int]
) -> None:
    """A process that ends in the middle leaves no hole for a reader."""
    for second in range(6):
        final(tmp_path, f"app.20260101T00000{second}.000000Z-1.jsonl", 2000)
    unlink, gone = Path.unlink, []

    def note(path: Path, missing_ok: bool = False) -> None:
        if path.name.startswith("app.2"):
            gone.append(path.name)
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", note)
    start(compress="none", keep_days=0, **kept).close()
    assert len(gone) >= 3
    assert gone == sorted(gone)


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


def final(folder: Path, name: str, size: int) -> Path:
    """A rotated file of random bytes, so that its compressed size is about the same."""
    (folder / "shop").mkdir(exist_ok=True)
    path = folder / "shop" / name
    path.write_bytes(random.Random(name).randbytes(size))
    return path


def test_rotated_files_can_be_zstd(start: Start, tmp_path: Path, written: Written) -> None:
    """Which holds every record too."""
    logging = start(max_bytes=4096, compress="zstd")
    fill(50)
    logging.close()
    assert {path.suffix for path in rotated(tmp_path)} == {".zst"}
    assert [record["message"] for record in written("app")] == [f"record {number}" for number in range(50)]


def test_zstd_where_it_is_not_installed_is_said_at_the_setup(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    if sys.version_info >= (3, 14):
        pytest.skip("this Python always has it")
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    with pytest.raises(SettingError, match=r"install logpipe\[zstd\]"):
        start(compress="zstd")


def test_what_was_compressed_otherwise_stays_as_it_is(start: Start, tmp_path: Path) -> None:
    """A change of the setting is for files that are rotated later; all count for retention."""
    oldest = final(tmp_path, "app.20260101T000000.000000Z-1.jsonl.gz", 10)
    second = final(tmp_path, "app.20260102T000000.000000Z-1.jsonl.gz", 10)
    newest = final(tmp_path, "app.20260103T000000.000000Z-1.jsonl.zst", 10)
    start(compress="zstd", keep_files=2, keep_days=0).close()
    assert rotated(tmp_path) == [second, newest]
    start(compress="none", keep_files=1, keep_days=0).close()
    assert rotated(tmp_path) == [newest]
    assert not oldest.exists()


def test_the_oldest_files_go_when_all_are_too_large(start: Start, tmp_path: Path) -> None:
    """Of all streams together, by the size that they have on the disk when they were compressed."""
    newest = final(tmp_path, "app.20260103T000000.000000Z-1.jsonl.gz", 4000)
    second = final(tmp_path, "error.20260102T000000.000000Z-1.jsonl.zst", 4000)
    oldest = final(tmp_path, "business.20260101T000000.000000Z-1.jsonl", 4000)
    start(keep_bytes=9000, keep_days=0).close()
    assert newest.exists()
    assert second.exists()
    assert not list(oldest.parent.glob("business.2*"))


def test_nothing_goes_for_its_size_before_it_is_compressed(start: Start, tmp_path: Path) -> None:
    """A large file may be a small one soon."""
    path = final(tmp_path, "app.20260101T000000.000000Z-1.jsonl", 0)
    path.write_bytes(b"{}\n" * 100_000)
    start(keep_bytes=4096, keep_days=0).close()
    assert path.with_name(f"{path.name}.gz").exists()


def test_what_is_rotated_under_the_compression_does_not_push_out_the_others(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts once it is compressed itself."""
    path = final(tmp_path, "app.20260101T000000.000000Z-1.jsonl", 3000)
    fsync = os.fsync

    def rotate(descriptor: int) -> None:
        final(tmp_path, "app.20260102T000000.000000Z-1.jsonl", 9000)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", rotate)
    start(keep_bytes=8000, keep_days=0).close()
    assert path.with_name(f"{path.name}.gz").exists()


def test_a_disk_without_room_for_compression_is_cleared_all_the_same(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the files take as they are."""
    newest = final(tmp_path, "app.20260102T000000.000000Z-1.jsonl", 5000)
    oldest = final(tmp_path, "app.20260101T000000.000000Z-1.jsonl", 5000)

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        start(keep_bytes=8000, keep_days=0).close()
        assert newest.exists()
        assert not oldest.exists()


def test_the_newest_files_are_kept_of_each_process_that_writes_alone(start: Start, tmp_path: Path) -> None:
    """Many short processes do not push out what a long one wrote."""
    for process in range(5):
        final(tmp_path, f"app.p{process}-abcdef.20260101T000000.000000Z-{process}.jsonl.gz", 10)
    for day in range(1, 6):
        final(tmp_path, f"app.p9-ghijkl.2026010{day}T000000.000000Z-9.jsonl.gz", 10)
    start(keep_files=2, keep_days=0).close()
    assert sorted(path.name for path in (tmp_path / "shop").glob("app.p*")) == [
        *(f"app.p{process}-abcdef.20260101T000000.000000Z-{process}.jsonl.gz" for process in range(5)),
        *(f"app.p9-ghijkl.2026010{day}T000000.000000Z-9.jsonl.gz" for day in (4, 5)),
    ]


def test_a_line_that_comes_late_is_compressed_too(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that nothing kept from a rotated file: what it writes under the compression is not thrown away."""
    path = final(tmp_path, "app.20260101T000000.000000Z-1.jsonl", 0)
    path.write_bytes(b"early\n")
    rename, fsync = Path.rename, os.fsync

    def late_fsync(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        with path.open("ab") as file:
            file.write(b"late\n")

    def late_rename(part: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        with path.open("ab") as file:
            file.write(b"later\n")
        return rename(part, target)

    monkeypatch.setattr(os, "fsync", late_fsync)
    monkeypatch.setattr(Path, "rename", late_rename)
    start(keep_days=0).close()
    assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == b"early\nlate\nlater\n"
    assert not path.exists()


def test_a_file_that_is_written_on_and_on_stays(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until somebody looks who finds it at rest; nothing half is left beside it."""
    path = final(tmp_path, "app.20260101T000000.000000Z-1.jsonl", 0)
    path.write_bytes(b"early\n")

    def write_on(descriptor: int) -> None:
        with path.open("ab") as file:
            file.write(b"late\n")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", write_on)
        start(keep_days=0).close()
    late = path.read_bytes()
    assert late.startswith(b"early\nlate\n")
    assert not list(path.parent.glob("*.gz"))
    assert not list(path.parent.glob(".*.part"))
    start(keep_days=0).close()
    assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == late


def test_compression_leaves_the_application_its_priority(start: Start, tmp_path: Path) -> None:
    """Only the thread that compresses is nice."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    seen: list[int] = []
    compressing = threading.Event()

    def look(frame: object, event: str, argument: object) -> None:
        if getattr(getattr(frame, "f_code", None), "co_name", "") == "replace_by_compressed":
            seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            compressing.set()

    final(tmp_path, "app.20260101T000000.000000Z-1.jsonl", 10)
    threading.setprofile(look)
    try:
        start(keep_days=0)
        assert compressing.wait(30)
    finally:
        threading.setprofile(None)
    assert seen[0] == max(before, 10)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


WRITER = """
import sys
from logpipe import setup_logging, get_logger
folder, name = sys.argv[1:]
logging = setup_logging(service="shop", log_dir=folder, console=False, loguru=False, max_bytes=20_000,
    keep_files=4, keep_bytes=12_000, compress="gzip")
for number in range(1500):
    get_logger().info("record %d", number, extra={"padding": str(hash((name, number)))})
logging.close()
"""


def test_four_processes_keep_house_in_one_folder(tmp_path: Path, start: Start) -> None:
    """One at a time: no error, nothing half, and in the end no more than is to be kept."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(4)]
    assert [writer.communicate()[1] for writer in writers] == [b""] * 4
    start(max_bytes=20_000, keep_files=4, keep_bytes=12_000).close()
    files = rotated(tmp_path)
    assert 0 < len(files) <= 4
    assert sum(path.stat().st_size for path in files) <= 12_000
    assert all(gzip.decompress(path.read_bytes()).endswith(b"\n") for path in files)
    assert not list((tmp_path / "shop").glob(".*.part"))


def test_a_module_that_cannot_be_imported_any_more_is_said_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written: Written
) -> None:
    """As after chroot(2) or setuid(2): neither setting up nor closing raises, and the files stay as they are."""
    monkeypatch.setitem(sys.modules, "gzip", None)
    for _ in range(2):
        logging = start(max_bytes=4096, compress="gzip")
        fill(50)
        logging.close()
    assert len(written("app")) == 100
    assert capsys.readouterr().err.count("logpipe: cannot see to rotated files: ModuleNotFoundError") == 2
