"""The house: what importing loads, and the names of the record."""

import subprocess
import sys

from logpipe.record import COLUMNS, KEYS, SEVERITY_BY_LEVEL

PIPELINE_SIDE = (
    "duckdb",
    "pandas",
    "numpy",
    "pyarrow",
    "scipy",
    "typer",
    "rich",
    "watchdog",
    "httpx",
    "prometheus_client",
)


def test_importing_logpipe_loads_nothing_of_the_pipeline_side() -> None:
    """The application side never pays for the pipeline's packages."""
    code = "import sys; from logpipe import get_logger, log_context, setup_logging;"
    code += f"print([name for name in {PIPELINE_SIDE!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_record_has_each_name_once() -> None:
    """A key and a column stand for one field."""
    assert len(set(KEYS)) == len(KEYS) == len(set(COLUMNS))
    assert list(SEVERITY_BY_LEVEL.values()) == [1, 5, 9, 13, 17, 21]
