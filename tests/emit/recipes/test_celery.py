"""The recipe for Celery: a real worker with a pool of processes, and messages as files."""

from tests.emit.recipes.recipe import Recipe, assert_whole, make_broker, select

SHOP = """
import logging
import os
import signal

from celery import shared_task

log = logging.getLogger("shop")


@shared_task
def work(number):
    print("printed by a task", flush=True)
    log.info("worked", extra={"number": number})


@shared_task
def fail():
    raise LookupError("gone")


@shared_task
def crash():
    os.kill(os.getpid(), signal.SIGKILL)
"""
SEND = """
import sys
from broker import send

for number in range(int(sys.argv[1])):
    print(send("shop.work", number))
print(send("shop.fail"))
"""
SERVICE = "shop-worker"


def test_all_of_a_pool_of_four_is_logged_once(recipe: Recipe) -> None:
    """What tasks log, with their ids, and what Celery says of them, from parent and children; no record is printed."""
    [command] = recipe.take("Celery")
    broker = make_broker(recipe)
    # Ten seconds after a child was killed Celery would tell of its task, too.
    recipe.write("tasks.py", "app.conf.worker_lost_wait = 600\n", append=True)
    recipe.write("shop.py", SHOP)
    recipe.write("send.py", SEND)
    recipe.start(command, **broker)
    *worked, failed = recipe.run("python send.py 60").split()
    recipe.wait_for_records(61, SERVICE, logger="celery.app.trace")
    recipe.run("python -c 'import broker; broker.send(\"shop.crash\")'")
    recipe.wait_for_records(1, SERVICE, template="Process %r pid:%r exited with %r")
    recipe.kill()
    records = recipe.records(SERVICE)
    assert_whole(records)
    own = select(records, message="worked", logger="shop", task_name="shop.work")
    assert [record["task_id"] for record in sorted(own, key=lambda record: record["number"])] == worked
    received = [record["data"]["id"] for record in select(records, template="Task %(name)s[%(id)s] received")]
    assert sorted(received[:61]) == sorted([*worked, failed])
    ends = select(records, logger="celery.app.trace", level="INFO")
    assert sorted(record["data"]["id"] for record in ends) == sorted(worked)
    assert all("task_id" not in record for record in ends)
    error, killed = select(records, stream="error")
    assert select(records, logger="multiprocessing") == [killed]
    assert (error["logger"], error["exception_type"]) == ("celery.app.trace", "LookupError")
    assert "in fail\n" in error["exception_stacktrace"]
    assert recipe.output().count("printed by a task") == 60
    assert not any(word in recipe.output() for word in ("worked", "received", "succeeded", "LookupError", "exited"))
