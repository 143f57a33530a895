"""The formats that logpipe reads, and which of them a file is in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from logpipe.ingest.formats.access_log import ACCESS_LOG
from logpipe.ingest.formats.apache_error import APACHE_ERROR
from logpipe.ingest.formats.auditd import AUDITD
from logpipe.ingest.formats.aws_elb import AWS_ELB
from logpipe.ingest.formats.aws_s3 import AWS_S3
from logpipe.ingest.formats.aws_vpc_flow import AWS_VPC_FLOW
from logpipe.ingest.formats.base import Context, Format
from logpipe.ingest.formats.caddy_json import CADDY_JSON
from logpipe.ingest.formats.cef import CEF
from logpipe.ingest.formats.cloudflare import CLOUDFLARE
from logpipe.ingest.formats.cloudtrail import CLOUDTRAIL
from logpipe.ingest.formats.compose import COMPOSE
from logpipe.ingest.formats.couchdb import COUCHDB
from logpipe.ingest.formats.cri import CRI
from logpipe.ingest.formats.django_server import DJANGO_SERVER
from logpipe.ingest.formats.docker_json import DOCKER_JSON
from logpipe.ingest.formats.dotnet_text import DOTNET_TEXT
from logpipe.ingest.formats.ecs_json import ECS_JSON
from logpipe.ingest.formats.envoy import ENVOY
from logpipe.ingest.formats.envoy_json import ENVOY_JSON
from logpipe.ingest.formats.gcp_entry import GCP_ENTRY
from logpipe.ingest.formats.gcp_json import GCP_JSON
from logpipe.ingest.formats.generic_json import GENERIC_JSON
from logpipe.ingest.formats.gin import GIN
from logpipe.ingest.formats.go_text import GO_TEXT
from logpipe.ingest.formats.gunicorn_error import GUNICORN_ERROR
from logpipe.ingest.formats.haproxy import HAPROXY
from logpipe.ingest.formats.java_text import JAVA_TEXT
from logpipe.ingest.formats.journald_export import JOURNALD_EXPORT
from logpipe.ingest.formats.journald_json import JOURNALD_JSON
from logpipe.ingest.formats.json_multiline import JSON_MULTILINE
from logpipe.ingest.formats.kernel import KERNEL
from logpipe.ingest.formats.klog import KLOG
from logpipe.ingest.formats.kubectl import KUBECTL
from logpipe.ingest.formats.kubernetes_audit import KUBERNETES_AUDIT
from logpipe.ingest.formats.laurel import LAUREL
from logpipe.ingest.formats.log4j_json import LOG4J_JSON
from logpipe.ingest.formats.logcat import LOGCAT
from logpipe.ingest.formats.logfmt import LOGFMT
from logpipe.ingest.formats.logpipe_jsonl import LOGPIPE_JSONL
from logpipe.ingest.formats.loguru_json import LOGURU_JSON
from logpipe.ingest.formats.loguru_text import LOGURU_TEXT
from logpipe.ingest.formats.mongodb_json import MONGODB_JSON
from logpipe.ingest.formats.mongodb_text import MONGODB_TEXT
from logpipe.ingest.formats.monolog_json import MONOLOG_JSON
from logpipe.ingest.formats.mysql_error import MYSQL_ERROR
from logpipe.ingest.formats.mysql_general import MYSQL_GENERAL
from logpipe.ingest.formats.mysql_slow import MYSQL_SLOW
from logpipe.ingest.formats.nestjs import NESTJS
from logpipe.ingest.formats.nextcloud import NEXTCLOUD
from logpipe.ingest.formats.nginx_error import NGINX_ERROR
from logpipe.ingest.formats.otel_console import OTEL_CONSOLE
from logpipe.ingest.formats.otlp_json import OTLP_JSON
from logpipe.ingest.formats.pgbouncer import PGBOUNCER
from logpipe.ingest.formats.php_text import PHP_TEXT
from logpipe.ingest.formats.pino_json import PINO_JSON
from logpipe.ingest.formats.plain import PLAIN
from logpipe.ingest.formats.postgresql import POSTGRESQL
from logpipe.ingest.formats.postgresql_csv import POSTGRESQL_CSV
from logpipe.ingest.formats.postgresql_json import POSTGRESQL_JSON
from logpipe.ingest.formats.python_json_logger import PYTHON_JSON_LOGGER
from logpipe.ingest.formats.python_text import PYTHON_TEXT
from logpipe.ingest.formats.redis import REDIS
from logpipe.ingest.formats.ruby_text import RUBY_TEXT
from logpipe.ingest.formats.rust_text import RUST_TEXT
from logpipe.ingest.formats.serilog_json import SERILOG_JSON
from logpipe.ingest.formats.spdlog import SPDLOG
from logpipe.ingest.formats.structlog_console import STRUCTLOG_CONSOLE
from logpipe.ingest.formats.structlog_json import STRUCTLOG_JSON
from logpipe.ingest.formats.suricata_eve import SURICATA_EVE
from logpipe.ingest.formats.syslog import SYSLOG
from logpipe.ingest.formats.timed_text import TIMED_TEXT
from logpipe.ingest.formats.traefik_json import TRAEFIK_JSON
from logpipe.ingest.formats.uvicorn import UVICORN
from logpipe.ingest.formats.uwsgi import UWSGI
from logpipe.ingest.formats.w3c import W3C
from logpipe.ingest.formats.windows_cbs import WINDOWS_CBS
from logpipe.ingest.formats.wrapped import SEPARATOR, Wrapped

__all__ = ["FORMATS", "SAMPLE_LINES", "Context", "Detection", "Format", "detect", "format_named", "shares"]

_IN_ORDER: Final[tuple[Format, ...]] = (
    LOGPIPE_JSONL,
    LOGURU_JSON,
    DOCKER_JSON,
    OTLP_JSON,
    OTEL_CONSOLE,
    ECS_JSON,
    GCP_ENTRY,
    GCP_JSON,
    MONGODB_JSON,
    POSTGRESQL_JSON,
    JOURNALD_JSON,
    KUBERNETES_AUDIT,
    CLOUDTRAIL,
    CADDY_JSON,
    TRAEFIK_JSON,
    ENVOY_JSON,
    CLOUDFLARE,
    SERILOG_JSON,
    MONOLOG_JSON,
    LOG4J_JSON,
    NEXTCLOUD,
    SURICATA_EVE,
    LAUREL,
    PINO_JSON,
    PYTHON_JSON_LOGGER,
    STRUCTLOG_JSON,
    GENERIC_JSON,
    JSON_MULTILINE,
    JOURNALD_EXPORT,
    CRI,
    NGINX_ERROR,
    APACHE_ERROR,
    W3C,
    ACCESS_LOG,
    HAPROXY,
    ENVOY,
    AWS_ELB,
    AWS_S3,
    AWS_VPC_FLOW,
    GIN,
    UWSGI,
    DJANGO_SERVER,
    POSTGRESQL_CSV,
    POSTGRESQL,
    PGBOUNCER,
    MYSQL_SLOW,
    MYSQL_ERROR,
    MYSQL_GENERAL,
    MONGODB_TEXT,
    REDIS,
    COUCHDB,
    GUNICORN_ERROR,
    LOGURU_TEXT,
    STRUCTLOG_CONSOLE,
    PHP_TEXT,
    RUBY_TEXT,
    DOTNET_TEXT,
    SPDLOG,
    NESTJS,
    KLOG,
    RUST_TEXT,
    JAVA_TEXT,
    GO_TEXT,
    PYTHON_TEXT,
    UVICORN,
    COMPOSE,
    KUBECTL,
    LOGCAT,
    WINDOWS_CBS,
    AUDITD,
    CEF,
    KERNEL,
    SYSLOG,
    LOGFMT,
    TIMED_TEXT,
    PLAIN,
)

FORMATS: Final[dict[str, Format]] = {format_.name: format_ for format_ in _IN_ORDER}
"""By name, in order of preference: the first that claims enough of a sample has it. The last claims everything."""

SAMPLE_LINES: Final = 200
"""As many lines of a file are looked at, from its first."""

NEEDED_SHARE: Final = 0.9
"""The share of them that a format must claim: a file may have torn and foreign lines and still be of a format."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Which format the lines are in, and why."""

    format: Format
    share: float
    """The share of the lines looked at that are of the format."""
    lines: int
    """How many lines were looked at."""
    shares: dict[str, float]
    """The share of each format that was asked, in order of preference; none is asked after the one that has it."""

    @property
    def explanation(self) -> str:
        """One sentence for people."""
        if self.format is not PLAIN:
            return f"{self.format.name} ({self.format.title}): {self.share:.0%} of the first {self.lines} lines match"
        best = max(self.shares, key=lambda name: self.shares[name], default=None)
        if not self.lines:
            return "plain: there are no lines to look at"
        if best is None or not self.shares[best]:
            return f"plain: no format matches any of the first {self.lines} lines"
        return f"plain: the nearest format, {best}, matches {self.shares[best]:.0%} of the first {self.lines} lines"


