"""Records of Linux auditing as JSON: https://github.com/threathunters-io/laurel"""

from collections.abc import Mapping

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.times import epoch_sql


def _is_record(line: Mapping[str, object]) -> bool:
    identifier = line.get("ID")
    return isinstance(identifier, str) and len(line) > 1 and all(key.isupper() or "_" in key for key in line)


LAUREL = JsonFormat(
    name="laurel",
    title="Linux audit records as JSON (laurel)",
    columns=spelled(ts=(Candidate("ID", lambda text, _context: epoch_sql(f"split_part({text}, ':', 1)"), stays=True),)),
    marks=_is_record,
)
