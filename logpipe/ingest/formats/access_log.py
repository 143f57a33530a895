"""Access logs of web servers: NCSA common and combined, as Apache, nginx, gunicorn, Tomcat and Jetty write them.

https://httpd.apache.org/docs/current/mod/mod_log_config.html
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ctime_sql, iso_sql, ncsa_sql, one_of, slashed_sql
from logpipe.ingest.formats.web_errors import APACHE_LAYOUT, NGINX_LAYOUT, QUOTED, REQUEST
from logpipe.ingest.scanning.scanner import scan_access

SINCE_TIME = (
    rf' \[(?P<time>[^\]\"]+)\] "(?P<request>{REQUEST})" (?P<status>\d{{3}}|-) (?P<size>\d+|-)'
    rf'(?: "(?P<referer>{QUOTED})" "(?P<user_agent>{QUOTED})")?(?P<rest> .*)?$'
)

ADDRESSES = r"[0-9A-Fa-f.:]+(?:, ?[0-9A-Fa-f.:]+)*|-"

LONE_SECONDS = r'^(?: "[^"]*")? "?(\d+\.\d+)"?$'
MILLISECONDS = r" (\d+(?:\.\d+)?)ms$"
NAMED_SECONDS = r'\b(?:rt|request_time)="?(\d+\.\d+)'
"""A request time in seconds: the only decimal, or one that says its name. An integer may be of any unit: left alone."""


def _given(group: str) -> str:
    """A dash stands for what is not known."""
    return f"nullif({group}, '-')"


def _in_rest(pattern: str) -> str:
    return f"CASE WHEN rest IS NOT NULL THEN nullif(regexp_extract(rest, '{pattern}', 1), '') END"


NGINX_PROXY_MANAGER = (
    r"^\[(?P<time>[^\]\"]+)\] (?:(?P<cache>[A-Z]+|-) )?(?:(?P<upstream_status>\d{3}|-) )?(?P<status>\d{3}) "
    r"- (?P<method>[A-Z]+|-) "
    rf'(?P<scheme>https?) (?P<vhost>\S+) "(?P<path>[^\s?\"]*)(?:\?(?P<query>[^\"]*))?" \[Client (?P<client>[^\]]*)\] '
    rf'\[Length (?P<size>\d+|-)\](?P<rest>[^\"]*) "(?P<user_agent>{QUOTED})" "(?P<referer>{QUOTED})"$'
)
TIME_FIRST = (
    rf"^\[(?P<time>\d\d/[^\]\"]+)\] (?:(?P<vhost>[\w.-]+) )?(?P<client>[0-9a-fA-F.:]+) (?P<details>[^\"]*)"
    rf'"(?P<request>{REQUEST})" (?:(?P<status>\d{{3}}) )?(?P<size>\d+|-)(?P<rest> .*)?$'
)
UNQUOTED = (
    r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) (?P<client>[0-9a-fA-F.:]+) (?P<user>\S+) (?P<method>[A-Z]+) "
    rf"(?P<path>[^\s?]+)(?:\?(?P<query>\S*))? (?P<details>\S+) (?P<status>\d{{3}}) (?P<size>\d+|-)"
    rf'(?: "(?P<referer>{QUOTED})" "(?P<user_agent>{QUOTED})")?(?P<rest> .*)?$'
)
"""What some servers write instead: nginx proxy manager, Apache's log of TLS requests, vCenter's."""

ACCESS_LOG = TextFormat(
    name="access_log",
    title="web server access log, common or combined",
    layouts=(
        r"^(?:(?P<vhost>[\w.*:-]+) )?(?P<client>[^\s-]\S*) (?P<identity>\S+) (?P<user>[^\s\"\[]+(?: [^\s\"\[]+)?)"
        + SINCE_TIME,
        r"^(?:(?P<vhost>\w[\w.*:-]*) )?(?P<client>-|[0-9a-fA-F.:]+)(?: (?P<identity>\S+))??(?: (?P<user>[^\s\"\[]+))?"
        + SINCE_TIME,
        NGINX_PROXY_MANAGER,
        TIME_FIRST,
        UNQUOTED,
        NGINX_LAYOUT,
        APACHE_LAYOUT,
    ),
    read_time=one_of(ncsa_sql, slashed_sql, ctime_sql, iso_sql),
    columns={
        "stream": "CASE WHEN layout IS NOT NULL AND text IS NULL THEN 'access' END",
        "message": "coalesce(text, request, concat_ws(' ', \"method\", path))",
        "logger": '"logger"',
        "process": 'TRY_CAST("process" AS INTEGER)',
        "thread": '"thread"',
        "http_method": _given("method"),
        "http_path": "path",
        "http_status": f"TRY_CAST({_given('status')} AS USMALLINT)",
        "user_id": _given("user"),
        "duration_ms": "coalesce(round(TRY_CAST(seconds AS DOUBLE) * 1000, 3), TRY_CAST(milliseconds AS DOUBLE))",
    },
    derived={
        "seconds": f"coalesce({_in_rest(LONE_SECONDS)}, {_in_rest(NAMED_SECONDS)})",
        "milliseconds": _in_rest(MILLISECONDS),
        "forwarded_for": _in_rest(rf'^ "({ADDRESSES})"'),
    },
    attributes={
        "virtual_host": "vhost",
        "client_address": _given("client"),
        "identity": _given("identity"),
        "scheme": "scheme",
        "request": 'CASE WHEN text IS NOT NULL AND "method" IS NULL THEN request END',
        "query": "query",
        "protocol": "protocol",
        "response_size": f"TRY_CAST({_given('size')} AS UBIGINT)",
        "referer": _given("referer"),
        "user_agent": _given("user_agent"),
        "forwarded_for": _given("forwarded_for"),
        "cache": _given("cache"),
        "upstream_status": _given("upstream_status"),
        "upstream": "upstream",
        "subrequest": "subrequest",
        "server": "server",
        "connection": "TRY_CAST(connection AS UBIGINT)",
        "source": "source",
        "os_error": "os_error",
        "details": "nullif(trim(details), '')",
        "rest": "CASE WHEN rest IS NOT NULL"
        f' AND NOT regexp_full_match(rest, \'( "({ADDRESSES})")?( "?\\d+\\.\\d+"?)?\') THEN trim(rest) END',
    },
    scan=scan_access,
)