def format_named(name: str, formats: Mapping[str, Format] = FORMATS) -> Format | None:
    """The format of that name, `WRAPPER+NAME` for one inside a wrapper; None where there is none."""
    outer, _, inner = name.partition(SEPARATOR)
    wrapper, carried = formats.get(outer), formats.get(inner)
    if isinstance(carried, Wrapped):
        carried = carried.as_inner
    if isinstance(wrapper, Wrapped) and carried is not None:
        return replace(wrapper, inner=carried)
    return formats.get(name)


def detect(lines: Sequence[str], formats: Mapping[str, Format] = FORMATS) -> Detection:
    """The format of a file by its first lines, blank ones left out; plain text where no format claims nine in ten.

    Of a wrapper, what the lines carry is looked at too. `formats` are asked in their order.
    """
    return _detect(sample_of(lines), tuple(formats.values()))


def shares(lines: Sequence[str], formats: Mapping[str, Format] = FORMATS) -> dict[str, float]:
    """The share of the first lines that each format claims, also of those that are not asked once one has the file."""
    sample = sample_of(lines)
    return {name: format_.claims(sample) for name, format_ in formats.items() if format_ is not PLAIN}


def sample_of(lines: Sequence[str]) -> list[str]:
    """The lines that are looked at."""
    return [line for line in lines if line.strip()][:SAMPLE_LINES]


def _detect(sample: Sequence[str], formats: Sequence[Format]) -> Detection:
    shares: dict[str, float] = {}
    for format_ in formats:
        if format_ is PLAIN or not sample:
            break
        share = shares[format_.name] = format_.claims(sample)
        if share < NEEDED_SHARE:
            continue
        found = _with_inner(format_, sample, formats) if isinstance(format_, Wrapped) else format_
        return Detection(found, share, len(sample), shares)
    return Detection(PLAIN, 1.0, len(sample), shares)


def _with_inner(wrapper: Wrapped, sample: Sequence[str], formats: Sequence[Format]) -> Wrapped:
    carried = [line for line in wrapper.carried_lines(sample) if line.strip()]
    others = (format_ for format_ in formats if format_.name != wrapper.name)
    unwrapped = [format_.as_inner if isinstance(format_, Wrapped) else format_ for format_ in others]
    return replace(wrapper, inner=_detect(carried, [format_ for format_ in unwrapped if format_ is not None]).format)
