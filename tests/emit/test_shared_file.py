"""The file that processes share, alone: what its calls give, and what kills leave."""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emit import appender

if TYPE_CHECKING:
    from logpipe.emit._native import SharedFile

native: Any = pytest.importorskip("logpipe.emit._native", reason="built without the extension")

Make = Callable[..., "SharedFile"]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A file `app.jsonl`."""

    def make(max_bytes: int = 1 << 20, name: str = "app.jsonl") -> "SharedFile":
        file: SharedFile = native.SharedFile(tmp_path / name, max_bytes=max_bytes, period_s=0)
        return file

    return make


def lines(folder: Path, name: str = "app*.jsonl") -> list[bytes]:
    """Of all files, those of the oldest first."""
    paths = sorted(folder.glob(name), key=lambda path: (path.name == "app.jsonl", path.name))
    return [line for path in paths for line in path.read_bytes().splitlines(keepends=True)]


def test_it_is_made_with_its_folder(tmp_path: Path, make: Make) -> None:
    """And `append` says whether it was rotated before."""
    file = make(name="a/b/app.jsonl")
    file.open()
    assert file.append(b"one\n") is False
    file.sync()
    file.close()
    assert (tmp_path / "a/b/app.jsonl").read_bytes() == b"one\n"
    assert file.path == tmp_path / "a/b/app.jsonl"


def test_it_may_be_used_after_its_close(tmp_path: Path, make: Make) -> None:
    """It is opened again; and closed as often as one likes."""
    file = make()
    file.sync()
    file.close()
    file.append(b"one\n")
    file.close()
    file.close()
    file.append(b"two\n")
    assert lines(tmp_path) == [b"one\n", b"two\n"]


def test_a_line_longer_than_a_file_has_one_of_its_own(tmp_path: Path, make: Make) -> None:
    """No line is refused, and no file is rotated that is empty."""
    file = make(max_bytes=4)
    assert [file.append(line) for line in (b"longer\n", b"than\n", b"4\n", b"a\n")] == [False, True, True, False]
    assert lines(tmp_path) == [b"longer\n", b"than\n", b"4\n", b"a\n"]
    assert len([*tmp_path.glob("app.*.jsonl")]) == 2


@pytest.mark.parametrize("place", ["app.jsonl", ".app.jsonl.lock"])
@pytest.mark.parametrize("make_other", [Path.mkdir, os.mkfifo], ids=["directory", "FIFO"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: Make, make_other: Callable[[Path], None], place: str) -> None:
    """At once, by an OSError; when it is out of the way, the file is made."""
    make_other(tmp_path / place)
    file = make()
    for call in (file.open, lambda: file.append(b"no\n")):
        with pytest.raises(OSError, match=r"app\.jsonl"):
            call()
    (tmp_path / place).rename(tmp_path / "aside")
    file.append(b"one\n")
    assert lines(tmp_path) == [b"one\n"]


def test_a_relative_path_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is of the folder that the process is in; where that was deleted, it is an OSError."""
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    native.SharedFile("app.jsonl", max_bytes=100, period_s=0).append(b"one\n")
    assert lines(folder) == [b"one\n"]
    for path in [*folder.iterdir()]:
        path.unlink()
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        native.SharedFile("app.jsonl", max_bytes=100, period_s=0).append(b"one\n")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, make: Make) -> None:
    """What fits of a line that does not fit is taken back."""
    file = make()
    file.append(b"one\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            file.append(b"x" * 8000 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    file.append(b"two\n")
    assert lines(tmp_path) == [b"one\n", b"two\n"]


@pytest.mark.parametrize("done", ["deleted", "emptied"])
def test_a_page_that_others_touch_is_made_anew(
    tmp_path: Path, make: Make, notice: Callable[[], None], done: str
) -> None:
    """Also while a writer that has nothing to say goes on using the old one."""
    idle, one, two = make(), make(), make()
    for file in (idle, one, two):
        file.append(b"before\n")
    page = tmp_path / ".app.jsonl.lock"
    if done == "deleted":
        page.unlink()
    else:
        os.truncate(page, 0)
    notice()
    for _ in range(3):
        one.append(b"after\n")
        two.append(b"after\n")
        notice()
    idle.append(b"after\n")
    assert lines(tmp_path) == [b"before\n"] * 3 + [b"after\n"] * 7


def test_a_page_of_another_layout_is_not_touched(tmp_path: Path, make: Make) -> None:
    """As long as somebody uses it; then it is made anew."""
    first, second = make(), make()
    first.append(b"one\n")
    page = tmp_path / ".app.jsonl.lock"
    with page.open("r+b") as bytes_:
        bytes_.write(b"another!")
    with pytest.raises(OSError, match="not supported"):
        second.append(b"two\n")
    first.close()
    second.append(b"three\n")
    assert lines(tmp_path) == [b"one\n", b"three\n"]


def test_a_file_that_was_moved_is_left_and_rotation_goes_on(tmp_path: Path, make: Make) -> None:
    """Even where it was moved just before it was to be rotated."""
    file = make(max_bytes=10)
    file.append(b"0123456\n")
    (tmp_path / "app.jsonl").rename(tmp_path / "aside")
    file.append(b"0123456\n")
    assert file.append(b"0123456\n") is True


def test_what_was_acknowledged_is_there_once_whoever_is_killed(tmp_path: Path) -> None:
    """Four processes, files of 64 KB, kills at random: no line torn, none twice, none lost."""
    torture(tmp_path, 2)


def torture(folder: Path, seconds: float) -> None:
    """
    Raises:
        AssertionError: a line is torn, twice there or lost, or a file has another name.
    """
    said = dict[str, Path]()
    path, chance = folder / "app.jsonl", random.Random(0)
    processes: list[subprocess.Popen[bytes]] = []

    def start_what_is_missing() -> None:
        while len(processes) < 4:
            name = f"p{len(said)}"
            said[name] = folder / f"{name}.said"
            with said[name].open("wb") as output:
                processes.append(subprocess.Popen([sys.executable, appender.__file__, str(path), name], stdout=output))

    try:
        start_what_is_missing()
        deadline = time.monotonic() + 60
        while not all(file.stat().st_size for file in said.values()):  # else all might be killed before the first line
            assert time.monotonic() < deadline
            time.sleep(0.01)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            start_what_is_missing()
            time.sleep(chance.random() / 5)  # the torture's own pace
            killed = processes.pop(chance.randrange(4))
            killed.kill()
            killed.wait()
    finally:  # they would write until the disk is full
        for process in processes:
            process.kill()
            process.wait()
    native.SharedFile(path, max_bytes=65536, period_s=0).open()  # which takes back what the last ones left torn
    found: Counter[tuple[str, int]] = Counter()
    for line in lines(folder):
        record = json.loads(line)
        assert len(record["pad"]) == record["number"] % 400
        found[record["by"], record["number"]] += 1
    assert set(found.values()) == {1}
    told = {(name, int(number)) for name, file in said.items() for number in file.read_text().split("\n")[:-1]}
    assert told
    assert told <= set(found)
    assert all(file.stat().st_size <= 65536 for file in folder.glob("app*.jsonl"))
    known = {*said.values(), *folder.glob("app*.jsonl")}
    assert {file.name for file in folder.iterdir() if file not in known} == {".app.jsonl.lock"}
