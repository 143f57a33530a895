"""What DuckDB does without being asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from logpipe.store import Store

SHOWS = """
import os, sys
from logpipe.store import Store, attached
store = Store.open(sys.argv[1], read_only=True)
connection = attached._client(os.getpid()) if store.attached else store.connection
print(connection.execute("SELECT current_setting('enable_progress_bar')").fetchall())
"""


@pytest.mark.parametrize("shared", [False, True])
def test_no_bar_of_progress_comes_between_the_data(tmp_path: Path, shared: bool) -> None:
    """On standard output, where a program has no file: its own engine shows none, nor the one that asks an owner."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        if shared:
            store.share()
        else:
            store.close()
        done = subprocess.run([sys.executable, "-c", SHOWS, str(path)], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[(False,)]\n", "")
