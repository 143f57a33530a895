"""The record from ordinary handlers, configured in the ordinary way."""

import copy
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import logpipe
from logpipe import Logging, get_logger, log_business_event, log_context
from logpipe.record import KEYS

Written = Callable[..., list[dict[str, object]]]


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, given back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    for handler in logger.handlers[:]:
        if handler not in handlers:
            logger.removeHandler(handler)
            handler.close()
    for handler in handlers:
        logger.addHandler(handler)
    logger.setLevel(level)


def configure(path: Path, **options: object) -> None:
    """A file handler with our formatter, by `dictConfig`."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": "logpipe.JsonFormatter", "service": "shop", **options}},
            "handlers": {"file": {"class": "logging.FileHandler", "filename": str(path), "formatter": "json"}},
            "root": {"handlers": ["file"], "level": "INFO"},
        }
    )


def test_dict_config_gives_the_record_of_setup_logging(
    root: logging.Logger, shop: Logging, written: Written, tmp_path: Path
) -> None:
    """Line for line the same but for instance and seq, whichever way it is written."""
    ours = [handler for handler in root.handlers if type(handler).__module__ == "logpipe.emit.installation"]
    configure(tmp_path / "out.log")
    for handler in ours:
        root.addHandler(handler)
    with log_context(request_id="r"):
        get_logger("a").info("hello %s", "you", extra={"rows": 2, "user_id": 3, "level": "x"})
        try:
            int("x")
        except ValueError:
            get_logger("a").exception("failed")
        log_business_event("sold", event_data={"name": "n", "big": 2**70})
    formatted = [json.loads(line) for line in (tmp_path / "out.log").read_text().splitlines()]
    own = ("instance", "seq")
    assert len(formatted) == 3
    assert [list(record) for record in formatted] == [list(record) for record in written()]
    assert [{k: v for k, v in record.items() if k not in own} for record in formatted] == [
        {k: v for k, v in record.items() if k not in own} for record in written()
    ]


def test_options_of_python_json_logger_work(root: logging.Logger, tmp_path: Path) -> None:
    """Prefix, defaults, static and renamed fields; a format string changes nothing."""
    configure(
        tmp_path / "out.log",
        prefix="@cee: ",
        defaults={"team": "none", "message": "default"},
        static_fields={"region": "eu"},
        rename_fields={"message": "msg"},
        fmt="%(asctime)s %(message)s",
    )
    get_logger().info("m", extra={"team": "blue"})
    get_logger().info("two")
    line, second = (tmp_path / "out.log").read_text().splitlines()
    assert line.startswith("@cee: {")
    record = json.loads(line.removeprefix("@cee: "))
    assert (record["msg"], record["region"], record["team"]) == ("m", "eu", "blue")
    assert "message" not in record
    assert json.loads(second.removeprefix("@cee: "))["team"] == "none"


def test_keys_keep_their_order(root: logging.Logger, tmp_path: Path) -> None:
    """Also under defaults and static fields."""
    configure(tmp_path / "out.log", defaults={"zone": "a"}, static_fields={"region": "eu"})
    get_logger().info("m")
    record = json.loads((tmp_path / "out.log").read_text())
    own = [key for key in record if key in KEYS]
    assert own == [key for key in KEYS if key in record] == list(record)[: len(own)]


def test_a_subclass_may_change_the_record(root: logging.Logger) -> None:
    """By python-json-logger's own hook."""

    class WithoutHost(logpipe.JsonFormatter):
        def process_log_record(self, log_data: dict[str, object]) -> dict[str, object]:
            return {key: value for key, value in log_data.items() if key != "host"}

    record = logging.makeLogRecord({"msg": "m", "levelno": logging.INFO})
    line = WithoutHost(service="shop").format(copy.copy(record))
    assert "host" not in json.loads(line)
    assert "\n" not in line
