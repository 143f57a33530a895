"""Android's logcat, in the layouts `threadtime`, `time` and `brief`: https://developer.android.com/tools/logcat"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import iso_sql, one_of, yearless

TIME = r"(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}"
MESSAGE = r"(?s:(?P<text>.*))$"

LOGCAT = TextFormat(
    name="logcat",
    title="Android's logcat",
    layouts=(
        (
            rf"^(?P<time>{TIME}) +(?P<process>\d+) +(?P<thread>\d+) (?P<level>[VDIWEFA]) (?P<logger>[^:\n]*?) *: "
            rf"?{MESSAGE}"
        ),
        rf"^(?P<time>{TIME}) (?P<level>[VDIWEFA])/(?P<logger>[^(\n]*?) *\( *(?P<process>\d+)\): ?{MESSAGE}",
        rf"^(?P<level>[VDIWEFA])/(?P<logger>[^(\n]*?) *\( *(?P<process>\d+)\): ?{MESSAGE}",
    ),
    read_time=one_of(iso_sql, yearless("%m-%d %H:%M:%S.%f")),
    columns={
        "message": "text",
        "logger": '"logger"',
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
    },
)
