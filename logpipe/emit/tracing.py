"""The ids of OpenTelemetry's active span, where the application uses it; nothing of it is ever loaded here."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

CARRIED: Final = ("otelTraceID", "otelSpanID")
"""What OpenTelemetry's factory of LogRecords notes of the span."""
_NONE: Final[Mapping[str, str]] = {}


def ids() -> Mapping[str, str]:
    """`trace_id` and `span_id` of the active span, recorded or not; empty where there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return _NONE
    try:
        span = trace.get_current_span().get_span_context()
        return _in_hex(span.trace_id, span.span_id) if span.is_valid else _NONE
    except Exception:  # noqa: BLE001 - half imported, or another's implementation; the record does without
        return _NONE


def carried(given: dict[str, object]) -> Mapping[str, object]:
    """Takes out the ids that OpenTelemetry's factory of LogRecords noted; the thread may be another by now."""
    trace_id, span_id = given.pop("otelTraceID"), given.pop("otelSpanID", "0")
    return {"trace_id": trace_id, "span_id": span_id} if trace_id != "0" else _NONE


@lru_cache(maxsize=128)  # of many records in one span: the text costs as much as finding the span
def _in_hex(trace_id: int, span_id: int) -> Mapping[str, str]:
    return {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}
