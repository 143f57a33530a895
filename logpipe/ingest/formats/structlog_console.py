"""structlog's ConsoleRenderer, with or without colours: https://www.structlog.org/en/stable/console-output.html"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.traceback import (
    before_traceback_sql,
    exception_message_sql,
    exception_type_sql,
    traceback_sql,
)

TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?"
LEVEL = r"(?:debug|info|warning|warn|error|critical|exception|notset)"
NESTED = r"[^{}\[\]()\n]*(?:[\[({][^{}\[\]()\n]*[\])}][^{}\[\]()\n]*)*"
"""What stands in brackets, with brackets in it once more at most."""
VALUE = rf"""(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|[\[({{]{NESTED}[\])}}]|<[^<>\n]*>|[^\s'"{{\[(<]\S*|)"""
PAIRS = rf"(?: +[A-Za-z_][\w.]*={VALUE})+"
HEAD = rf"^(?:(?P<time>{TIME}) )?\[(?P<level>{LEVEL}) *\] "
TAIL = r"(?: +\[(?P<logger>[\w.]+)\])?"
MORE = r" *(?P<more>\n(?s:.*))?$"

STRUCTLOG_CONSOLE = TextFormat(
    name="structlog_console",
    title="structlog's console, tracebacks joined",
    start=rf"^(?:{TIME} )?\[{LEVEL} *\] ",
    layouts=(
        # The message is padded to thirty characters: a shorter one may hold what looks like a pair.
        rf"{HEAD}(?P<text>[^\n]{{30,}}?){TAIL}(?P<pairs>{PAIRS}){MORE}",
        rf"{HEAD}(?P<text>[^\n]*?){TAIL}(?P<pairs>{PAIRS}){MORE}",
        rf"{HEAD}(?P<text>[^\n]*?) {{2,}}(?P<fields>\{{[^\n]*\}}){MORE}",
        rf"{HEAD}(?P<text>[^\n]*?){TAIL}{MORE}",
    ),
    derived={"stacktrace": traceback_sql("more")},
    columns={
        "message": "rtrim(text)",
        "logger": '"logger"',
        "exception_type": exception_type_sql("stacktrace"),
        "exception_message": exception_message_sql("stacktrace"),
        "exception_stacktrace": "stacktrace",
    },
    attributes={
        "fields": "CASE WHEN json_valid(fields) THEN fields::JSON ELSE to_json(fields) END",
        "more": f"nullif(ltrim({before_traceback_sql('more')}, chr(10)), '')",
    },
    pairs="pairs",
)
