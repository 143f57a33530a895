"""Text logs of Python's `logging`, in the layouts that documentation, frameworks and habit have spread.

https://docs.python.org/3/library/logging.html#logrecord-attributes
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ISO
from logpipe.ingest.formats.traceback import EXCEPTION_COLUMNS, STACKTRACE

LEVEL = r"(?:TRACE|DEBUG|INFO|SUCCESS|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|Level \d+)"
LOGGER = r"[A-Za-z_][\w.\-]*"
PLACE = rf"(?P<logger>{LOGGER})(?::(?P<function>[A-Za-z_<][\w<>]*))?(?::(?P<line>\d+))?"
MESSAGE = r"(?s:(?P<text>.*))$"
FILE = r"[\w.\-]+\.log[\w.:\-]*"
OSLO_CONTEXT = (
    r"(?:(?:None |(?P<global_request_id>req-[^\s\]]+) )?(?P<request_id>req-[^\s\]]+)"
    r"(?:[ -]*| (?P<context>[^\]]+))|-)"
)

LAYOUTS = (
    # 2026-03-14 10:00:00,123 - shop.api - INFO - text, also with the level first, and with | or - between
    rf"^\[?(?P<time>{ISO})\]? ?[-|] {PLACE} +[-|] \[?(?P<level>{LEVEL})\]? *[-|:] ?{MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]? ?[-|] \[?(?P<level>{LEVEL})\]? *[-|] {PLACE} *[-|:] ?{MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]? ?[-|] \[?(?P<level>{LEVEL})\]? *[-|:] ?{MESSAGE}",
    # celery: [2026-03-14 10:00:00,123: INFO/MainProcess] text
    rf"^\[(?P<time>{ISO}): (?P<level>{LEVEL})/(?P<process_name>[\w-]+)\] {MESSAGE}",
    # Flask: [2026-03-14 10:00:00,123] INFO in views: text
    rf"^\[(?P<time>{ISO})\] (?P<level>{LEVEL}) in (?P<module>\w+): {MESSAGE}",
    # oslo: 2026-03-14 10:00:00.123 4711 INFO nova.api [req-… ] text, also behind the name of a file
    (
        rf"^(?:(?P<file>{FILE}) )?(?P<time>{ISO}) (?P<process>\d+) (?P<level>{LEVEL}) (?P<logger>{LOGGER}) "
        rf"(?:\[{OSLO_CONTEXT}\] )?{MESSAGE}"
    ),
    # Spacewalk: 2026/03/14 10:00:00 +01:00 4711 192.0.2.7: text
    rf"^(?P<time>\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d) (?P<process>\d+) (?P<client>\d[\d.]+): {MESSAGE}",
    # vdsm: 2026-03-14 10:00:00,123+0100 INFO (MainThread) [shop.api] text (api:12)
    (
        rf"^(?P<time>{ISO}) (?P<level>{LEVEL}) +\((?P<thread>[^)\n]+)\) \[(?P<logger>[^\]\n]+)\] (?P<text>[^\n]*)"
        r" \((?P<module>[\w.]+):(?P<line>\d+)\)$"
    ),
    # Home Assistant: 2026-03-14 10:00:00.123 INFO (MainThread) [shop.api] text
    rf"^\[?(?P<time>{ISO})\]? (?P<level>{LEVEL}) +\((?P<thread>[^)\n]+)\) \[(?P<logger>[^\]\n]+)\] {MESSAGE}",
    # 2026-03-14 10:00:00,123 [INFO] shop.api: text, [time] [INFO] [shop.api] text, time INFO [shop.api] text
    rf"^\[?(?P<time>{ISO})\]? +\[?(?P<level>{LEVEL})\]? +(?:\[(?P<logger>{LOGGER})(?::(?P<line>\d+))?\]:? ?){MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]? +\[?(?P<level>{LEVEL})\]? +{PLACE}(?::|  *-) {MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]? +\[(?P<level>{LEVEL})\]:? +{MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]? +(?P<level>{LEVEL}):? +(?P<logger>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+) {MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]? +\[?{PLACE}\]? +\[?(?P<level>{LEVEL})\]?:? +{MESSAGE}",
    rf"^\[?(?P<time>{ISO})\]?:? +(?P<level>{LEVEL}):? +{MESSAGE}",
    # 2026-03-14 10:00:00,123:INFO:shop.api:text
    rf"^(?P<time>{ISO}):(?P<level>{LEVEL}):(?:(?P<logger>{LOGGER}):)?{MESSAGE}",
    # Django's verbose: INFO 2026-03-14 10:00:00,123 views 4711 140655479798656 text
    rf"^(?P<level>{LEVEL}) (?P<time>{ISO}) (?P<module>\w+) (?P<process>\d+) (?P<thread>\d+) {MESSAGE}",
    rf"^\[?(?P<level>{LEVEL})\]?:? +\[?(?P<time>{ISO})\]? +(?:(?P<logger>{LOGGER}): )?{MESSAGE}",
    # basicConfig: INFO:shop.api:text
    rf"^(?P<level>{LEVEL}):(?P<logger>[\w.\-]+):{MESSAGE}",
)

PYTHON_TEXT = TextFormat(
    name="python_text",
    title="Python's logging as text, tracebacks joined",
    start=rf"^(?:\[?(?:{FILE} )?{ISO}|\d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d [+-]|\[?{LEVEL}\]?:? "
    rf"+\[?\d{{4}}-\d\d-\d\d|{LEVEL}:[\w.\-]+:)",
    layouts=LAYOUTS,
    derived=STACKTRACE,
    columns={
        **EXCEPTION_COLUMNS,
        "logger": '"logger"',
        "module": '"module"',
        "function": '"function"',
        "line": 'TRY_CAST("line" AS INTEGER)',
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
        "request_id": '"request_id"',
    },
    attributes={
        "process_name": "process_name",
        "file": "file",
        "client_address": "client",
        "context": "context",
        "global_request_id": "global_request_id",
    },
)
