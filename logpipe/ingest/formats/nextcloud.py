"""Nextcloud: https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/logging_configuration.html"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return {"reqId", "level", "time", "app", "message", "remoteAddr"} <= line.keys()


_LEVELS = " ".join(
    f"WHEN '{number}' THEN '{level}'" for number, level in enumerate(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
)

NEXTCLOUD = JsonFormat(
    name="nextcloud",
    title="Nextcloud",
    columns={
        **spelled(
            level=(Candidate("level", f"CASE {{}} {_LEVELS} END"),),
            logger=candidates("app"),
            request_id=candidates("reqId"),
            user_id=(Candidate("user", "nullif(nullif({}, '--'), '')"),),
            http_method=(Candidate("method", "nullif({}, '')"),),
            http_path=(Candidate("url", "nullif(regexp_extract(nullif({}, '--'), '^([^?#]*)', 1), '')"),),
        ),
        "service": (),  # `app` is a part of the server
    },
    marks=_is_record,
)
