"""Entries of Google Cloud Logging, as its sinks and `gcloud logging read` write them, around a program's own line.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.wrapped import Wrapped, around_text


class GcpEntry(JsonFormat):
    """The wrapper."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        entry = f"CASE WHEN json_valid({line}) THEN {line} END"
        texts = f"json_extract_string({entry}, '$.textPayload'), json_extract_string({entry}, '$.jsonPayload')"
        return f"coalesce({texts}, left({entry}, 0)) || chr(10)"

    def around(self, line: str, /) -> str:
        """See `Wrapper`: each entry has an id and times of its own."""
        return around_text(line, "textPayload|insertId", "timestamp|receiveTimestamp")


def _is_entry(line: Mapping[str, object]) -> bool:
    return "logName" in line and ("insertId" in line or "resource" in line)


GCP_ENTRY = Wrapped(
    GcpEntry(
        name="gcp_entry",
        title="Google Cloud Logging's entries",
        columns=spelled(
            ts=candidates("timestamp", "receiveTimestamp"),
            level=candidates("severity"),
            message=candidates("textPayload", "protoPayload.status.message"),
            service=candidates(
                *("resource.labels.service_name", "resource.labels.container_name", "resource.labels.module_id")
            ),
            host=candidates("resource.labels.pod_name", "resource.labels.instance_id"),
            event=candidates("protoPayload.methodName"),
            trace_id=(Candidate("trace", "nullif(regexp_extract({}, '([0-9a-f]+)$', 1), '')"),),
            span_id=candidates("spanId"),
            module=candidates("sourceLocation.file"),
            function=candidates("sourceLocation.function"),
            line=candidates("sourceLocation.line"),
        ),
        marks=_is_entry,
        redundant={
            "textPayload": "json_type(json, '$.textPayload') = 'VARCHAR'",
            "jsonPayload": "json_type(json, '$.jsonPayload') = 'OBJECT' AND json_type(json, '$.textPayload') IS NULL",
        },
    )
)
