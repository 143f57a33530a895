"""The recipe for Django, with its own server and under gunicorn."""

from tests.emit.recipes.recipe import Recipe, assert_whole, assert_worked, select

SETTINGS = """
SECRET_KEY = "of a test"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop"
MIDDLEWARE = ["request_ids.request_ids"]
"""
SHOP = """
import logging
import random
import time

from django.http import HttpResponse
from django.urls import path

log = logging.getLogger("shop")


def work(request):
    number = int(request.GET["number"])
    log.info("begun", extra={"number": number})
    time.sleep(random.random() / 50)
    log.info("ended", extra={"number": number})
    return HttpResponse(b"done")


def broken(request):
    raise LookupError("gone")


urlpatterns = [path("work", work), path("broken", broken)]
"""
MANAGE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
APP = """
from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()
"""
VARIABLES = {"DJANGO_SETTINGS_MODULE": "settings", "GUNICORN_CMD_ARGS": "--no-control-socket --graceful-timeout 5"}


def make(recipe: Recipe) -> str:
    """Writes a project; gives the document's command."""
    recipe.take("Request ids")
    [command] = recipe.take("Django")
    recipe.write("settings.py", SETTINGS, append=True)
    recipe.write("shop.py", SHOP)
    recipe.write("manage.py", MANAGE)
    return command


def test_all_of_its_own_server_is_logged_once(recipe: Recipe) -> None:
    """Access lines and errors too; only what the command says of itself is printed."""
    command = make(recipe)
    recipe.start(command, **VARIABLES)
    recipe.wait_for(lambda: recipe.get("/missing") == 404, "an answer")
    assert recipe.ask(range(40)) == [200] * 40
    assert recipe.get("/broken", X_Request_ID="r-broken") == 500
    recipe.stop()
    records = recipe.records()
    assert_whole(records)
    assert_worked(records, range(40))
    assert "/work" not in recipe.output()
    assert "LookupError" not in recipe.output()
    access = select(records, logger="django.server", http_method="GET", http_path="/work", http_status=200)
    assert len(access) == 40
    assert all(record.keys().isdisjoint({"request", "server_time", "status_code"}) for record in access)
    assert len(select(records, logger="django.server", http_path="/broken", http_status=500)) == 1
    assert len(select(records, logger="django.request", http_path="/missing", http_status=404)) >= 1
    [error] = select(records, logger="django.request", level="ERROR", http_path="/broken", http_status=500)
    assert (error["exception_type"], error["request_id"]) == ("LookupError", "r-broken")
    assert "in broken\n" in error["exception_stacktrace"]


def test_under_gunicorn_both_recipes_stand_together(recipe: Recipe) -> None:
    """gunicorn's lines before and after Django is loaded are there, each once."""
    make(recipe)
    [command] = recipe.take("gunicorn")
    recipe.write("wsgi.py", APP)
    recipe.start(command.replace("shop:app", "wsgi:app"), **VARIABLES)
    recipe.wait_for_records(4, template="Booting worker with pid: %s")
    assert recipe.ask(range(40)) == [200] * 40
    assert recipe.get("/broken") == 500
    recipe.stop()
    records = recipe.records()
    assert_whole(records)
    assert_worked(records, range(40))
    assert recipe.output() == ""
    assert len(select(records, logger="gunicorn.access", http_path="/work", http_status=200)) == 40
    assert len(select(records, logger="django.request", http_path="/broken", http_status=500)) == 1
    assert len(select(records, template="Starting gunicorn %s")) == 1
    assert len(select(records, template="Booting worker with pid: %s")) == 4
