"""Killed at any instant, an ingest resumes to the exact count.

`make chaos` runs it with a million lines and twenty kills.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from logpipe.ingest.audit.verify import verify
from logpipe.store import Store
from tests.ingest.logs import line

LINES = int(os.environ.get("LOGPIPE_KILL_LINES", "60000"))
KILLS = int(os.environ.get("LOGPIPE_KILLS", "5"))
CHUNK_BYTES = 2 << 20

_INGEST = f"""
from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
flow.CHUNK_BYTES = cut.CHUNK_BYTES = intake.CHUNK_BYTES = {CHUNK_BYTES}
from logpipe.cli.main import main
main()
"""


def _start(log: Path, database: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _INGEST, "ingest", str(log), "--db", str(database)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_killed_ingests_resume_to_the_exact_count(tmp_path: Path) -> None:
    """`kill -9` at random moments: every line is there, and none twice."""
    log, database = tmp_path / "app.jsonl", tmp_path / "logs.duckdb"
    with log.open("wb") as file:
        file.writelines(line(number) for number in range(LINES))
    moments = random.Random(4)
    killed = 0
    longest = 0.6 + LINES / 150_000
    while killed < KILLS:
        process = _start(log, database)
        try:
            process.wait(timeout=moments.uniform(0.3, longest))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
        if database.exists():
            _agrees(database)
        if process.returncode == 0:
            database.unlink()
    process = _start(log, database)
    _, complaints = process.communicate()
    assert process.returncode == 0, complaints
    with Store.open(database, read_only=True) as store:
        assert store.execute("SELECT count(*), count(DISTINCT (source_id, source_pos)) FROM events") == [(LINES, LINES)]
        assert store.execute("SELECT sum(events)::BIGINT FROM rollup_minute") == [(LINES,)]
        assert not verify(store).problems


def _agrees(database: Path) -> None:
    """After any kill, what is committed is whole: the ledger, the rows and the roll-ups say the same."""
    with Store.open(database) as store:
        [(entered, rows, rolled_up)] = store.execute(
            "SELECT (SELECT coalesce(sum(events), 0)::BIGINT FROM ledger), (SELECT count(*) FROM events), "
            "(SELECT coalesce(sum(events), 0)::BIGINT FROM rollup_minute)"
        )
    assert entered == rows == rolled_up
