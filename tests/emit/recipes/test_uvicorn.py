"""The recipe for uvicorn, with the server itself."""

from tests.emit.recipes.recipe import Recipe, assert_whole, assert_worked, blocks, select

SHOP = """
import asyncio
import logging
import random
from urllib.parse import parse_qs

from request_ids import RequestIds

log = logging.getLogger("shop")


async def shop(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/broken":
        raise LookupError("gone")
    number = int(parse_qs(scope["query_string"].decode())["number"][0])
    log.info("begun", extra={"number": number})
    await asyncio.sleep(random.random() / 50)
    log.info("ended", extra={"number": number})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


app = RequestIds(shop)
"""


def test_all_of_four_workers_is_logged_once(recipe: Recipe) -> None:
    """The application's records, access lines, starts, stops and errors; nothing is printed."""
    recipe.take("Request ids")
    [of_python, _] = recipe.take("uvicorn")
    # uvicorn kills a worker that does not answer for five seconds, as one may that begins on a machine that stalls.
    serve = blocks("uvicorn", "python")[0].replace("workers=4", "workers=4, timeout_worker_healthcheck=600")
    recipe.write("serve.py", serve)
    recipe.write("shop.py", SHOP)
    recipe.start(of_python)
    recipe.wait_for_records(4, message="Application startup complete.")
    assert recipe.ask(range(60)) == [200] * 60
    assert recipe.get("/broken") == 500
    recipe.stop()
    records = recipe.records()
    assert_whole(records)
    assert_worked(records, range(60))
    assert recipe.output() == ""
    assert len(select(records, template="Started server process [%d]")) == 4
    assert len(select(records, template="Finished server process [%d]")) == 4
    assert len(select(records, message=f"Started parent process [{recipe.pid}]")) == 1
    assert len(select(records, message=f"Stopping parent process [{recipe.pid}]")) == 1


def test_access_lines_and_errors_have_their_fields(recipe: Recipe) -> None:
    """With uvicorn's command line and a configuration that says nothing."""
    recipe.take("Request ids")
    [_, of_uvicorn] = recipe.take("uvicorn")
    recipe.write("logging.json", blocks("uvicorn", "json")[0])
    recipe.write("shop.py", f"from logpipe import setup_logging\nsetup_logging(service='shop')\n{SHOP}")
    recipe.start(of_uvicorn)
    recipe.wait_for_records(1, message="Application startup complete.")
    assert recipe.ask(range(20)) == [200] * 20
    assert recipe.get("/broken", X_Request_ID="r-broken") == 500
    recipe.stop()
    records = recipe.records()
    assert_whole(records)
    assert_worked(records, range(20))
    assert recipe.output() == ""
    access = select(records, logger="uvicorn.access", http_method="GET", http_path="/work", http_status=200)
    assert sorted(record["request_id"] for record in access) == sorted(f"r-{number}" for number in range(20))
    [broken] = select(records, logger="uvicorn.access", http_path="/broken", http_status=500)
    assert "color_message" not in broken
    [error] = select(records, stream="error")
    assert (error["logger"], error["exception_type"]) == ("uvicorn.error", "LookupError")
    assert "in shop\n" in error["exception_stacktrace"]
    assert len(select(records, logger="uvicorn.access")) == 21
