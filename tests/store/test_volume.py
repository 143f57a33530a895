"""The room that a database takes."""

import sys
from pathlib import Path

from logpipe.store import Store
from logpipe.store.volume import measure
from tests.store.owners import process

COME_AND_GO = """
import os, sys
while True:
    os.close(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY))
    os.unlink(sys.argv[1])
"""


def test_a_log_that_goes_meanwhile_is_no_error(tmp_path: Path) -> None:
    """A checkpoint, also of a client, removes it."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        store.execute("CHECKPOINT")
        with process([sys.executable, "-c", COME_AND_GO, f"{path}.wal"]):
            files = {measure(store).file for _ in range(400)}
    assert files == {path.stat().st_size}
