"""The ids of OpenTelemetry's active span, with its real SDK."""

import logging
import queue
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from logging.handlers import QueueHandler, QueueListener
from typing import Any

import pytest
import structlog
from loguru import logger as loguru_logger
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import logpipe
from logpipe import Logging, get_logger, log_context, log_performance

Written = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tracer() -> Iterator[trace.Tracer]:
    """Of a provider of the test's own."""
    provider = TracerProvider(shutdown_on_exit=False)
    yield provider.get_tracer("tests")
    provider.shutdown()


def ids(span: trace.Span) -> tuple[str, str]:
    """As the record has them."""
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id)


def test_each_front_end_writes_the_active_spans_ids(shop: Logging, written: Written, tracer: trace.Tracer) -> None:
    """In a span and the one inside it; and none outside."""
    structlog.configure(processors=[logpipe.structlog_processor])
    calls: list[Callable[[], object]] = [
        lambda: get_logger().info("m"),
        lambda: loguru_logger.info("m"),
        lambda: structlog.get_logger().info("m"),
        lambda: log_performance("query", 1.0),
    ]
    try:
        for call in calls:
            with tracer.start_as_current_span("outer") as outer:
                with tracer.start_as_current_span("inner") as inner:
                    call()
                call()
            call()
            first, second, third = written()[-3:]
            assert (first["trace_id"], first["span_id"]) == ids(inner)
            assert (second["trace_id"], second["span_id"]) == ids(outer)
            assert {"trace_id", "span_id"}.isdisjoint(third)
    finally:
        structlog.reset_defaults()


def test_a_span_that_is_not_recorded_has_ids(shop: Logging, written: Written) -> None:
    """Sampled out, or of a caller in another process; they are padded with zeros."""
    with TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("t").start_as_current_span("s") as span:
        assert not span.is_recording()
        get_logger().info("m")
    remote = NonRecordingSpan(SpanContext(0xABC, 0x1, is_remote=True, trace_flags=TraceFlags(0)))
    with trace.use_span(remote):
        get_logger().info("m")
    first, second = written()
    assert (first["trace_id"], first["span_id"]) == ids(span)
    assert second["trace_id"] == "abc".rjust(32, "0")
    assert re.fullmatch("0{15}1", second["span_id"])


@pytest.mark.parametrize("span_id", [None, "theirs"])
def test_an_explicit_trace_wins_and_gets_no_span_of_another(
    shop: Logging, written: Written, tracer: trace.Tracer, span_id: str | None
) -> None:
    """Whether it is given by `extra`, by a context, by `bind` or by a call's fields."""
    given = {"trace_id": "mine"} | ({"span_id": span_id} if span_id else {})
    with tracer.start_as_current_span("s"):
        get_logger().info("m", extra=given)
        with log_context(**given):
            get_logger().info("m")
        loguru_logger.bind(**given).info("m")
        log_performance("query", 1.0, **given)
        get_logger().info({"message": "m", **given})
    assert [(record["trace_id"], record.get("span_id")) for record in written()] == [("mine", span_id)] * 5


class TestRecordFactory:
    """What LoggingInstrumentor of opentelemetry-instrumentation-logging adds to each LogRecord."""

    @pytest.fixture(autouse=True)
    def factory(self) -> Iterator[None]:
        """As that package has it, with "0" for what there is not."""
        before = logging.getLogRecordFactory()

        def make(*args: Any, **options: Any) -> logging.LogRecord:
            record = before(*args, **options)
            context = trace.get_current_span().get_span_context()
            none = context == trace.INVALID_SPAN.get_span_context()
            record.otelTraceID = "0" if none else format(context.trace_id, "032x")
            record.otelSpanID = "0" if none else format(context.span_id, "016x")
            record.otelTraceSampled = not none and context.trace_flags.sampled
            record.otelServiceName = "otel's name of the shop"
            return record

        logging.setLogRecordFactory(make)
        yield
        logging.setLogRecordFactory(before)

    def test_its_attributes_are_the_two_fields(self, shop: Logging, written: Written, tracer: trace.Tracer) -> None:
        """And nothing is said twice."""
        with tracer.start_as_current_span("s") as span:
            get_logger().info("inside")
            get_logger().info("explicit", extra={"trace_id": "mine"})
        get_logger().info("outside")
        inside, explicit, outside = written()
        assert (inside["trace_id"], inside["span_id"]) == ids(span)
        assert (explicit["trace_id"], "span_id" in explicit) == ("mine", False)
        assert {"trace_id", "span_id"}.isdisjoint(outside)
        assert not [key for record in (inside, explicit, outside) for key in record if key.startswith("otel")]

    def test_they_hold_in_another_thread(self, shop: Logging, written: Written, tracer: trace.Tracer) -> None:
        """Behind a queue the span that is active is not the one in which the record was made."""
        root = logging.getLogger()
        (ours,) = (handler for handler in root.handlers if type(handler).__module__.startswith("logpipe"))
        waiting: queue.Queue[logging.LogRecord] = queue.Queue()
        root.addHandler(behind := QueueHandler(waiting))
        root.removeHandler(ours)
        try:
            with tracer.start_as_current_span("s") as span:
                get_logger().info("inside")
            get_logger().info("outside")
            with tracer.start_as_current_span("other"):
                for _ in range(2):
                    QueueListener(waiting, ours).handle(waiting.get_nowait())
        finally:
            root.removeHandler(behind)
        inside, outside = written()
        assert (inside["trace_id"], inside["span_id"]) == ids(span)
        assert {"trace_id", "span_id"}.isdisjoint(outside)


def test_opentelemetry_is_not_loaded(written: Written) -> None:
    """It is the application's to load; a module of it that is only half there does no harm."""
    code = """
import sys, tempfile, types, logpipe
logging = logpipe.setup_logging(log_dir=tempfile.mkdtemp(), console=False)
logpipe.get_logger().warning("without")
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
sys.modules["opentelemetry.trace"] = types.ModuleType("opentelemetry.trace")
logpipe.get_logger().warning("half imported")
print(logging.paths["app"].read_text())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert '"message":"without"' in done.stdout
    assert '"message":"half imported"' in done.stdout
