"""The access log of Go's Gin framework: https://gin-gonic.com/docs/examples/custom-log-format/"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import strptime

GIN = TextFormat(
    name="gin",
    title="Gin's access log",
    start=r"^\[GIN",
    layouts=(
        (
            r"^\[GIN\] (?P<time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| *(?P<status>\d{3}) \| *(?P<took>[^|]*?) \| *"
            r'(?P<client>[^|]*?) \| *(?P<method>[A-Z]+) +(?:\| )?"?(?P<path>[^\s"|?]*)(?:\?(?P<query>[^\s"|]*))?"?(?s:'
            r"(?P<rest>.*))$"
        ),
        r"^\[GIN-(?P<mode>debug|release|test)\] (?s:(?P<text>.*))$",
    ),
    derived={
        "duration": r"regexp_extract(took, '^(?:(\d+)h)?(?:(\d+)m)?([\d.]+)?(ms|µs|μs|ns|s)?$', ['h', 'm', 'number', "
        r"'unit'])",
        "unit_ms": "CASE duration['unit'] WHEN 'ms' THEN 1 WHEN 's' THEN 1e3 WHEN 'ns' THEN 1e-6 WHEN '' THEN NULL "
        "ELSE 1e-3 END",
    },
    read_time=strptime("%Y/%m/%d - %H:%M:%S"),
    columns={
        "stream": "CASE WHEN method IS NOT NULL THEN 'access' END",
        "message": "coalesce(method || ' ' || path || coalesce('?' || query, ''), text)",
        "http_method": '"method"',
        "http_path": "path",
        "http_status": "TRY_CAST(status AS USMALLINT)",
        "duration_ms": "round(TRY_CAST(duration['number'] AS DOUBLE) * unit_ms + coalesce(TRY_CAST(duration['m'] AS"
        " DOUBLE), 0) * 6e4 + coalesce(TRY_CAST(duration['h'] AS DOUBLE), 0) * 36e5, 6)",
    },
    attributes={
        "client_address": "client",
        "latency": "CASE WHEN duration['unit'] = '' THEN took END",
        "query": "query",
        "rest": "nullif(trim(rest, ' |'), '')",
        "mode": '"mode"',
    },
)
