"""The emitter's files under the ingest: live, rotated, compressed, and those of processes that ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.store import Store
from tests.ingest.logs import Take
from tests.ingest.test_follow import following, until

WRITER = """
import sys
from logpipe import get_logger, setup_logging
folder, layout, compress, how = sys.argv[1:]
logging = setup_logging(service="shop", log_dir=folder, console=False, loguru=False, layout=layout, compress=compress,
    max_bytes=20_000, keep_files=0)
for number in range(200):
    get_logger().info("record %d", number, extra={"padding": "x" * (number % 200)})
if how == "killed":
    import os
    os.kill(os.getpid(), 9)
logging.close()
"""
SEQS = "SELECT count(*), count(DISTINCT (instance, seq)), count(DISTINCT instance) FROM events WHERE service = 'shop'"

LAYOUTS = pytest.mark.parametrize(
    ("layout", "compress"),
    [
        ("shared", "gzip"),
        ("per_process", "zstd"),
        pytest.param("shared", "zstd", marks=pytest.mark.long),
        pytest.param("per_process", "gzip", marks=pytest.mark.long),
    ],
)


def write(folder: Path, layout: str, compress: str, how: str = "closed") -> None:
    """A process that logs 200 records and rotates, and closes or is killed."""
    command = [sys.executable, "-c", WRITER, str(folder), layout, compress, how]
    subprocess.run(command, check=how == "closed")


def suffixes(folder: Path) -> set[str]:
    """Of the app stream's files."""
    return {path.suffix for path in (folder / "shop").glob("app.*")}


@LAYOUTS
def test_nothing_is_read_twice_when_it_is_compressed(
    store: Store, logs: Path, take: Take, layout: str, compress: str
) -> None:
    """Read as it was left by killed processes; then again, after others finished and compressed those files."""
    for _ in range(2):
        write(logs, layout, "none", "killed")
    assert suffixes(logs) == {".jsonl"}
    assert take().events == 400
    write(logs, layout, compress)
    assert {".gz": "gzip", ".zst": "zstd"}[min(suffixes(logs) - {".jsonl"})] == compress
    assert take().events == 200
    assert take().events == 0
    assert store.execute(SEQS) == [(600, 600, 3)]
    assert store.execute("SELECT count(*) FROM gaps") == [(0,)]
    assert not verify(store).problems


@LAYOUTS
def test_what_is_written_while_it_is_followed_is_read_once(
    tmp_path: Path, logs: Path, layout: str, compress: str
) -> None:
    """Through rotation, compression, kills, and what the next process does with the files of the killed one."""
    with following(tmp_path / "followed.duckdb", logs) as ask:
        write(logs, layout, compress)
        until(ask, SEQS, [(200, 200, 1)])
        write(logs, layout, compress, "killed")
        until(ask, SEQS, [(400, 400, 2)])
        write(logs, layout, compress)
        until(ask, SEQS, [(600, 600, 3)])
    with Store.open(tmp_path / "followed.duckdb") as store:
        assert store.execute("SELECT count(*) FROM gaps") == [(0,)]
        assert not verify(store).problems
