"""NestJS's console logger: https://docs.nestjs.com/techniques/logger"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import strptime

NESTJS = TextFormat(
    name="nestjs",
    title="NestJS's console logger",
    start=r"^\[[A-Z]\w*\] \d+ +- ",
    layouts=(
        (
            r"^\[(?P<app>\w+)\] (?P<process>\d+) +- (?P<time>\d\d?/\d\d?/\d{4}, \d\d?:\d\d:\d\d [AP]M) +"
            r"(?P<level>[A-Z]+) (?:\[(?P<logger>[^\]\n]*)\] )?(?s:(?P<text>.*))$"
        ),
    ),
    read_time=strptime("%m/%d/%Y, %I:%M:%S %p"),
    columns={"message": "text", "logger": '"logger"', "process": 'TRY_CAST("process" AS INTEGER)'},
    attributes={"app": "app"},
)
