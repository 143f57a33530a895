"""spdlog's default, and Envoy's own log: https://github.com/gabime/spdlog/wiki/3.-Custom-formatting"""

from logpipe.ingest.formats.text_format import TextFormat

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9}"
LEVEL = r"(?P<level>trace|debug|info|warn|warning|error|err|critical)"

SPDLOG = TextFormat(
    name="spdlog",
    title="C++'s spdlog, Envoy's log of itself",
    start=rf"^\[{TIME}\]",
    layouts=(
        (
            rf"^\[(?P<time>{TIME})\] (?:\[(?P<logger>[^\]\n]*)\] )??\[{LEVEL}\] "
            r"(?:\[(?P<file>[^\]:\n]+):(?P<line>\d+)\] )?(?s:(?P<text>.*))$"
        ),
        (
            rf"^\[(?P<time>{TIME})\]\[(?P<thread>\d+)\]\[{LEVEL}\]\[(?P<logger>[^\]\n]*)\] "
            r"(?:\[(?P<file>[^\]:\n]+):(?P<line>\d+)\] )?(?s:(?P<text>.*))$"
        ),
    ),
    columns={
        "message": "text",
        "logger": '"logger"',
        "thread": '"thread"',
        "line": 'TRY_CAST("line" AS INTEGER)',
    },
    attributes={"file": "file"},
)
