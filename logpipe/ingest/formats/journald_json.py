"""The journal of systemd: `journalctl -o json`; a unit's own lines are looked at as a wrapper's.

https://systemd.io/JOURNAL_EXPORT_FORMATS/
"""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.generic_json import spelled
from logpipe.ingest.formats.json_format import JsonFormat, candidates
from logpipe.ingest.formats.json_select import Candidate
from logpipe.ingest.formats.levels import syslog_level_sql
from logpipe.ingest.formats.wrapped import Wrapped, around_text

_BYTES: Final = (
    "from_hex(array_to_string(list_transform(from_json({}, '[\"UTINYINT\"]'), lambda b: printf('%02x', b)), ''))"
)
"""A message that is not UTF-8 or has control characters is a list of its bytes."""

_SEVERITY: Final = syslog_level_sql("TRY_CAST({} AS INTEGER)")


class JournaldJson(JsonFormat):
    """The wrapper."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        entry = f"CASE WHEN json_valid({line}) THEN {line} END"
        text, of_bytes = f"json_extract_string({entry}, '$.MESSAGE')", f"json_type({entry}, '$.MESSAGE') = 'ARRAY'"
        return f"CASE WHEN {of_bytes} THEN TRY({_decoded(text)}) ELSE coalesce({text}, left({entry}, 0)) END || chr(10)"

    def around(self, line: str, /) -> str:
        """See `Wrapper`: each entry has a cursor and times of its own."""
        return around_text(line, "MESSAGE", r"__\w+|_SOURCE_\w+")


def _decoded(text: str) -> str:
    return f"decode({_BYTES.replace('{}', text)})"


def _is_record(line: Mapping[str, object]) -> bool:
    return "__REALTIME_TIMESTAMP" in line


JOURNALD_COLUMNS: Final = spelled(
    ts=candidates("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
    level=(Candidate("PRIORITY", _SEVERITY),),
    message=(*candidates("MESSAGE"), Candidate("MESSAGE", f"TRY({_decoded('{}')})", kind="ARRAY")),
    service=candidates("SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT", "_COMM"),
    host=candidates("_HOSTNAME"),
    process=candidates("_PID", "SYSLOG_PID"),
    logger=candidates("LOGGER"),
    thread=candidates("THREAD_NAME"),
    module=candidates("CODE_FILE"),
    function=candidates("CODE_FUNC"),
    line=candidates("CODE_LINE"),
)

JOURNALD_JSON = Wrapped(
    JournaldJson(
        name="journald_json",
        title="the journal of systemd, as JSON",
        columns=JOURNALD_COLUMNS,
        marks=_is_record,
    )
)
