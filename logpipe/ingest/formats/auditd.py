"""Linux's audit log: https://man7.org/linux/man-pages/man8/auditd.8.html"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import epoch_time_sql


def _value(key: str) -> str:
    """Quoted where it is text, bare where it is a number or hexadecimal."""
    return f"nullif(trim(regexp_extract(text, '(?:^|[ ''])({key})=(\"[^\"]*\"|[^ '']*)', 2), '\"'), '')"


AUDITD = TextFormat(
    name="auditd",
    title="Linux's audit log",
    layouts=(
        (
            r"^(?:node=(?P<node>\S+) )?type=(?P<type>\w+(?:\[\d+\])?) msg=audit\((?P<time>\d+\.\d+):"
            r"(?P<serial>\d+)\): ?(?s:(?P<text>.*))$"
        ),
    ),
    read_time=epoch_time_sql,
    columns={
        "event": '"type"',
        "message": "text",
        "host": "node",
        "process": f"TRY_CAST({_value('pid')} AS INTEGER)",
        "user_id": _value("auid"),
    },
    attributes={"serial": "TRY_CAST(serial AS UBIGINT)"},
    pairs="text",
)
