"""What a receiver of OTLP says: how many records it would not take, or why none.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from typing import Any, Final

import httpx
import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse

RETRIED: Final = frozenset({429, 502, 503, 504})
"""Statuses that mean not now; any other of an error is for good, by the protocol."""

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"


def said(answer: httpx.Response) -> str:
    """The reason of an error: the message of a `google.rpc.Status`, else the text.

    Its fields 1 and 2, a code and a message, are encoded as those of a partial success, which spares its definition.
    """
    if _type(answer) == _PROTOBUF:
        try:
            return str(ExportLogsPartialSuccess.FromString(answer.content).error_message)
        except DecodeError:
            return answer.text
    return str(_members(answer).get("message") or answer.text)


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Of an answer with 2xx: how many records were refused, and why. What is no such answer refuses none."""
    if _type(answer) == _JSON:
        partial = _members(answer).get("partialSuccess")
        return _told(partial) if isinstance(partial, dict) else (0, "")
    try:
        success = ExportLogsServiceResponse.FromString(answer.content).partial_success
    except DecodeError:
        return 0, ""
    return max(0, success.rejected_log_records), success.error_message


def _told(partial: dict[str, Any]) -> tuple[int, str]:
    try:
        count = int(partial.get("rejectedLogRecords") or 0)
    except (TypeError, ValueError):
        count = 0
    return max(0, count), str(partial.get("errorMessage") or "")


def _type(answer: httpx.Response) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _members(answer: httpx.Response) -> dict[str, Any]:
    try:
        parsed = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
