"""`logpipe gate --rollback-url`, `--rollback-command`: once, recorded, and loud where it fails."""

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from logpipe.store import Store
from logpipe_analysis import plots
from logpipe_analysis.analysis import analyze
from logpipe_analysis.findings import load
from logpipe_analysis.gate.rollback import planned, roll_back
from logpipe_analysis.gate.sides import of_versions
from logpipe_analysis.gate.verdict import judge
from logpipe_analysis.settings import GateSettings
from tests.analysis.gate.conftest import Gated, Stored, store_versions
from tests.analysis.gate.logs import Version
from tests.commands import call
from tests.stores import copied

OLD = Version("1.0", environment="production")
BAD = replace(OLD, name="1.1", start=30, errors=0.3)
VERSIONS = ("--service", "shop", "--baseline", "1.0", "--candidate", "1.1")
TOKEN = "s3cr3t-t0k3n"


@dataclass
class Deployer:
    """A server that undoes deployments, or refuses to."""

    url: str = ""
    status: int = 202
    requests: list[tuple[str | None, dict[str, object]]] = field(default_factory=list)
    """Of each: the header Authorization, and the body."""


@pytest.fixture
def deployer() -> Iterator[Deployer]:
    """A real server."""
    known = Deployer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.requests.append((self.headers["Authorization"], body))
            self.send_response(known.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        known.url = f"http://127.0.0.1:{server.server_port}/rollback?key={TOKEN}"
        yield known
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose version 1.1 fails its gate, to be copied."""
    return store_versions(tmp_path_factory.mktemp("failing"), OLD, BAD)


@pytest.fixture
def database(failing: Path, tmp_path: Path) -> Path:
    """One whose version 1.1 fails its gate."""
    return copied(failing, tmp_path / "logs.duckdb")


def test_the_server_is_told_once_with_the_verdict(
    database: Path, deployer: Deployer, gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second gate says that it was done, and does nothing, unless it is told to."""
    monkeypatch.setenv("LOGPIPE_ROLLBACK_TOKEN", TOKEN)
    code, verdict = gated(*VERSIONS, "--rollback-url", deployer.url)
    assert (code, verdict["rollback"]["succeeded"]) == (3, True)
    [(authorization, body)] = deployer.requests
    assert authorization == f"Bearer {TOKEN}"
    assert (body["answer"], body["environment"]) == ("fail", "production")
    code, again = gated(*VERSIONS, "--rollback-url", deployer.url)
    assert (code, again["rollback"]["done"]) == (3, False)
    assert "answered 202" in again["rollback"]["outcome"]
    assert len(deployer.requests) == 1
    gated(*VERSIONS, "--rollback-url", deployer.url, "--rollback-again")
    assert len(deployer.requests) == 2


def test_it_is_a_finding_that_an_analysis_leaves_as_it_is(database: Path, deployer: Deployer, gated: Gated) -> None:
    """With what was done, and no secret of the address."""
    _, verdict = gated(*VERSIONS, "--rollback-url", deployer.url)
    with Store.open(database) as store:
        [finding] = load(store, kind="deploy_regression")
        analyze(store)
        assert load(store, kind="deploy_regression") == [finding]
        assert store.execute(finding.sql)
        assert TOKEN not in str(store.execute("FROM rollbacks")) + str(finding)
        drawn = plots.shown(store, finding)
        [(errors,)] = store.execute("SELECT count(*) FROM events WHERE http_status >= 500 OR severity >= 17")
    assert finding.finding_id == verdict["rollback"]["finding_id"]
    assert (drawn.unit, drawn.baseline, drawn.observed.sum()) == ("errors/min", None, errors)
    assert (finding.subject, finding.environment, finding.status) == ("1.1", "production", "resolved")
    assert "Rollback done: POST http://127.0.0.1" in finding.explanation
    assert finding.evidence


def test_a_rollback_that_is_refused_is_loud(database: Path, deployer: Deployer, tmp_path: Path) -> None:
    """Exit code 6, on standard error, in the Markdown and in the finding, which stays open."""
    deployer.status = 503
    done = call("gate", *VERSIONS, "--rollback-url", deployer.url, "--markdown", "-", folder=tmp_path)
    assert done.returncode == 6
    assert "error: the rollback FAILED" in done.stderr
    assert "answered 503" in done.stderr
    assert "**The rollback FAILED**" in done.stdout
    with Store.open(database, read_only=True) as store:
        [finding] = load(store, kind="deploy_regression")
    assert finding.status == "open"
    assert "Rollback FAILED" in finding.explanation


def test_a_server_that_is_not_there_is_a_failure(database: Path, gated: Gated) -> None:
    """Not a traceback."""
    code, verdict = gated(*VERSIONS, "--rollback-url", "http://127.0.0.1:9/rollback")
    assert (code, verdict["rollback"]["succeeded"]) == (6, False)


def test_a_command_gets_the_verdict_and_no_shell(database: Path, gated: Gated, tmp_path: Path) -> None:
    """Variables and standard input; what looks like a shell's is an argument."""
    script = tmp_path / "undo.py"
    script.write_text(
        "import json, os, sys\n"
        "json.dump([sys.argv[1:], os.environ['LOGPIPE_GATE_CANDIDATE'], json.load(sys.stdin)], open('undone', 'w'))\n"
    )
    command = shlex.join([sys.executable, str(script), "$HOME; exit 1"])
    code, verdict = gated(*VERSIONS, "--rollback-command", command)
    assert (code, verdict["rollback"]["succeeded"]) == (3, True)
    arguments, candidate, told = json.loads((tmp_path / "undone").read_text())
    assert (arguments, candidate, told["answer"]) == (["$HOME; exit 1"], "1.1", "fail")


@pytest.mark.parametrize(
    ("command", "longest", "outcome"),
    [
        (shlex.join([sys.executable, "-c", "raise SystemExit(7)"]), "600s", "ended with exit code 7"),
        ("/nowhere/undo", "600s", "could not be started"),
        (shlex.join([sys.executable, "-c", "import threading; threading.Event().wait()"]), "1s", "was ended after 1 s"),
    ],
)
def test_a_command_that_fails_is_a_failed_rollback(
    database: Path, gated: Gated, command: str, longest: str, outcome: str
) -> None:
    """With what became of it."""
    code, verdict = gated(*VERSIONS, "--rollback-command", command, "--rollback-timeout", longest)
    assert code == 6
    assert outcome in verdict["rollback"]["outcome"]


def test_a_rollback_whose_end_is_not_known_is_not_begun_again(database: Path, deployer: Deployer, gated: Gated) -> None:
    """As where the process died in the middle."""
    with Store.open(database) as store:
        store.execute("INSERT INTO rollbacks VALUES ('shop', 'production', '1.0', '1.1', 0, now(), NULL, NULL, NULL)")
    code, verdict = gated(*VERSIONS, "--rollback-url", deployer.url)
    assert (code, verdict["rollback"]["done"], deployer.requests) == (3, False, [])
    assert "how it ended is not known" in verdict["rollback"]["outcome"]


@pytest.mark.parametrize("environment", ["production", None])
def test_of_two_gates_at_once_one_rolls_back(
    stored: Stored, deployer: Deployer, monkeypatch: pytest.MonkeyPatch, environment: str | None
) -> None:
    """Both have seen that none had begun; the other one tells who has."""
    execute, seen = Store.execute, threading.Barrier(2)
    waited = threading.local()

    def looked(store: Store, sql: str, *given: Any) -> Any:
        rows = execute(store, sql, *given)
        if "FROM rollbacks" in sql and not hasattr(waited, "done"):
            waited.done = True
            seen.wait(30)
        return rows

    plan = planned(deployer.url, None, 30, again=False, environ={})
    assert plan is not None
    versions = (replace(version, environment=environment) for version in (OLD, BAD))
    with Store.open(stored(*versions)) as store:
        baseline, candidate, place = of_versions(store, "shop", None, "1.0", "1.1")
        verdict = judge(baseline, candidate, GateSettings(), service="shop", environment=place)

        @contextmanager
        def beside() -> Iterator[Store]:
            with store.connection.cursor() as connection:
                yield Store(connection, store.url, read_only=False)

        with ThreadPoolExecutor(2) as gates, monkeypatch.context() as patched:
            patched.setattr(Store, "execute", looked)
            both = list(gates.map(lambda _: roll_back(plan, verdict, beside, lambda _: None), range(2)))
        assert len(store.execute("FROM rollbacks")) == len(load(store, kind="deploy_regression")) == 1
    assert sorted(one.done for one in both) == [False, True]
    assert "a gate began it at" in next(one.outcome for one in both if not one.done)
    assert len(deployer.requests) == 1


def test_nothing_is_done_where_it_cannot_be_recorded(
    database: Path, deployer: Deployer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next gate would do it again."""
    monkeypatch.setattr("logpipe.store.database.WAIT_S", 0.0)
    with Store.open(database, read_only=True):  # keeps others of this process from writing
        done = call("gate", *VERSIONS, "--rollback-url", deployer.url, folder=tmp_path)
    assert done.returncode == 6
    assert deployer.requests == []


def test_a_version_that_passes_is_not_rolled_back(stored: Stored, deployer: Deployer, gated: Gated) -> None:
    """Nor is anything written."""
    stored(OLD, replace(BAD, errors=OLD.errors))
    code, verdict = gated(*VERSIONS, "--rollback-url", deployer.url)
    assert (code, verdict["rollback"], deployer.requests) == (0, None, [])


@pytest.mark.parametrize("option", [("--rollback-url", "deploy.example"), ("--rollback-command", "undo 'it")])
def test_a_slip_is_told_before_anything_is_judged(database: Path, tmp_path: Path, option: tuple[str, str]) -> None:
    """Not when it is needed."""
    assert call("gate", *VERSIONS, *option, folder=tmp_path).returncode == 2
