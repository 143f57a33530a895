"""The recipes' servers under load, while their workers are killed, and reloaded, and the files rotate."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.emit.recipes.recipe import Recipe, make_broker, record_of

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("LOGPIPE_CHAOS_SECONDS", "20"))
SERVICE = "shop-worker"  # of the recipe for Celery
PARTS = 20
VARIABLES = {
    "LOGPIPE_MAX_BYTES": "5MB",
    "LOGPIPE_KEEP_FILES": "0",
    "GUNICORN_CMD_ARGS": "--no-control-socket --graceful-timeout 5",  # a worker that boots misses the signal to end
}

WORK = f"""
import logging
from logpipe import log_business_event

log = logging.getLogger("shop")


def do(number):
    for part in range({PARTS - 2}):
        log.info("part %d", part, extra={{"number": number, "part": part, "padding": "x" * 1000}})
    log.error("an error", extra={{"number": number, "part": {PARTS - 2}}})
    log_business_event("worked", number=number, part={PARTS - 1})
"""
SHOPS = {
    "gunicorn": """
def app(environ, start_response):
    do(int(environ["QUERY_STRING"].partition("=")[2]))
    start_response("200 OK", [])
    return [b"done"]
""",
    "uvicorn": """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    do(int(scope["query_string"].partition(b"=")[2]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})
""",
    "Celery": """
import itertools
import os
import random
import signal
import threading
from celery import shared_task


@shared_task
def work(number):
    if number % 40 == 39:  # killed at its work: an idle child may hold the lock of the pool's pipe, and the pool hangs
        threading.Timer(random.random() / 50, os.kill, (os.getpid(), signal.SIGKILL)).start()
        for part in itertools.count():
            log.info("part %d", part, extra={"number": number, "part": part, "padding": "x" * 1000})
    do(number)
    acknowledged = os.open("acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(acknowledged, b"%d\\n" % number)
    os.close(acknowledged)
""",
}
SEND = """
import itertools
import os
import time
from broker import send

for number in itertools.count():
    while number % 50 == 0 and len(os.listdir("data_in")) > 200:
        time.sleep(0.01)
    send("shop.work", number)
"""


@pytest.mark.parametrize("kind", ["--worker-class sync", "--worker-class gthread --threads 4"])
def test_gunicorn(recipe: Recipe, kind: str) -> None:
    """A response that arrived has its records in the files."""
    [command] = recipe.take("gunicorn")
    acknowledged = under_load(recipe, "gunicorn", f"{command} {kind}")
    check(recipe, acknowledged, threads=4)


def test_uvicorn(recipe: Recipe) -> None:
    """Its workers are new interpreters, not forks."""
    command, _ = recipe.take("uvicorn")
    acknowledged = under_load(recipe, "uvicorn", command)
    check(recipe, acknowledged, threads=1)


def test_celery(recipe: Recipe) -> None:
    """What a task acknowledged after it had logged is in the files."""
    broker = make_broker(recipe)
    path = recipe.folder / "acknowledged"
    path.touch()

    def acknowledged() -> set[int]:
        return set(map(int, path.read_bytes().split()))

    [command] = recipe.take("Celery")
    recipe.write("shop.py", WORK + SHOPS["Celery"])
    recipe.write("send.py", SEND)
    recipe.start(command, **VARIABLES, **broker)
    with sending(recipe):
        for reload in (1, 2):
            wanted = len(acknowledged()) + 10 * SECONDS
            recipe.wait_for(lambda: len(acknowledged()) > wanted, "the next tasks")  # noqa: B023 - called at once
            os.kill(recipe.pid, signal.SIGHUP)
            recipe.wait_for_records(reload + 1, SERVICE, template="%s ready.")
    recipe.stop()
    check(recipe, acknowledged(), service=SERVICE, threads=1)


def under_load(recipe: Recipe, server: str, command: str) -> set[int]:
    """Starts the server, makes trouble while it is asked, and stops it; gives the numbers that it answered."""
    recipe.write("shop.py", WORK + SHOPS[server])
    recipe.start(command, **VARIABLES)
    recipe.wait_for(lambda: recipe.work(0) == 200, "the first answer")
    with asking(recipe) as acknowledged:
        trouble(recipe)
        os.kill(recipe.pid, signal.SIGHUP)
        trouble(recipe)
    recipe.stop()
    return acknowledged


@contextmanager
def asking(recipe: Recipe) -> Iterator[set[int]]:
    """Eight clients that ask without a pause; gives the numbers that were answered."""
    numbers = itertools.count(1)
    acknowledged: set[int] = set()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            number = next(numbers)
            if recipe.work(number) == 200:
                acknowledged.add(number)

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        yield acknowledged
    finally:
        over.set()
        for client in clients:
            client.join()


@contextmanager
def sending(recipe: Recipe) -> Iterator[None]:
    """A process that sends tasks, as many as are taken."""
    sender = subprocess.Popen([sys.executable, "send.py"], cwd=recipe.folder)
    try:
        yield
    finally:
        sender.kill()
        sender.wait()


def trouble(recipe: Recipe) -> None:
    """Kills a worker now and then."""
    chance = random.Random(4)
    end = time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.2, 1.0))
        if workers := workers_of(recipe.pid):
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)


def workers_of(pid: int) -> list[int]:
    """The child processes, but for the one that Python keeps beside spawned processes."""
    pids = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    return [child for child in pids if b"resource_tracker" not in read(Path(f"/proc/{child}/cmdline"))]


def read(path: Path) -> bytes:
    """The file, empty if it is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def check(recipe: Recipe, acknowledged: set[int], *, threads: int, service: str = "shop") -> None:
    """Nothing that was acknowledged is missing, no line is torn or there twice, and none was dropped.

    A kill may lose the records in hand, one of each thread, which nobody acknowledged.
    """
    parts: Counter[tuple[int, int]] = Counter()
    written: dict[str, Counter[int]] = defaultdict(Counter)
    kills = torn = 0
    for line in recipe.lines(service):
        record = record_of(line)
        if record is None:
            torn += 1
            continue
        assert record.get("event") != "logpipe.dropped"
        kills += "SIGKILL" in record["message"] or "died" in record["message"]
        written[record["instance"]][record["seq"]] += 1
        if "part" in record:
            parts[record["number"], record["part"]] += 1
    count, missing = sum(map(len, written.values())), sum(max(seqs) - len(seqs) for seqs in written.values())
    print(f"{count} records, {kills} kills, {len(acknowledged)} acknowledged, {missing} in hand, {torn} torn")  # noqa: T201 - by -s
    assert kills
    assert torn == 0
    assert {(number, part) for number in acknowledged for part in range(PARTS)} <= parts.keys()
    assert set(parts.values()) == {1}
    assert all(set(seqs.values()) == {1} for seqs in written.values())
    assert all(max(seqs) - len(seqs) < threads for seqs in written.values()), "lost more than was in hand"
    assert "logpipe:" not in recipe.output()
    assert len(acknowledged) > 100
    assert len(list((recipe.folder / "logs" / service).glob("app.*.gz"))) > 1
