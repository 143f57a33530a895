"""The recipe for gunicorn, with the server itself."""

import os
import signal

import pytest

from tests.emit.recipes.recipe import Recipe, assert_whole, assert_worked, blocks, select

SHOP = """
import logging
import random
import time
from urllib.parse import parse_qs

from request_ids import wsgi_request_ids

log = logging.getLogger("shop")


def shop(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise LookupError("gone")
    number = int(parse_qs(environ["QUERY_STRING"])["number"][0])
    log.info("begun", extra={"number": number})
    time.sleep(random.random() / 50)
    log.info("ended", extra={"number": number})
    start_response("200 OK", [])
    return [b"done"]


app = wsgi_request_ids(shop)
"""
QUIET = {"GUNICORN_CMD_ARGS": "--no-control-socket --graceful-timeout 5"}


@pytest.mark.parametrize("kind", ["--worker-class sync", "--worker-class gthread --threads 4 --preload"])
def test_all_of_four_workers_is_logged_once(recipe: Recipe, kind: str) -> None:
    """The application's records, access lines, starts, stops and errors, over a reload; nothing is printed."""
    recipe.take("Request ids")
    [command] = recipe.take("gunicorn")
    recipe.write("shop.py", SHOP)
    recipe.start(f"{command} {kind}", **QUIET)
    recipe.wait_for_records(4, template="Booting worker with pid: %s")
    assert recipe.ask(range(30)) == [200] * 30
    os.kill(recipe.pid, signal.SIGHUP)
    recipe.wait_for_records(8, template="Booting worker with pid: %s")
    recipe.wait_for_records(4, template="Worker exiting (pid: %s)")
    assert recipe.ask(range(30, 60)) == [200] * 30
    assert recipe.get("/broken") == 500
    recipe.stop()
    records = recipe.records()
    assert_whole(records)
    assert_worked(records, range(60))
    assert recipe.output() == ""
    access = select(records, logger="gunicorn.access", http_method="GET", http_path="/work", http_status=200)
    assert len(access) == 60
    assert all(record["duration_ms"] >= 0 and record["client_address"] == "127.0.0.1" for record in access)
    [error] = [record for record in select(records, stream="error") if "exception_type" in record]
    assert (error["logger"], error["exception_type"]) == ("gunicorn.error", "LookupError")
    assert "in shop\n" in error["exception_stacktrace"]
    assert len(select(records, template="Starting gunicorn %s")) == 1
    assert len(select(records, template="Shutting down: %s")) == 1


def test_the_console_has_each_record_once(recipe: Recipe) -> None:
    """As in a container: the same lines, of the application and of gunicorn, and nothing else."""
    recipe.take("Request ids")
    [command] = recipe.take("gunicorn")
    recipe.write("shop.py", SHOP)
    recipe.start(command, **QUIET, LOGPIPE_CONSOLE="json")
    recipe.wait_for(lambda: recipe.work(0) == 200, "the first answer")
    assert recipe.ask(range(1, 40)) == [200] * 39
    recipe.stop()
    assert_worked(recipe.records(), range(40))
    assert sorted(recipe.output().encode().splitlines()) == sorted(recipe.lines())


ASGI = """
import logging
from urllib.parse import parse_qs

from request_ids import RequestIds

log = logging.getLogger("shop")


async def shop(scope, receive, send):
    assert scope["type"] == "http"
    number = int(parse_qs(scope["query_string"].decode())["number"][0])
    log.info("begun", extra={"number": number})
    log.info("ended", extra={"number": number})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


app = RequestIds(shop)
"""


@pytest.mark.parametrize(
    ("kind", "access"), [("uvicorn.workers.UvicornWorker", "uvicorn.access"), ("asgi", "gunicorn.access")]
)
def test_workers_for_asgi_are_logged_once(recipe: Recipe, kind: str, access: str) -> None:
    """Of uvicorn, with the lines that its loggers need, and gunicorn's own."""
    recipe.take("Request ids")
    [command] = recipe.take("gunicorn")
    recipe.write("gunicorn.conf.py", blocks("gunicorn", "python")[1], append=True)
    recipe.write("shop.py", ASGI)
    recipe.start(f"{command} --worker-class {kind}", **QUIET)
    recipe.wait_for(lambda: recipe.work(0) == 200, "the first answer")
    assert recipe.ask(range(1, 40)) == [200] * 39
    recipe.stop()
    records = recipe.records()
    assert_whole(records)
    assert_worked(records, range(40))
    assert recipe.output() == ""
    assert len(select(records, logger=access, http_method="GET", http_path="/work", http_status=200)) == 40
    assert len([record for record in records if record["logger"].endswith(".access")]) == 40
