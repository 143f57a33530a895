"""Serilog's compact format (CLEF) and its older JSON formatters.

https://clef-json.org: an event without a level is informational.
"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return ("@t" in line and ("@mt" in line or "@m" in line)) or ("Timestamp" in line and "MessageTemplate" in line)


SERILOG_JSON = JsonFormat(
    name="serilog_json",
    title="Serilog",
    columns=spelled(
        level=(*candidates("@l", "Level"), Candidate("@t", "CASE WHEN {} IS NOT NULL THEN 'INFO' END", stays=True)),
        message=candidates("@m", "RenderedMessage", "@mt", "MessageTemplate"),
        logger=candidates("Properties.SourceContext"),
        host=candidates("Properties.MachineName"),
        exception_type=candidates("@x.Type"),
        exception_message=candidates("@x.Message"),
        exception_stacktrace=candidates("@x", "@x.StackTrace", "Exception"),
    ),
    marks=_is_record,
)
