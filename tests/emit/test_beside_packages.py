"""What packages of others take of `logging` beside us: both get each record once, as if they were alone."""

import json
import logging
import subprocess
import sys
import unittest
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from logpipe import Logging
from tests.emit.speech import Speech, added

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
Alone = Callable[[], None]


def test_caplog_has_what_it_had(start: Start, written: Written, caplog: pytest.LogCaptureFixture) -> None:
    """At its own level, with the text that it makes."""
    start(level="INFO")
    with caplog.at_level(logging.WARNING, logger="tests.caplog"):
        logging.getLogger("tests.caplog").info("too low for both")
        logging.getLogger("tests.caplog").warning("cart %s", 7)
    speech = Speech(logging.getLogger("tests.other"))
    assert caplog.messages[0] == "cart 7"
    assert "WARNING  tests.caplog:test_beside_packages.py:" in caplog.text
    speech.was_seen(caplog.records[1:])
    assert written()[0]["message"] == "cart 7"
    speech.is_in(written()[1:])


def test_assert_logs_has_what_it_had(start: Start, written: Written, alone: Alone, log: logging.Logger) -> None:
    """unittest takes the logger for itself while it looks."""
    alone()
    start()
    with unittest.TestCase().assertLogs(log, "INFO") as seen:
        log.info("inside %s", 1)
    log.info("outside")
    assert seen.output == ["INFO:tests.beside.logger:inside 1"]
    assert [record["message"] for record in written()] == ["outside"]


def test_opentelemetrys_handler_has_what_it_had(
    start: Start, written: Written, alone: Alone, log: logging.Logger
) -> None:
    """On the root logger, as its documents have it."""
    alone()
    start()
    exporter = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # as it is
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it moves to another package, as it is
        handler = LoggingHandler(logger_provider=provider)
    with added(handler, logging.root):
        speech = Speech(log)
    provider.shutdown()
    speech.is_in(written())
    theirs = [data.log_record for data in exporter.get_finished_logs()]
    assert [record.body for record in theirs] == ["cart 7 is large", "fields", "failed", "by number"]
    fields = dict(theirs[1].attributes or {})
    assert (fields["user_id"], fields["rows"], fields["code.function.name"]) == (1, 2, "__init__")
    assert dict(theirs[2].attributes or {})["exception.type"] == "ValueError"
    assert fields["code.line.number"] == written()[1]["line"]


def test_sentry_has_what_it_had(tmp_path: Path) -> None:
    """Its integration changes `logging` itself, and for good: in a process of its own, before and after the setup."""
    code = """
import json, logging, sys
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport
import logpipe
from tests.emit.speech import Speech

class Kept(Transport):
    def capture_envelope(self, envelope):
        event = envelope.get_event()
        if event is not None:
            kept.append(event)

def sentry():
    integration = LoggingIntegration(level=logging.INFO, event_level=logging.ERROR)
    sentry_sdk.init(dsn="http://k@localhost/1", transport=Kept, default_integrations=False, integrations=[integration])

kept = []
early = logging.getLogger("early")
if sys.argv[1] == "before":
    sentry()
setup = logpipe.setup_logging(service="shop", log_dir=".", console=False)
early.info("warm")
if sys.argv[1] == "after":
    sentry()
speeches = [Speech(early), Speech(logging.getLogger("late"))]
records = [json.loads(line) for path in setup.paths.values() for line in path.read_text().splitlines()]
records = sorted((record for record in records if record["message"] != "warm"), key=lambda record: record["seq"])
speeches[0].is_in(records[:4])
speeches[1].is_in(records[4:])
print(json.dumps([[e["logger"], e["logentry"]["message"], e["exception"]["values"][0]["type"], e["extra"],
    [(b["message"], b["data"]) for b in e["breadcrumbs"]["values"]]] for e in kept], default=str))
"""
    fields = {"user_id": 1, "rows": 2}
    for order in ("before", "after"):
        done = subprocess.run(
            [sys.executable, "-c", code, order], cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (tmp_path / "shop").rename(tmp_path / order)
        early, late = json.loads(done.stdout)
        assert early[:4] == ["early", "failed", "ValueError", {}]
        assert late[:3] == ["late", "failed", "ValueError"]
        assert early[4][-2:] == [["cart 7 is large", {}], ["fields", fields]]
