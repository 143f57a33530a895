"""Killed at any instant, an ingest resumes to the exact count.

`make chaos` runs it with a million lines and twenty kills.
"""

import os
import random
import signal
import subprocess
from pathlib import Path

from logpipe.ingest.audit.verify import verify
from logpipe.store import Store
from tests.ingest.forks import Forks
from tests.ingest.logs import line

LINES = int(os.environ.get("LOGPIPE_KILL_LINES", "60000"))
KILLS = int(os.environ.get("LOGPIPE_KILLS", "5"))
CHUNK_BYTES = 2 << 20

SMALL_CHUNKS = f"""
from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
flow.CHUNK_BYTES = cut.CHUNK_BYTES = intake.CHUNK_BYTES = {CHUNK_BYTES}
"""


def test_killed_ingests_resume_to_the_exact_count(tmp_path: Path, forks: Forks) -> None:
    """`kill -9` at random moments: every line is there, and none twice."""
    log, database, said = tmp_path / "app.jsonl", tmp_path / "logs.duckdb", tmp_path / "said"
    command = ("ingest", str(log), "--db", str(database))
    with log.open("wb") as file:
        file.writelines(line(number) for number in range(LINES))
    moments = random.Random(4)
    killed = 0
    longest = 0.3 + LINES / 150_000
    while killed < KILLS:
        process = forks.start(command, said, SMALL_CHUNKS)
        try:
            process.wait(timeout=moments.uniform(0.0, longest))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
        if database.exists():
            _agrees(database)
        if process.returncode == 0:
            database.unlink()
    assert forks.start(command, said, SMALL_CHUNKS).wait() == 0, said.read_text()
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
