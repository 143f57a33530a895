"""API overview: are requests answered, well and soon; and where not."""

from typing import Final

from deploy.grafana.build.board import DEPLOYMENTS, SERVICE, Board, Row, alerts
from deploy.grafana.build.boards.latency import OBJECTIVES, SLOW
from deploy.grafana.build.boards.requests import (
    ERRORS,
    OF,
    REQUESTS,
    ROUTE_HEADINGS,
    ROUTE_LINKS,
    SECONDS,
    SERVICE_LINKS,
    SHARE_OF_ERRORS,
    over_range,
    quantile,
    rate,
    top,
)
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import (
    ERROR_RATIO,
    NONE,
    REQUEST_SECONDS,
    STATUSES,
    falling,
)
from deploy.grafana.build.panels import Look, figure, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query
from deploy.grafana.build.tables import Column, table

_COMPONENTS: Final = "api|slo|findings"

_BROKEN: Final = Row(
    "Is it broken, where, and since when?",
    [
        [
            firing(_COMPONENTS, OF),
            figure(
                "Error ratio, worst service",
                "percentunit",
                "Share of requests answered with 500 or above in five minutes, of the service where it is highest; the "
                "steps are those of the alerts. Next: the table of services, then the routes that fail.",
                Query(f"max({SHARE_OF_ERRORS})"),
                steps=ERROR_RATIO,
                decimals=2,
            ),
            figure(
                "p95, slowest service",
                "s",
                "One request in twenty took this long or longer, in the service where it is highest (from twenty "
                "requests in five minutes on). Next: the slowest routes, and the database if its queries are slow too.",
                Query(f"max(service:logpipe_http_request_duration_seconds:p95_rate5m{{{OF}}})"),
                steps=REQUEST_SECONDS,
                decimals=2,
                none="too few",
                links=[Link("Database", to_board("logpipe-database"))],
            ),
            figure(
                "Requests",
                "reqps",
                "Requests a second of all services chosen. A fall to nothing is an outage too: look whether logs are "
                "still read (logpipe itself) before you look at the network.",
                Query(rate(REQUESTS)),
                steps=NONE,
                decimals=1,
                links=[Link("logpipe itself", to_board("logpipe-pipeline"))],
            ),
            figure(
                "In progress",
                "short",
                "Requests that are worked on at a time, in the mean: by Little's law the seconds of all requests in "
                "each second. It rises before anything fails when something below is slow. Counted when requests end.",
                Query(rate(SECONDS)),
                decimals=1,
            ),
            figure(
                "Error budget left, worst",
                "percentunit",
                "Of the objective that has least left in its window. Below 0 it is overspent: stop what is risky, such "
                "as deployments. `none` where the configuration has no objectives.",
                Query(f"min(logpipe_slo_error_budget_remaining_ratio{{{OF}}})"),
                steps=falling(warning=0.5, critical=0.1),
                decimals=0,
                none="no objectives",
            ),
        ],
        [
            alerts_table(
                _COMPONENTS, {"service": "Service", "kind": "Finding", "objective": "Objective"}, OF, width=10
            ),
            table(
                "Services",
                "Each service now: the one with most errors on top. A click leads to its errors and patterns.",
                {"service": "Service"},
                [
                    Column("Errors", f"sum by (service) ({SHARE_OF_ERRORS})", "percentunit", ERROR_RATIO, 2),
                    Column("Requests", rate(REQUESTS, "service"), "reqps", decimals=1),
                    Column("p50", quantile(0.5, "service", "5m"), "s", REQUEST_SECONDS, 3),
                    Column("p95", quantile(0.95, "service", "5m"), "s", REQUEST_SECONDS, 3),
                    Column(
                        "In progress",
                        rate(SECONDS, "service"),
                        "short",
                        decimals=1,
                    ),
                ],
                links={"Service": SERVICE_LINKS},
                none="no requests",
                width=14,
            ),
        ],
    ],
)

_TRAFFIC: Final = Row(
    "Traffic",
    [
        [
            series(
                "Requests by service",
                "reqps",
                "A step down in one service alone is that service's or its callers'; in all of them, the way to them.",
                Query(rate(REQUESTS, "service"), "{{service}}"),
            ),
            series(
                "Requests by status code",
                "reqps",
                "5xx are our faults, 4xx the callers' (or a broken client's, if they rise at once), `unknown` has none "
                "in its line. Next: the routes that fail.",
                Query(rate("logpipe_http_responses_total", "status"), "{{status}}"),
                look=Look(stacked=True, colours=STATUSES),
            ),
        ],
        [
            series(
                "Requests by method",
                "reqps",
                "Reads and writes: writes that stop while reads go on point at the database or a provider.",
                Query(rate(REQUESTS, "method"), "{{method}}"),
                look=Look(stacked=True),
            ),
            series(
                "Requests in progress",
                "short",
                "The mean number at a time, by Little's law. One that climbs without more requests is a queue: the "
                "service, or what it waits for, is slower than its callers come.",
                Query(rate(SECONDS, "service"), "{{service}}"),
            ),
        ],
    ],
)

_FAILING: Final = Row(
    "Errors",
    [
        [
            series(
                "Error ratio by service",
                "percentunit",
                "Share of requests answered with 500 or above in five minutes. The lines across are the alerts: 1 %, "
                "5 % and 10 %. A step at a blue mark came with a deployment: roll it back first, understand it later.",
                Query(SHARE_OF_ERRORS, "{{service}}"),
                look=Look(steps=ERROR_RATIO),
            ),
            series(
                "Failed requests by status code",
                "reqps",
                "500 is an exception of ours, 502 and 503 something behind us, 504 something slow behind us.",
                Query(
                    rate("logpipe_http_responses_total", "service, status", f'{OF}, status=~"5.."'),
                    "{{service}} {{status}}",
                ),
                look=Look(stacked=True),
            ),
        ],
        [
            table(
                "Routes that fail most",
                "Over the time that is shown, by the number of failed requests. A click on a route opens its lines in "
                "Loki, with their stack traces.",
                ROUTE_HEADINGS,
                [
                    Column("Failed", top(ERRORS), "short", (), 0),
                    Column(
                        "Share",
                        f"{over_range(ERRORS)} / ({over_range(REQUESTS)} > 0)\nand {top(ERRORS)}",
                        "percentunit",
                        ERROR_RATIO,
                        2,
                    ),
                ],
                links={"Route": ROUTE_LINKS, "Service": SERVICE_LINKS},
                none="no request has failed",
            )
        ],
    ],
)

BOARD: Final = Board(
    "logpipe-api",
    "API overview",
    "Requests as the logs have them: how many, how many fail, how long they take, and where.",
    [SERVICE],
    [alerts(_COMPONENTS, OF), DEPLOYMENTS],
    [_BROKEN, _TRAFFIC, _FAILING, SLOW, OBJECTIVES],
)
