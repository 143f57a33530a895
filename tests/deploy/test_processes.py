"""What runs in logpipe's container."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.logpipe.processes import Process, healthy, processes, run
from logpipe.errors import StoreError
from logpipe.store import Store
from tests.deploy.debian import ROOT
from tests.deploy.servers import END_S, reserved_port, until


@contextmanager
def kept(down: Path, *watched: Process) -> Iterator[None]:
    """Processes that are kept running."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(watched, stop, down))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def appends(path: Path, then: str = "pass") -> list[str]:
    """A command that leaves a mark."""
    return python(f"open({str(path)!r}, 'a').write('x')\n{then}")


SLEEPS = "import time\ntime.sleep(600)"


def marks(path: Path) -> int:
    return len(path.read_text()) if path.exists() else 0


def test_what_ends_is_started_again_and_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Ever more rarely; meanwhile the container is not healthy."""
    mark, down = tmp_path / "mark", tmp_path / "down"
    with kept(down, Process("fails", appends(mark, "raise SystemExit(3)"), wait_s=0.01)):
        until(lambda: marks(mark) >= 3 and down.read_text() == "fails\n", lambda: marks(mark))
    said = capfd.readouterr().err
    assert "fails ended with 3, to be started again in 0.01 s" in said
    assert "fails ended with 3, to be started again in 0.02 s" in said


def test_what_runs_again_and_again_is_not_missed_meanwhile(tmp_path: Path) -> None:
    """It waits from beginning to beginning; a run that fails is told until one succeeds."""
    mark, down, mended = tmp_path / "mark", tmp_path / "down", tmp_path / "mended"
    fails_first = f"import os\nraise SystemExit(not os.path.exists({str(mended)!r}))"
    with kept(down, Process("analysis", appends(mark, fails_first), every_s=0.1, wait_s=0.01)):
        until(lambda: down.exists() and down.read_text() == "analysis\n", lambda: marks(mark))
        mended.touch()
        until(lambda: marks(mark) >= 4 and down.read_text() == "", lambda: marks(mark))


def test_nothing_asks_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    """It is begun once there is one, and the rest does not wait for it."""
    mark, other, database = tmp_path / "mark", tmp_path / "other", tmp_path / "logs.duckdb"
    waits = Process("metrics", appends(mark, SLEEPS), needs=database)
    with kept(tmp_path / "down", waits, Process("ingest", appends(other, SLEEPS))):
        until(lambda: marks(other) == 1, lambda: marks(other))
        assert marks(mark) == 0
        database.touch()
        until(lambda: marks(mark) == 1 and (tmp_path / "down").read_text() == "", lambda: marks(mark))


def test_all_end_with_the_container(tmp_path: Path) -> None:
    """Each is asked to, and gets to do what it has to."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    then = f"exit(open({str(ended)!r}, 'w').write('x') and 0)"
    handler = f"import signal\nsignal.signal(signal.SIGTERM, lambda *_: {then})"
    with kept(tmp_path / "down", Process("slow", python(f"{handler}\nopen({str(begun)!r}, 'w').write('x')\n{SLEEPS}"))):
        until(lambda: marks(begun) == 1, lambda: marks(begun))
    assert marks(ended) == 1


def test_the_variables_of_the_stack_become_commands() -> None:
    """With the rules of retention, each its own option."""
    made = processes({"LOGPIPE_DB": "/data/x.duckdb", "LOGPIPE_RETAIN": "all=30d level:DEBUG=2d"})
    by_name = {one.name: one for one in made}
    rules = ["--retain=all=30d", "--retain=level:DEBUG=2d"]
    assert by_name["ingest"].command == ["logpipe", "ingest", "--follow", "/logs", *rules]
    assert by_name["ingest"].needs is None
    assert by_name["analysis"].every_s == 60
    assert {one.needs for one in made if one.name != "ingest"} == {Path("/data/x.duckdb")}


def test_health_tells_what_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where nobody answers, and before anything has begun."""
    down, page = tmp_path / "down", (tmp_path / "page").as_uri()
    assert not healthy(page, down)
    (tmp_path / "page").touch()
    down.write_text("")
    assert healthy(page, down)
    down.write_text("ingest\n")
    assert not healthy(page, down)
    with reserved_port() as port:
        assert not healthy(f"http://127.0.0.1:{port}/health", down)
    assert "down: ingest" in capsys.readouterr().err


def test_logs_come_in_and_are_analysed_until_the_container_stops(tmp_path: Path) -> None:
    """The real commands share one database; stopped, they leave it to whoever comes next."""
    database = tmp_path / "logs.duckdb"
    times = [f"2026-03-12T10:00:0{second}Z" for second in range(9)]
    lines = [{"timestamp": time, "level": "INFO", "service": "shop", "message": "hello"} for time in times]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with reserved_port() as loki, reserved_port() as metrics, container(tmp_path, database, loki, metrics) as log:
        until(lambda: " findings:" in log.read_text(), log.read_text)
        until(lambda: events(database) == 9, log.read_text)
    assert events(database) == 9
    assert not database.with_name("logs.duckdb.run").exists()


def events(database: Path) -> int:
    """How many are in a database, whoever has it."""
    try:
        with Store.open(database, read_only=True) as store:
            return int(store.execute("SELECT count(*) FROM events")[0][0])
    except StoreError:
        return 0


@contextmanager
def container(folder: Path, database: Path, loki: int, metrics: int) -> Iterator[Path]:
    """What the image runs, in a process; its log. Nobody listens at the port of Loki."""
    (folder / "ship.toml").write_text(f'[loki.main]\nurl = "http://127.0.0.1:{loki}"\n')
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "analysis", "shippers")),
        "HOME": str(folder),
        "LOGPIPE_DB": str(database),
        "LOGPIPE_LOGS": str(folder / "logs"),
        "LOGPIPE_SHIP_CONFIG": str(folder / "ship.toml"),
        "LOGPIPE_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        "LOGPIPE_ANALYZE_EVERY_S": "60",
    }
    log = folder / "log"
    with log.open("wb") as stream:
        command = [sys.executable, str(ROOT / "deploy" / "logpipe" / "processes.py")]
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream, cwd=folder)
        try:
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=END_S) == 0, log.read_text()
