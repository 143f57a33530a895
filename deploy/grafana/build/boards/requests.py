"""Requests as the logs have them: what the rows of the API overview ask."""

from typing import Final

from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import explore, summed

OF: Final = 'service=~"$service"'

REQUESTS: Final = "logpipe_http_requests_total"
ERRORS: Final = "logpipe_http_server_errors_total"
SECONDS: Final = "logpipe_http_request_duration_seconds_sum"
COUNT: Final = "logpipe_http_request_duration_seconds_count"
BUCKETS: Final = "logpipe_http_request_duration_seconds_bucket"
SHARE_OF_ERRORS: Final = f"service:logpipe_http_server_errors:ratio_rate5m{{{OF}}}"

ROUTE: Final = "service, method, route"
ROUTE_HEADINGS: Final = {"service": "Service", "method": "Method", "route": "Route"}
_THIS_SERVICE: Final = "var-service=${__data.fields.Service}"
_THIS_ROUTE: Final = '{service_name="${__data.fields.Service}"} | http_route="${__data.fields.Route}"'
SERVICE_LINKS: Final = (
    Link("Its errors and patterns", to_board("logpipe-errors", _THIS_SERVICE)),
    Link("This service alone", to_board("logpipe-api", _THIS_SERVICE)),
)
ROUTE_LINKS: Final = (
    Link("Its failed requests in Loki", explore("loki", f'{_THIS_ROUTE} | http_status=~"5.."')),
    Link("All its requests in Loki", explore("loki", _THIS_ROUTE)),
)


def rate(metric: str, by: str = "", of: str = OF) -> str:
    return summed(metric, of, by)


def over_range(metric: str) -> str:
    return f"sum by ({ROUTE}) (increase({metric}{{{OF}}}[$__range]))"


def top(metric: str) -> str:
    """The twenty routes with most of it, over the time that is shown."""
    return f"topk(20, {over_range(metric)} > 0)"


def quantile(share: float, by: str = "", window: str = "$__rate_interval") -> str:
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({BUCKETS}{{{OF}}}[{window}])))"
