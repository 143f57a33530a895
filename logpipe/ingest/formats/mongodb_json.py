"""MongoDB from 4.4: https://www.mongodb.com/docs/manual/reference/log-messages/"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate


def _is_record(line: Mapping[str, object]) -> bool:
    return isinstance(line.get("t"), dict) and {"s", "c", "msg"} <= line.keys()


MONGODB_JSON = JsonFormat(
    name="mongodb_json",
    title="MongoDB server, 4.4 and later",
    columns=spelled(
        ts=candidates(("t", "$date")),
        level=candidates("s"),
        logger=candidates("c"),
        thread=candidates("ctx"),
        duration_ms=candidates("attr.durationMillis"),
        db_system=(Candidate("msg", "CASE {} WHEN 'Slow query' THEN 'mongodb' END"),),
        db_statement=(Candidate("attr.command", "{}", kind="OBJECT"),),
        exception_message=candidates("attr.error"),
    ),
    marks=_is_record,
)
