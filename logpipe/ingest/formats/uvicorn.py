"""uvicorn's console: its own messages and its access lines, neither with a time. https://www.uvicorn.org/"""

from http import HTTPStatus
from typing import Final

from logpipe.ingest.formats.base import text_literal
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.traceback import EXCEPTION_COLUMNS, STACKTRACE
from logpipe.ingest.formats.web_errors import REQUEST

LEVEL = r"(?:TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL)"

_PHRASES: Final = sorted({status.phrase for status in HTTPStatus} | {"Content Too Large", "Unprocessable Content"})
_ODD_PHRASE: Final = f"CASE WHEN phrase NOT IN ({', '.join(map(text_literal, _PHRASES))}) THEN phrase END"
"""One that says more than the status."""

UVICORN = TextFormat(
    name="uvicorn",
    title="uvicorn's console, tracebacks joined",
    start=rf"^{LEVEL}: +\S",
    layouts=(
        (
            rf'^(?P<level>{LEVEL}): +(?P<client>\S+) - "(?P<request>{REQUEST})" (?P<status>\d{{3}})'
            r"(?: (?P<phrase>[A-Za-z '-]*))?$"
        ),
        rf"^(?P<level>{LEVEL}): +(?s:(?P<text>.*))$",
    ),
    derived=STACKTRACE,
    columns={
        **EXCEPTION_COLUMNS,
        "message": f"coalesce(request, {EXCEPTION_COLUMNS['message']})",
        "stream": "CASE WHEN request IS NOT NULL THEN 'access' END",
        "http_method": "method",
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
    },
    attributes={"client_address": "client", "query": "query", "protocol": "protocol", "reason_phrase": _ODD_PHRASE},
)
