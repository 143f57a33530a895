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


def test_commands_that_bind_values_do_not_load_pandas(tmp_path: Path) -> None:
    """DuckDB would, with the first of them."""
    log, database = tmp_path / "slow.log", str(tmp_path / "logs.duckdb")
    log.write_text(
        "# User@Host: a[a] @ c []\n# Query_time: 0.5  Lock_time: 0.1 Rows_sent: 1  Rows_examined: 7\n"
        "SET timestamp=1773478799;\nSELECT a FROM t WHERE id = 7;\n"
    )
    ingested = _run("ingest", str(log), "--db", database)
    others = [
        _run(*command, "--db", database)
        for command in (
            ["report", "slow-queries"],
            ["stats"],
            ["verify"],
            ["cost"],
            ["findings"],
            ["incidents"],
            ["patterns"],
            ["ship", "prometheus", "-o", "-"],
            ["query", "FROM top_patterns()"],
        )
    ]
    assert "select a from t where id = ?" in others[0].stdout
    for done in (ingested, *others):
        assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "not loaded")
