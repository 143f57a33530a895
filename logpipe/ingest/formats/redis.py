"""Redis and Valkey servers: https://redis.io/docs/latest/operate/oss_and_stack/management/"""

from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import epoch_sql, in_zone_sql

TIME = r"\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}"

ROLE_SQL = (
    "CASE role WHEN 'M' THEN 'master' WHEN 'S' THEN 'replica' WHEN 'C' THEN 'child' WHEN 'X' THEN 'sentinel'"
    " ELSE role END"
)

LEVEL_SQL = "CASE WHEN mark = '*' THEN 'INFO' WHEN mark = '#' THEN 'WARNING' WHEN mark IN ('.', '-') THEN 'DEBUG' END"


def _time_sql(text: str, context: Context) -> str:
    day = in_zone_sql(f"try_strptime({text}, '%d %b %Y %H:%M:%S.%f')", context)
    return f"CASE WHEN contains({text}, ':') THEN {day} ELSE {epoch_sql(text)} END"


REDIS = TextFormat(
    name="redis",
    title="Redis server log",
    start=r"^\d+:(?:[XCSM] \d\d|signal-handler)",  # the banner at the start is drawn in lines of its own
    layouts=(
        rf"^(?P<process>\d+):(?P<role>[XCSM]) (?P<time>{TIME}) (?P<mark>[.*#-]) (?s:(?P<text>.*))$",
        r"^(?P<process>\d+):(?P<role>signal-handler) \((?P<time>\d+)\) (?s:(?P<text>.*))$",
    ),
    read_time=_time_sql,
    columns={
        "level": LEVEL_SQL,
        "message": "text",
        "process": 'TRY_CAST("process" AS INTEGER)',
    },
    attributes={
        "role": ROLE_SQL,
        "level": "CASE mark WHEN '*' THEN 'notice' WHEN '-' THEN 'verbose' END",
    },
)
