"""Access logs of web servers: NCSA common and combined, as Apache, nginx, gunicorn, Tomcat and Jetty write them.

https://httpd.apache.org/docs/current/mod/mod_log_config.html
"""

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import ncsa_sql

QUOTED = r'(?:[^"\\]|\\.)*'
"""What may stand between quotes: servers escape a quote by a backslash."""

REQUEST = (
    rf"(?:(?P<method>[A-Z]+) (?P<path>[^\s?\"]+)(?:\?(?P<query>[^\s\"]*))?(?: (?P<protocol>HTTP/[\d.]+))?|{QUOTED})"
)
"""A request line; one that is none (a probe's bytes, a TLS handshake, `-`) is taken as it is."""

AFTER_CLIENT = (
    r" (?P<identity>\S+) (?P<user>[^\s\"\[]+(?: [^\s\"\[]+)?) \[(?P<time>[^\]\"]+)\] "
    rf'"(?P<request>{REQUEST})" (?P<status>\d{{3}}|-) (?P<size>\d+|-)'
    rf'(?: "(?P<referer>{QUOTED})" "(?P<user_agent>{QUOTED})")?(?P<rest> .*)?$'
)

ADDRESSES = r"[0-9A-Fa-f.:]+(?:, ?[0-9A-Fa-f.:]+)*|-"

LONE_SECONDS = r'^(?: "[^"]*")? "?(\d+\.\d+)"?$'
NAMED_SECONDS = r'\b(?:rt|request_time)="?(\d+\.\d+)'
"""A request time in seconds: the only decimal, or one that says its name. An integer may be of any unit: left alone."""


def _given(group: str) -> str:
    """A dash stands for what is not known."""
    return f"nullif({group}, '-')"


def _in_rest(pattern: str) -> str:
    return f"CASE WHEN rest IS NOT NULL THEN nullif(regexp_extract(rest, '{pattern}', 1), '') END"


ACCESS_LOG = TextFormat(
    name="access_log",
    title="web server access log, common or combined",
    layouts=(
        r"^(?:(?P<vhost>[\w.*:-]+) )?(?P<client>[^\s-]\S*)" + AFTER_CLIENT,
        r"^(?P<client>-)" + AFTER_CLIENT,
    ),
    read_time=ncsa_sql,
    columns={
        "stream": "'access'",
        "message": "request",
        "http_method": "method",
        "http_path": "path",
        "http_status": f"TRY_CAST({_given('status')} AS USMALLINT)",
        "user_id": _given("user"),
        "duration_ms": "round(TRY_CAST(seconds AS DOUBLE) * 1000, 3)",
    },
    derived={
        "seconds": f"coalesce({_in_rest(LONE_SECONDS)}, {_in_rest(NAMED_SECONDS)})",
        "forwarded_for": _in_rest(rf'^ "({ADDRESSES})"'),
    },
    attributes={
        "virtual_host": "vhost",
        "client_address": _given("client"),
        "identity": _given("identity"),
        "query": "query",
        "protocol": "protocol",
        "response_size": f"TRY_CAST({_given('size')} AS UBIGINT)",
        "referer": _given("referer"),
        "user_agent": _given("user_agent"),
        "forwarded_for": _given("forwarded_for"),
        "rest": "CASE WHEN rest IS NOT NULL"
        f' AND NOT regexp_full_match(rest, \'( "({ADDRESSES})")?( "?\\d+\\.\\d+"?)?\') THEN trim(rest) END',
    },
)
