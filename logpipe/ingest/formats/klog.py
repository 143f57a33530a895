"""klog (Kubernetes) and glog: https://github.com/google/glog#log-line-prefix"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import one_of, strptime, yearless

TIME = r"\d{4}(?:\d{4})? +\d\d:\d\d:\d\d(?:\.\d{1,9})?"

KLOG = TextFormat(
    name="klog",
    title="klog and glog",
    start=rf"^\s*[A-Z]{TIME} ",
    layouts=(
        (
            rf"^\s*(?P<level>[IWEFD])(?P<time>{TIME}) +(?P<thread>\d+) (?P<file>[^:\s]+):(?P<line>\d+)\] "
            rf"?(?s:(?P<text>.*))$"
        ),
    ),
    read_time=one_of(strptime("%Y%m%d %H:%M:%S.%f", "%Y%m%d %H:%M:%S"), yearless("%m%d %H:%M:%S.%f", "%m%d %H:%M:%S")),
    columns={"message": "rtrim(text)", "thread": '"thread"', "line": 'TRY_CAST("line" AS INTEGER)'},
    attributes={"file": "file"},
)
