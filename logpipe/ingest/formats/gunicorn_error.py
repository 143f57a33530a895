"""gunicorn's error log: https://docs.gunicorn.org/en/stable/settings.html#logging"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ISO
from logpipe.ingest.formats.traceback import EXCEPTION_COLUMNS, STACKTRACE

GUNICORN_ERROR = TextFormat(
    name="gunicorn_error",
    title="gunicorn's error log, tracebacks joined",
    start=rf"^\[{ISO}\] \[\d+\] \[[A-Z]+\] ",
    layouts=(rf"^\[(?P<time>{ISO})\] \[(?P<process>\d+)\] \[(?P<level>[A-Z]+)\] (?s:(?P<text>.*))$",),
    derived=STACKTRACE,
    columns={**EXCEPTION_COLUMNS, "process": 'TRY_CAST("process" AS INTEGER)'},
)
