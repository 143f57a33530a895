"""Security events in ArcSight's CEF and QRadar's LEEF, with or without syslog's header.

https://www.microfocus.com/documentation/arcsight/ · https://www.ibm.com/docs/en/dsm?topic=leef-overview
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import epoch_sql, iso_sql, one_of, yearless_sql

STAMP = r"(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+)"
HEADER = rf"(?:<\d+>)?(?:1 )?(?:{STAMP} (?P<host>\S+) (?:(?P<header>[^|\n]*?) )?)?"
PART = r"(?:[^|\\]|\\.)*"
DEVICE = rf"(?P<vendor>{PART})\|(?P<product>{PART})\|(?P<version>{PART})\|(?P<event_id>{PART})\|"
TOLD_TIME = r"(?:^|[ \t])(?:rt|end|start|devTime)=(\d{13}|\d{4}-\d\d-\d\dT[^ \t]+)"

CEF = TextFormat(
    name="cef",
    title="security events in CEF and LEEF",
    layouts=(
        rf"^{HEADER}(?:CEF: ?)?(?P<cef>[01])\|{DEVICE}(?P<text>{PART})\|(?P<importance>[^|\n]*)\|(?s:(?P<fields>.*))$",
        rf"^{HEADER}LEEF:(?P<leef>[\d.]+)\|{DEVICE}(?s:(?P<fields>.*))$",
    ),
    derived={"told_time": f"regexp_extract(fields, '{TOLD_TIME}', 1)"},
    read_time=one_of(iso_sql, yearless_sql),
    columns={
        "ts": f"coalesce({epoch_sql('told_time')}, TRY_CAST(nullif(told_time, '') AS TIMESTAMPTZ), read_time)",
        "event": "event_id",
        "message": "coalesce(text, fields)",
        "host": "host",
        "service": "product",
    },
    attributes={
        "vendor": "vendor",
        "version": "version",
        "header": "header",
        "importance": "importance",
        "fields": "CASE WHEN text IS NOT NULL THEN fields END",
    },
)
