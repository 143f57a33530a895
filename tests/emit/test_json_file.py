"""One file of JSON lines, bounded."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import orjson

from logpipe.emit.json_file import JsonFileHandler


def test_it_writes_the_record_and_keeps_a_few_files(tmp_path: Path) -> None:
    """Rotated by size; the newest stay, and files of others too."""
    path = tmp_path / "own[1].log"
    (tmp_path / "other.20260312T101112.123456Z-77.log").touch()
    handler = JsonFileHandler(path, service="tool", keep=2, max_bytes=4096)
    logger = logging.getLogger("tool.part")
    logger.addHandler(handler)
    for number in range(200):
        logger.warning("no %d", number, extra={"event": "counted", "number": number})
    logger.removeHandler(handler)
    handler.close()
    rotated = sorted(tmp_path.glob("own*Z-*.log"))
    assert len(rotated) == 2
    records = [orjson.loads(text) for file in (*rotated, path) for text in file.read_bytes().splitlines()]
    assert [record["number"] for record in records] == list(range(200 - len(records), 200))
    assert {(record["service"], record["event"], record["stream"]) for record in records} == {
        ("tool", "counted", "app")
    }
    assert handler.lost == 0
    assert (tmp_path / "other.20260312T101112.123456Z-77.log").exists()


def test_what_cannot_be_written_is_counted(tmp_path: Path, notice: Callable[[], None]) -> None:
    """A folder that went does not end the program: it is made again; where that cannot be, lines are lost."""
    folder = tmp_path / "logs"
    handler = JsonFileHandler(folder / "own.log", service="tool")
    shutil.rmtree(folder)
    folder.touch()
    logger = logging.getLogger("tool.lost")
    logger.addHandler(handler)
    notice()
    logger.warning("lost")
    logger.removeHandler(handler)
    handler.close()
    assert handler.lost == 1
