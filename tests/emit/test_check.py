"""What `setup_logging` would do, without doing it."""

import gzip
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from logpipe import Logging, SettingError, get_logger
from logpipe.emit.check import check


def origins(given: dict[str, object], environ: dict[str, str]) -> dict[str, tuple[object, str]]:
    """Value and origin of each setting."""
    return {one.name: (one.value, one.origin) for one in check(given, environ).settings}


def reasons(given: dict[str, object]) -> list[str]:
    """What speaks against a set-up."""
    return [one.reason for one in check(given, {}).troubles]


def test_each_setting_has_its_value_and_origin(tmp_path: Path) -> None:
    """An argument before a variable, the first variable before the second, and an empty one is none."""
    environ = {"LOGPIPE_SERVICE": "by_variable", "LOG_LEVEL": "warn", "LOGPIPE_VERSION": ""}
    found = origins({"log_dir": tmp_path, "max_bytes": "64k"}, environ)
    assert found["log_dir"] == (tmp_path, "argument")
    assert found["max_bytes"] == (65536, "argument")
    assert found["service"] == ("by_variable", "LOGPIPE_SERVICE")
    assert found["level"] == ("WARNING", "LOG_LEVEL")
    assert found["version"] == (None, "default")
    assert origins({}, environ | {"LOGPIPE_LEVEL": "DEBUG"})["level"] == ("DEBUG", "LOGPIPE_LEVEL")


def test_a_bad_variable_is_the_error_of_setup_logging() -> None:
    """One sentence that names it."""
    with pytest.raises(SettingError, match=r"^LOGPIPE_LEVEL is 'LOUD'; give "):
        check({}, {"LOGPIPE_LEVEL": "LOUD"})


def test_nothing_is_made(tmp_path: Path) -> None:
    """The folder that would be is told."""
    folder = check({"service": "shop", "log_dir": tmp_path / "deep" / "logs"}, {}).folder
    assert folder.path == tmp_path / "deep" / "logs" / "shop"
    assert folder.writable
    assert [(one.bytes, one.rotated) for one in folder.streams] == [(None, 0)] * 4
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_there_are_counted(start: Callable[..., Logging], tmp_path: Path) -> None:
    """Live and rotated, and those of another hand."""
    installed = start(max_bytes=4096)
    for _ in range(50):
        get_logger().info("x" * 300)
    installed.close()
    folder = installed.paths["app"].parent
    (folder / "app.jsonl.1").write_text("of logrotate\n")
    (folder / "access.jsonl").write_text("")
    found = check({"service": "shop", "log_dir": tmp_path}, {})
    app = found.folder.streams[0]
    rotated = [path for path in folder.glob("app.2*.gz") if gzip.decompress(path.read_bytes())]
    assert app.stream == "app"
    assert app.bytes == installed.paths["app"].stat().st_size
    assert (app.rotated, app.rotated_bytes) == (len(rotated), sum(path.stat().st_size for path in rotated))
    assert app.rotated > 2
    assert found.folder.others == ("access.jsonl", "app.jsonl.1")
    assert [one.reason for one in found.troubles] == ["other_files"]


def test_a_folder_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    """Nor can one below it."""
    (tmp_path / "logs").write_text("")
    assert reasons({"service": "shop", "log_dir": tmp_path / "logs"}) == ["not_writable"]


def test_a_service_without_a_name_and_a_volume_without_room_are_told(tmp_path: Path) -> None:
    """Since files would be shared, and records dropped."""
    assert reasons({"log_dir": tmp_path}) == ["no_service"]
    assert reasons({"service": "shop", "log_dir": tmp_path, "max_bytes": 1 << 62}) == ["little_room"]
    assert logging.getLogger("shop").handlers == []


def test_each_reason_is_documented() -> None:
    """A user who sees one finds what it means."""
    root = Path(__file__).parents[2]
    sources = "".join((root / "logpipe" / "emit" / name).read_text() for name in ("check.py", "routes.py"))
    page = (root / "docs" / "emit.md").read_text()
    found = re.findall(r'Trouble\(\s*"(\w+)"', sources)
    assert len(found) == 12
    assert [reason for reason in found if f"| `{reason}` |" not in page] == []
