"""Patterns of the error logs of nginx and Apache, which also stand among access lines where one stream carries both."""

from typing import Final

QUOTED: Final = r'[^"\\]*(?:\\.[^"\\]*)*'
"""What may stand between quotes: servers escape a quote by a backslash."""

REQUEST: Final = (
    rf"(?:(?P<method>[A-Z]+) (?P<path>[^\s?\"]+)(?:\?(?P<query>[^\s\"]*))?(?: (?P<protocol>HTTP/[\d.]+))?|{QUOTED})"
)
"""A request line; one that is none (a probe's bytes, a TLS handshake, `-`) is taken as it is."""

NGINX_TIME: Final = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"

_OF_REQUEST: Final = (
    r", client: (?P<client>[^,\s]+)(?:, server: (?P<server>[^,\s]*))?"
    rf'(?:, request: "(?P<request>{REQUEST})")?(?:, subrequest: "(?P<subrequest>{QUOTED})")?'
    rf'(?:, upstream: "(?P<upstream>{QUOTED})")?(?:, host: "(?P<vhost>{QUOTED})")?'
    rf'(?:, referrer: "(?P<referer>{QUOTED})")?'
)
"""What nginx appends to a message about a request."""

NGINX_LAYOUT: Final = (
    rf"^(?P<time>{NGINX_TIME}) \[(?P<level>\w+)\] (?P<process>\d+)#(?P<thread>\d+): (?:\*(?P<connection>\d+) )?"
    rf"(?s:(?P<text>.*?))(?:{_OF_REQUEST})?$"
)

APACHE_TIME: Final = (
    r"(?:[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \d{4}"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})"
)

APACHE_LAYOUT: Final = (
    rf"^\[(?P<time>{APACHE_TIME})\] \[(?:(?P<logger>\w+):)?(?P<level>\w+)\] "
    r"(?:\[pid (?P<process>\d+)(?::tid (?P<thread>\d+))?\] )?(?:(?P<source>\S+\.c\(\d+\)): )?"
    r"(?:(?P<os_error>\(\d+\)[^:\n\[]*): )?(?:\[(?:client|remote) (?P<client>[^\]]+)\] )?(?s:(?P<text>.*))$"
)
