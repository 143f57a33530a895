"""Apache's error log, of 2.2 and 2.4: https://httpd.apache.org/docs/current/mod/core.html#errorlogformat"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ctime_sql, ncsa_sql, one_of
from logpipe.ingest.formats.web_errors import APACHE_LAYOUT, APACHE_TIME

APACHE_ERROR = TextFormat(
    name="apache_error",
    title="Apache error log",
    start=rf"^\[{APACHE_TIME}\] \[",
    layouts=(APACHE_LAYOUT,),
    read_time=one_of(ctime_sql, ncsa_sql),
    columns={
        "message": "text",
        "logger": '"logger"',
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
    },
    attributes={"client_address": "client", "source": "source", "os_error": "os_error"},
)
