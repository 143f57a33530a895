"""Google Cloud's structured logging, as programs write it for its agents.

https://cloud.google.com/logging/docs/structured-logging
"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate

_PREFIX = "logging.googleapis.com/"


def _is_record(line: Mapping[str, object]) -> bool:
    return "severity" in line and any(key.startswith(_PREFIX) for key in line)


GCP_JSON = JsonFormat(
    name="gcp_json",
    title="Google Cloud structured logging",
    columns=spelled(
        level=candidates("severity"),
        logger=candidates((f"{_PREFIX}labels", "python_logger")),
        trace_id=(Candidate(f"{_PREFIX}trace", "nullif(regexp_extract({}, '([0-9a-f]+)$', 1), '')"),),
        span_id=(Candidate(f"{_PREFIX}spanId", "nullif({}, '')"),),
        module=candidates((f"{_PREFIX}sourceLocation", "file")),
        function=candidates((f"{_PREFIX}sourceLocation", "function")),
        line=candidates((f"{_PREFIX}sourceLocation", "line")),
    ),
    marks=_is_record,
)
