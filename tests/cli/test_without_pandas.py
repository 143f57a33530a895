"""Commands that have no use for pandas do not load it."""

import subprocess
import sys
from pathlib import Path

_RUN = """
import sys
from logpipe.cli.main import main
try:
    main()
finally:
    print("loaded" if "pandas" in sys.modules else "not loaded", file=sys.stderr)
"""


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, check=False)


def test_ingest_and_report_do_not_load_pandas(tmp_path: Path) -> None:
    """DuckDB would, with the first bound parameter, and both commands bind some."""
    log, database = tmp_path / "slow.log", str(tmp_path / "logs.duckdb")
    log.write_text(
        "# User@Host: a[a] @ c []\n# Query_time: 0.5  Lock_time: 0.1 Rows_sent: 1  Rows_examined: 7\n"
        "SET timestamp=1773478799;\nSELECT a FROM t WHERE id = 7;\n"
    )
    ingested = _run("ingest", str(log), "--db", database)
    reported = _run("report", "slow-queries", "--db", database)
    assert (ingested.returncode, reported.returncode) == (0, 0)
    assert "select a from t where id = ?" in reported.stdout
    assert ingested.stderr.splitlines()[-1] == reported.stderr.splitlines()[-1] == "not loaded"
