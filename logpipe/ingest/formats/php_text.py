"""Logs of PHP: Monolog (Laravel, Symfony), PHP's error log, php-fpm.

https://github.com/Seldaek/monolog · https://www.php.net/manual/en/errorfunc.configuration.php#ini.error-log
"""

from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import in_zone_sql, iso_sql, one_of

ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?"
SPOKEN = r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d"
PSR_LEVEL = r"(?:DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY)"
MESSAGE = r"(?s:(?P<text>.*))$"


def _zoned_sql(text: str, context: Context) -> str:
    """`14-Mar-2026 10:00:00 Europe/Berlin`."""
    parts = f"regexp_extract({text}, '^(\\S+ [\\d:.]+)(?: (\\S+))?$', ['local', 'zone'])"
    moment = f"try_strptime({parts}['local'], ['%d-%b-%Y %H:%M:%S', '%d-%b-%Y %H:%M:%S.%f'])"
    iso = f"strftime({moment}, '%Y-%m-%d %H:%M:%S.%f') || ' ' || {parts}['zone']"
    return (
        f"CASE WHEN {parts}['zone'] <> '' THEN TRY_CAST({iso} AS TIMESTAMPTZ) ELSE {in_zone_sql(moment, context)} END"
    )


PHP_TEXT = TextFormat(
    name="php_text",
    title="PHP's error log, php-fpm, Monolog (Laravel, Symfony); stack traces joined",
    start=rf"^\[(?:{ISO}|{SPOKEN})",
    layouts=(
        # Monolog: [2026-03-14 10:00:00] local.ERROR: text {"context":1} []
        (
            rf"^\[(?P<time>{ISO})\] (?P<logger>[\w.-]+)\.(?P<level>{PSR_LEVEL}): (?P<text>[^\n]*?)"
            r" (?P<fields>\{[^\n]*\}|\[\])(?: (?P<extra>\{[^\n]*\}|\[\]))? ?$"
        ),
        rf"^\[(?P<time>{ISO})\] (?P<logger>[\w.-]+)\.(?P<level>{PSR_LEVEL}): {MESSAGE}",
        # [14-Mar-2026 10:00:00 Europe/Berlin] PHP Warning:  text
        (
            rf"^\[(?P<time>{SPOKEN}(?: [\w/+-]+)?)\] PHP (?P<level>Warning|Notice|Deprecated|Fatal error|Parse "
            rf"error|Strict Standards"
            rf"|Recoverable fatal error|Core error|Core warning): +{MESSAGE}"
        ),
        # php-fpm: [14-Mar-2026 10:00:00] WARNING: [pool www] text
        (
            rf"^\[(?P<time>{SPOKEN}(?:\.\d{{1,6}})?(?: [\w/+-]+)?)\] (?P<level>DEBUG|NOTICE|WARNING|ERROR|ALERT): "
            rf"(?:pid (?P<process>\d+), "
            rf"(?P<function>\w+)\(\), line (?P<line>\d+): )?(?:\[pool (?P<pool>[^\]\n]*)\] )?{MESSAGE}"
        ),
        rf"^\[(?P<time>{SPOKEN}(?: [\w/+-]+)?)\] {MESSAGE}",
    ),
    read_time=one_of(iso_sql, _zoned_sql),
    derived={
        "uncaught": r"CASE WHEN contains(text, 'Stack trace:') OR contains(text, '[stacktrace]') THEN "
        r"regexp_extract(text,"
        r" '(?s)(?:Uncaught |\[object\] \()([\\\w]+)(?:\(code: [^)]*\))?: (.*?)(?: in /| at /|\n)', ['type', "
        r"'message']) END",
    },
    columns={
        "level": "coalesce(read_level, CASE WHEN level ILIKE '%error' THEN 'CRITICAL' WHEN level ILIKE '%warning'"
        " THEN 'WARNING' WHEN level IS NOT NULL THEN 'INFO' END)",
        "message": "text",
        "logger": '"logger"',
        "function": '"function"',
        "process": 'TRY_CAST("process" AS INTEGER)',
        "line": 'TRY_CAST("line" AS INTEGER)',
        "exception_type": "nullif(uncaught['type'], '')",
        "exception_message": "nullif(uncaught['message'], '')",
        "exception_stacktrace": "CASE WHEN uncaught IS NOT NULL THEN text END",
    },
    attributes={
        "pool": "pool",
        "fields": "CASE WHEN json_valid(fields) THEN nullif(fields, '[]')::JSON ELSE to_json(fields) END",
        "extra": "CASE WHEN json_valid(extra) THEN nullif(extra, '[]')::JSON ELSE to_json(extra) END",
    },
)
