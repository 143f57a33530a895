"""logpipe on real servers: nginx, PostgreSQL, Redis and a shop under gunicorn, under load, with three faults.

Everything is made under demo/real; what is started here is stopped here, also after Ctrl-C or a failure.
"""

import argparse
import fcntl
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from logpipe.errors import LogpipeError
from real_shop.comparison import WITNESSES, Sighting, sightings, unexplained
from real_shop.deployment import Deployment
from real_shop.faults import Fault, FaultKind, Truth, faults
from real_shop.load import Bounds, Load
from real_shop.pipeline import Pipeline
from real_shop.programs import ServerError, find_programs
from real_shop.server import Server
from real_shop.timeline import MINUTES, Phase, phases

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "demo" / "real"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REQUESTS_PER_S = 45.0
CLIENT_THREADS = 16
WATCH_EVERY_S = 0.5
FOLLOWER_CATCHES_UP_S = 3.0
INJECTING_S = 60.0
"""What injecting and repairing the faults may add to the phases; the client goes on for so long at most."""


def main() -> int:
    """Exit code 0: all three faults were found; 1: one was not, or something failed; 130: interrupted."""
    arguments = _arguments()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:  # nohup stays in force
            signal.signal(number, _interrupt)
    try:
        with _alone(), ExitStack() as stack:
            return _demonstrate(stack, arguments.minutes, with_pipeline=not arguments.no_pipeline)
    except (LogpipeError, psycopg.Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; all servers are stopped", file=sys.stderr)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="shorten or lengthen all phases (%(default)s)")
    parser.add_argument("--no-pipeline", action="store_true", help="write the logs and the truth, nothing more")
    arguments = parser.parse_args()
    if not 0.5 <= arguments.minutes <= 120:
        parser.error(f"--minutes must be between 0.5 and 120, not {arguments.minutes:g}")
    return arguments


def _interrupt(number: int, _frame: object) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # one is enough: what follows is stopping, and that must not be cut short
    print(f"\nstopping ({signal.Signals(number).name})", file=sys.stderr, flush=True)
    raise KeyboardInterrupt


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock that keeps a second run out of the same folder."""
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "real.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerError("another run of this demonstration uses demo/real", remedy="wait for its end") from None
        yield


def _demonstrate(stack: ExitStack, minutes: float, *, with_pipeline: bool) -> int:
    deployment = Deployment.prepare(FOLDER, find_programs())
    stack.callback(deployment.clean_up)
    running = stack.enter_context(ExitStack())
    redis, servers = _start_servers(running, deployment)
    pipeline = Pipeline(ROOT, deployment.logs, FOLDER / "logs.duckdb")
    follower = pipeline.follower()
    if with_pipeline:
        _start(stack, follower)
        servers.append(follower)

    bounds = Bounds(REQUESTS_PER_S, CLIENT_THREADS, minutes * 60 + INJECTING_S)
    load = Load(deployment.url, bounds)
    running.callback(load.stop)
    _say(f"the client begins: {REQUESTS_PER_S:g} requests/s at most, {CLIENT_THREADS} at once, for {minutes:g} minutes")
    load.start()
    possible = faults(deployment.database_url("postgres"), redis)
    truths = [truth for phase in phases(minutes) if (truth := _play(phase, possible, servers, load))]
    _say("the client ends, and the servers after it")
    running.close()
    _write_truth(truths)
    if not with_pipeline:
        _say("the logs are in demo/real/logs, what was done is in demo/real/truth.json")
        return 0
    time.sleep(FOLLOWER_CATCHES_UP_S)
    pipeline.end(follower)
    return _judge(pipeline, truths)


def _start_servers(running: ExitStack, deployment: Deployment) -> tuple[Server, list[Server]]:
    """Redis, which will be stopped for a while, and all servers."""
    postgresql, redis = deployment.postgresql(), deployment.redis()
    _start(running, postgresql)
    _say("the shop's tables are being filled")
    deployment.create_database()
    servers = [redis, deployment.shop(), deployment.nginx()]
    for server in servers:
        _start(running, server)
    return redis, [postgresql, *servers]


def _start(stack: ExitStack, server: Server) -> None:
    stack.callback(server.stop)
    server.start()
    _say(f"{server.name} is ready")


def _play(phase: Phase, faults: Mapping[FaultKind, Fault], servers: Sequence[Server], load: Load) -> Truth | None:
    """One phase, with its fault, while the servers are watched; ServerError when one ends that should not."""
    before = load.outcomes()
    _say(f"{phase.title} ({phase.seconds:.0f} s)")
    fault = faults[phase.fault] if phase.fault else None
    with fault.inject() if fault else nullcontext():
        started_at = datetime.now(UTC)
        deadline = time.monotonic() + phase.seconds
        while (left := deadline - time.monotonic()) > 0:
            for server in servers:
                server.check()
            time.sleep(min(left, WATCH_EVERY_S))
    _say(_summary(load.outcomes() - before))
    return fault.truth(started_at, datetime.now(UTC)) if fault else None


def _write_truth(truths: Sequence[Truth]) -> None:
    text = json.dumps([truth.as_json() for truth in truths], indent=2)
    (FOLDER / "truth.json").write_text(text + "\n", "utf-8")


def _judge(pipeline: Pipeline, truths: Sequence[Truth]) -> int:
    """Let logpipe judge the logs, and compare what it found with what was done."""
    pipeline.show("ingest", "demo/real/logs")
    pipeline.show("verify")
    pipeline.show("analyze", "--bucket", "10s")
    pipeline.show("findings")
    pipeline.show("report", "slow-queries")
    findings = pipeline.findings()
    found = {truth.kind: sightings(truth, WITNESSES[truth.kind], findings) for truth in truths}
    if example := next((seen[0].finding_id for seen in found.values() if seen), None):
        pipeline.show("explain", example)

    print("\nWhat was done, and where it was found\n")
    for truth in truths:
        _print_verdict(truth, found[truth.kind])
    others = unexplained(truths, findings)
    print(f"Findings that begin at no fault: {len(others)}")
    for finding in others:
        print(f"  {finding['service']:<10} {str(finding['started_at'])[11:19]}  {finding['title']}")
    in_own_log = [truth for truth in truths if any(seen.service == truth.service for seen in found[truth.kind])]
    print(f"\n{len(in_own_log)} of {len(truths)} faults were found in the log of the server that had them.")
    return 0 if len(in_own_log) == len(truths) else 1


def _print_verdict(truth: Truth, seen: Sequence[Sighting]) -> None:
    print(f"{truth.started_at:%H:%M:%S} to {truth.ended_at:%H:%M:%S}  {truth.sentence}")
    for each in seen:
        print(f"  {each.service:<10} {each.started_at:%H:%M:%S} ({each.late_by.total_seconds():+.0f} s)  {each.title}")
    for witness in WITNESSES[truth.kind]:
        if not any(each.service == witness.service for each in seen):
            print(f"  {witness.service:<10} nothing was found")
    print()


def _summary(outcomes: Counter[str]) -> str:
    counts = ", ".join(f"{count:,} with {status}" for status, count in sorted(outcomes.items()))
    return f"  {outcomes.total():,} requests: {counts}"


def _say(sentence: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S}  {sentence}", flush=True)
