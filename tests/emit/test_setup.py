"""One call sets up everything, and nothing is written twice."""

import logging
import logging.config
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import logpipe
from logpipe import Logging, get_logger, log_business_event, log_performance, setup_logging
from logpipe.record import EMITTED_STREAMS

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, object]]]


def test_public_names_are_sorted_and_exist() -> None:
    """`__all__` is the public surface, and a stranger finds a name in it."""
    assert list(logpipe.__all__) == sorted(logpipe.__all__)
    assert all(hasattr(logpipe, name) for name in logpipe.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        logpipe.nonsense  # noqa: B018 - the access is the test


def test_each_record_is_in_one_stream(shop: Logging, written: Written) -> None:
    """Business and performance by the call, errors by their level, all else in app."""
    get_logger("a").info("to app")
    get_logger("a").error("to error")
    get_logger("a").critical("to error")
    log_business_event("order_placed")
    log_performance("query", 12.5)
    assert [record["message"] for record in written("app")] == ["to app"]
    assert [record["message"] for record in written("error")] == ["to error"] * 2
    assert [record["event"] for record in written("business")] == ["order_placed"]
    assert [record["event"] for record in written("performance")] == ["query"]
    assert all(
        record["stream"] == stream and record["service"] == "shop"
        for stream in EMITTED_STREAMS
        for record in written(stream)
    )


def test_the_files_exist_from_the_start(shop: Logging, tmp_path: Path) -> None:
    """A reader that follows the files finds them before the first record."""
    assert shop.paths == {stream: tmp_path / "shop" / f"{stream}.jsonl" for stream in EMITTED_STREAMS}
    assert all(path.read_bytes() == b"" for path in shop.paths.values())


def test_setting_up_again_replaces_the_first_setup(start: Start, written: Written) -> None:
    """A record is written once, by the last setup, and other handlers stay."""
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    try:
        start(service="first")
        start(service="second", level="WARNING")
        get_logger().info("too low")
        get_logger().warning("hello")
        assert written(service="first") == []
        assert [record["message"] for record in written(service="second")] == ["hello"]
        assert other in logging.getLogger().handlers
    finally:
        logging.getLogger().removeHandler(other)


def test_a_bad_setting_leaves_the_earlier_setup_as_it_was(shop: Logging, written: Written) -> None:
    """What cannot be used is refused before anything changes."""
    with pytest.raises(logpipe.SettingError):
        setup_logging(level="LOUD")
    get_logger().info("still here")
    assert [record["message"] for record in written()] == ["still here"]


def test_closing_gives_back_what_was_there(start: Start, written: Written) -> None:
    """After `close` the root logger, the hooks and loguru are as before."""
    root, hook = logging.getLogger(), sys.excepthook
    before = root.level, root.handlers[:]
    start(level="DEBUG").close()
    assert (root.level, root.handlers) == before
    assert sys.excepthook is hook
    get_logger().error("to nobody of ours")
    assert written() == []


def test_business_and_performance_are_written_at_any_level(start: Start, written: Written) -> None:
    """The level is for what people say, not for what happened; and no configuration of loggers silences them."""
    start(level="ERROR")
    loggers = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    disabled = [logger.disabled for logger in loggers]
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    try:
        log_business_event("sold")
        log_performance("query", 1)
    finally:
        for logger, was_disabled in zip(loggers, disabled, strict=True):
            logger.disabled = was_disabled
    assert [record["event"] for record in written()] == ["sold", "query"]


def test_variables_set_up_what_arguments_leave_open(
    start: Start, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container sets environment and level without a change of code."""
    monkeypatch.setenv("LOGPIPE_ENVIRONMENT", "staging")
    monkeypatch.setenv("LOG_LEVEL", "error")
    assert start().settings.level == "ERROR"
    get_logger().error("m")
    assert written()[0]["environment"] == "staging"


def test_two_services_share_a_folder(start: Start, written: Written) -> None:
    """Each has its own folder in it."""
    start(service="web")
    get_logger().warning("one")
    start(service="worker")
    get_logger().warning("two")
    assert [record["message"] for record in written(service="web")] == ["one"]
    assert [record["message"] for record in written(service="worker")] == ["two"]


def test_a_folder_that_cannot_be_made_stops_nothing(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The application goes on, and standard error says why there are no logs."""
    (tmp_path / "file").write_text("in the way")
    start(log_dir=tmp_path / "file")
    get_logger().warning("to nowhere")
    said = capsys.readouterr().err
    assert "logpipe: cannot write the logs: not a directory" in said
    assert "logpipe: 1 records dropped: not a directory" in said


def test_the_four_lines_of_the_documents_make_the_four_files(tmp_path: Path) -> None:
    """The first example of docs/emit.md works as it stands."""
    document = (Path(__file__).parents[2] / "docs" / "emit.md").read_text()
    match = re.search(r"```python\n(.*?)```", document, re.DOTALL)
    assert match
    subprocess.run([sys.executable, "-c", match[1]], cwd=tmp_path, check=True, capture_output=True)
    (service,) = (tmp_path / "logs").iterdir()
    sizes = {path.name: path.stat().st_size for path in service.iterdir()}
    assert all(sizes[f"{stream}.jsonl"] > 0 for stream in EMITTED_STREAMS)


def test_a_filter_of_the_handler_is_heeded(shop: Logging, written: Written) -> None:
    """It may refuse a record, as it may with any handler."""
    (handler,) = (each for each in logging.getLogger().handlers if type(each).__module__.startswith("logpipe"))
    handler.addFilter(lambda record: record.getMessage() != "secret")
    logging.getLogger().warning("secret")
    logging.getLogger().warning("public")
    assert [record["message"] for record in written()] == ["public"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a filter may replace a record from Python 3.12 on")
def test_a_filter_of_the_handler_may_replace_the_record(shop: Logging, written: Written) -> None:
    """What it gives is written."""
    (handler,) = (each for each in logging.getLogger().handlers if type(each).__module__.startswith("logpipe"))
    other = logging.makeLogRecord({"msg": "other", "levelno": 30})

    def replace(record: logging.LogRecord) -> Any:
        return other

    handler.addFilter(replace)
    logging.getLogger().warning("secret")
    assert [record["message"] for record in written()] == ["other"]


def test_setting_up_again_loses_nothing_that_threads_log_meanwhile(
    start: Start, written: Written, alone: Callable[[], None]
) -> None:
    """The new setup takes the place of the old one between two records."""
    alone()
    start()
    ended = threading.Event()
    said = [0]

    def log_on() -> None:
        while not ended.is_set():
            get_logger("shop").warning("still here")
            said[0] += 1

    thread = threading.Thread(target=log_on)
    thread.start()
    for _ in range(10):
        start()
    ended.set()
    thread.join()
    assert len([record for record in written("app") if record["message"] == "still here"]) == said[0]
