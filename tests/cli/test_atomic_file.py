"""An output is replaced whole or left as it was."""

import os
import stat
from pathlib import Path

import pytest

from logpipe.cli.atomic_file import open_output
from logpipe.errors import LogpipeError


def test_a_file_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    """Until then, readers see what was there before."""
    target = tmp_path / "out.prom"
    target.write_text("old")
    with open_output(str(target)) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"
        assert [name for name in os.listdir(tmp_path) if name.endswith(".prom")] == ["out.prom"]
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["out.prom"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """A half-written export is no export."""
    target = tmp_path / "out"
    target.write_text("old")
    with pytest.raises(TypeError), open_output(str(target)) as file:
        file.writelines([b"half", "not bytes"])  # type: ignore[list-item] # the error that interrupts it
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind it is replaced."""
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with open_output(str(tmp_path / "link")) as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_and_not_replaced(tmp_path: Path) -> None:
    """/dev/null stays a device, and a full one is an error."""
    with open_output(os.devnull) as file:
        file.write(b"gone")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    with pytest.raises(LogpipeError, match="cannot write /dev/full: No space left"), open_output("/dev/full") as file:
        file.write(b"x" * 100_000)


@pytest.mark.parametrize("name", ["missing/out", "."])
def test_a_place_that_takes_no_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    """A folder that does not exist, or a folder itself."""
    with pytest.raises(LogpipeError, match="cannot write") as caught, open_output(str(tmp_path / name)):
        pytest.fail("it must not be opened")
    assert caught.value.reason == "output"
