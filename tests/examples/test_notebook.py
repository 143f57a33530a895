"""The example notebook runs from its first cell to its last."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import orjson
import pytest

from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook" / "findings.ipynb"
_RUN = """
import sys, nbclient, nbformat, traitlets.config
notebook = nbformat.read(sys.argv[1], as_version=4)
# By sockets in the folder that it runs in: a port might be given to another test before the kernel binds it.
config = traitlets.config.Config({"KernelManager": {"transport": "ipc"}})
nbclient.NotebookClient(notebook, timeout=300, startup_timeout=300, config=config).execute()
nbformat.write(notebook, sys.argv[2])
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Four hours of a service of which every second call fails for ten minutes."""
    log = tmp_path / "shop.jsonl"
    with log.open("wb") as file:
        for second in range(4 * 3600):
            failed = second % 2 and 9000 <= second < 9600
            record = {
                "timestamp": f"2026-03-12T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
                "level": "ERROR" if failed else "INFO",
                "service": "shop",
                "message": "out of stock" if failed else "order placed",
            }
            file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        ingest(store, [str(log)], Options())
    return path


def test_the_notebook_runs(database: Path, tmp_path: Path) -> None:
    """It shows the finding as a row, as a sentence and as a picture."""
    done = tmp_path / "done.ipynb"
    fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # it would look for those of the machine again
    environment = (
        os.environ | fonts | {"LOGPIPE_DB": str(database), "JUPYTER_PLATFORM_DIRS": "1", "HOME": str(tmp_path)}
    )
    run = subprocess.run(
        [sys.executable, "-c", _RUN, str(NOTEBOOK), str(done)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    outputs = [output for cell in orjson.loads(done.read_bytes())["cells"] for output in cell.get("outputs", [])]
    told = "".join("".join(output.get("text", [])) for output in outputs)
    assert "out of stock" in told
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_the_notebook_is_kept_without_outputs() -> None:
    """They would be those of somebody's machine."""
    cells = orjson.loads(NOTEBOOK.read_bytes())["cells"]
    assert all(cell.get("outputs", []) == [] and cell.get("execution_count") is None for cell in cells)
