"""What the console shows, where and when."""

import io
import json
import sys
from collections.abc import Callable

import pytest

from logpipe import Logging, get_logger

Start = Callable[..., Logging]


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def show_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal on standard error; called by the test itself, since pytest replaces it after the fixtures."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return screen


@pytest.fixture
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a laptop."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("logpipe.emit.console._CONTAINER_MARKS", ())


def test_a_terminal_shows_text_in_colour(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Level, logger, message, fields, stack trace; without colour where NO_COLOR says so."""
    terminal = show_terminal(monkeypatch)
    start(console=None)
    get_logger("shop").warning("low stock", extra={"item": "tea", "user_id": 7})
    assert "\x1b[33mWARNING \x1b[0m shop: low stock\x1b[2m user_id=7 item=tea\x1b[0m\n" in terminal.getvalue()
    terminal = show_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    start(console=None)
    try:
        int("x")
    except ValueError:
        get_logger("shop").exception("failed")
    shown = terminal.getvalue()
    assert "\x1b" not in shown
    assert "ERROR    shop: failed\nTraceback (most recent call last):\n" in shown
    assert shown.endswith("ValueError: invalid literal for int() with base 10: 'x'\n")


def test_text_cannot_move_the_cursor(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control characters of a message are shown escaped."""
    terminal = show_terminal(monkeypatch)
    start(console="text")
    get_logger().warning("a\x1b[2Jb\rc")
    assert "a\\x1b[2Jb\\rc" in terminal.getvalue()


def test_json_goes_to_standard_output_as_it_goes_to_the_file(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes."""
    logging = start(console="json")
    get_logger().warning("hällo")
    assert capsys.readouterr().out == logging.paths["app"].read_text("utf-8")


@pytest.mark.parametrize(
    ("console", "container", "shown"), [(None, False, 0), (True, False, 1), (None, True, 1), (False, True, 0)]
)
def test_what_is_shown_without_a_terminal(
    start: Start,
    no_container: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    console: bool | None,
    container: bool,
    shown: int,
) -> None:
    """Nothing in a pipe, JSON in a container, and what is asked for."""
    if container:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    start(console=console)
    get_logger().warning("hello")
    captured = capsys.readouterr()
    assert [json.loads(line)["message"] for line in captured.out.splitlines()] == ["hello"] * shown
    assert captured.err == ""


def test_a_console_that_is_closed_stops_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is in its file."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    logging = start(console="json")
    get_logger().warning("hello")
    assert json.loads(logging.paths["app"].read_bytes())["message"] == "hello"
