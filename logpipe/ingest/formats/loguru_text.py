"""loguru's default text: https://loguru.readthedocs.io/"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ISO
from logpipe.ingest.formats.traceback import EXCEPTION_COLUMNS, STACKTRACE

LAYOUT = (
    rf"^(?P<time>{ISO}) \| +(?P<level>[A-Z]+) +\| "
    r"(?P<logger>[^\s:]+):(?P<function>[^\s:]+):(?P<line>\d+) - (?s:(?P<text>.*))$"
)

LOGURU_TEXT = TextFormat(
    name="loguru_text",
    title="loguru's default text, tracebacks joined",
    start=rf"^{ISO} \| +[A-Z]+ +\| ",
    layouts=(LAYOUT,),
    derived=STACKTRACE,
    columns={
        **EXCEPTION_COLUMNS,
        "logger": '"logger"',
        "function": '"function"',
        "line": 'TRY_CAST("line" AS INTEGER)',
    },
)
