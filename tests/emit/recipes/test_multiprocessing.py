"""The recipes for multiprocessing and scripts."""

import pytest

from tests.emit.recipes.recipe import Recipe, assert_whole, blocks, select

ENDING = """
import os
import sys
from multiprocessing import get_context

from logpipe import get_logger, setup_logging


def set_up():
    setup_logging(service="crunch")


def work(first, sets_up):
    if sets_up:
        set_up()
    for number in range(first, first + 50):
        get_logger("crunch").info("worked", extra={"number": number})
    os._exit(0)


if __name__ == "__main__":
    set_up()
    method = sys.argv[1]
    context = get_context(method)
    children = [context.Process(target=work, args=(first, method != "fork")) for first in range(0, 200, 50)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""
POOL = """
from multiprocessing import get_context

from crunch import set_up, square

if __name__ == "__main__":
    set_up()
    with get_context(METHOD).Pool(4, initializer=set_up) as pool:
        print(sum(pool.map(square, range(100))))
"""
INHERITING = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from crunch import set_up, square

set_up()
with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
    print(sum(pool.map(square, range(100))))
"""
METHODS = pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])


def assert_squared_once_each(recipe: Recipe) -> None:
    """And nothing else was logged."""
    records = recipe.records("crunch")
    assert_whole(records)
    assert sorted(record["message"] for record in records) == sorted(f"squaring {number}" for number in range(100))


@METHODS
def test_workers_of_a_pool_of_executors_log_once_each(recipe: Recipe, method: str) -> None:
    """With the initializer, under each way to start a process."""
    [command] = recipe.take("multiprocessing")
    recipe.write("crunch.py", blocks("multiprocessing", "python")[0].replace('"spawn"', f'"{method}"'))
    assert recipe.run(command) == "328350\n"
    assert_squared_once_each(recipe)


@METHODS
def test_workers_of_a_pool_log_once_each(recipe: Recipe, method: str) -> None:
    """The pool ends them by SIGTERM, which loses nothing."""
    recipe.take("multiprocessing")
    recipe.write("pool.py", POOL.replace("METHOD", repr(method)))
    assert recipe.run("python pool.py") == "328350\n"
    assert_squared_once_each(recipe)


def test_a_forked_worker_inherits_the_setup(recipe: Recipe) -> None:
    """No initializer is needed; each worker is an instance of its own."""
    recipe.take("multiprocessing")
    recipe.write("inherit.py", INHERITING)
    assert recipe.run("python inherit.py") == "328350\n"
    assert_squared_once_each(recipe)
    records = recipe.records("crunch")
    assert len({record["process"] for record in records}) == len({record["instance"] for record in records})


@METHODS
def test_a_child_that_ends_by_os_exit_loses_nothing(recipe: Recipe, method: str) -> None:
    """Neither `atexit` nor a finalizer runs in it."""
    recipe.write("ending.py", ENDING)
    recipe.run(f"python ending.py {method}")
    records = recipe.records("crunch")
    assert_whole(records)
    assert sorted(record["number"] for record in records) == list(range(200))


def test_a_script_needs_one_line(recipe: Recipe) -> None:
    """And nothing at its end; an exception that nothing catches is a record, and is printed."""
    [command] = recipe.take("Scripts")
    assert recipe.run(command) == ""
    recipe.write("nightly.py", 'raise LookupError("gone")\n', append=True)
    with pytest.raises(AssertionError, match="LookupError: gone"):
        recipe.run(command)
    records = recipe.records("nightly")
    assert_whole(records)
    assert len(select(records, message="started")) == 2
    [error] = select(records, stream="error")
    assert (error["level"], error["exception_type"]) == ("CRITICAL", "LookupError")
