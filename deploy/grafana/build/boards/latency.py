"""How long requests take, and what is left of error budgets: rows of the API overview."""

from typing import Final

from deploy.grafana.build.board import Row
from deploy.grafana.build.boards.requests import (
    BUCKETS,
    COUNT,
    OF,
    ROUTE,
    ROUTE_HEADINGS,
    ROUTE_LINKS,
    SECONDS,
    SERVICE_LINKS,
    over_range,
    quantile,
    top,
)
from deploy.grafana.build.meaning import REQUEST_SECONDS, SHARES, falling, steps
from deploy.grafana.build.panels import Look, series, spread
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query
from deploy.grafana.build.tables import Column, table

SLOW: Final = Row(
    "Latency",
    [
        [
            series(
                "Duration of requests",
                "s",
                "Half of the requests are faster than p50, all but one in a hundred faster than p99. p99 alone: a few "
                "slow routes or one bad instance; all three: something that all need, such as the database. A point is "
                "a request: a click leads to the lines of its trace.",
                Query(quantile(0.5), "p50", exemplars=True),
                Query(quantile(0.95), "p95"),
                Query(quantile(0.99), "p99"),
                look=Look(colours=SHARES, steps=REQUEST_SECONDS),
                links=[Link("Database", to_board("logpipe-database"))],
            ),
            spread(
                "How long requests take",
                "s",
                "How many took how long: two bands are two kinds of requests (a cache that hits and one that misses); "
                "a band that moves up is all of them becoming slower.",
                Query(f"sum by (le) (increase({BUCKETS}{{{OF}}}[$__rate_interval]))"),
            ),
        ],
        [
            series(
                "p95 by service",
                "s",
                "Where it is slow. The lines across are the alerts: 1 s and 2 s.",
                Query(quantile(0.95, "service"), "{{service}}"),
                look=Look(steps=REQUEST_SECONDS),
            ),
            table(
                "Slowest routes",
                "Over the time that is shown, by the time that all their requests took together: that is where a cure "
                "helps most. A slow route that is rarely called stands further below; sort by p95 to see it.",
                ROUTE_HEADINGS,
                [
                    Column(
                        "Time",
                        top(SECONDS),
                        "s",
                        (),
                        1,
                    ),
                    Column("p95", f"{quantile(0.95, ROUTE, '$__range')}\nand {top(SECONDS)}", "s", REQUEST_SECONDS, 3),
                    Column(
                        "Requests",
                        f"{over_range(COUNT)}\nand {top(SECONDS)}",
                        "short",
                        (),
                        0,
                    ),
                ],
                links={"Route": ROUTE_LINKS, "Service": SERVICE_LINKS},
                none="no requests",
            ),
        ],
    ],
)

_BURN: Final = steps(warning=1, critical=14.4)

OBJECTIVES: Final = Row(
    "Objectives",
    [
        [
            series(
                "How fast error budgets burn, by the hour",
                "none",
                "At 1 the budget lasts as long as its window; at 14.4 a fiftieth of that of 30 days is gone in an "
                "hour, which is worth waking somebody. Without objectives in the configuration there is nothing here.",
                Query(f'logpipe_slo_burn_rate{{window="1h", {OF}}}', "{{service}} {{objective}}"),
                look=Look(steps=_BURN),
            ),
            series(
                "How fast error budgets burn, in five minutes and six hours",
                "none",
                "Five minutes show whether it still burns, six hours whether it has burnt for long: a page is right "
                "when both the short and the long one are high.",
                Query(f'logpipe_slo_burn_rate{{window="5m", {OF}}}', "{{service}} {{objective}} 5m"),
                Query(f'logpipe_slo_burn_rate{{window="6h", {OF}}}', "{{service}} {{objective}} 6h"),
                look=Look(steps=_BURN),
            ),
        ],
        [
            table(
                "Objectives and their budgets",
                "The one with the least left on top. `Events` is what counts in its window: at 0 the name of the "
                "service or route is misspelt.",
                {"service": "Service", "objective": "Objective", "indicator": "Indicator"},
                [
                    Column(
                        "Budget left",
                        f"max by (service, objective, indicator) (logpipe_slo_error_budget_remaining_ratio{{{OF}}})",
                        "percentunit",
                        falling(warning=0.5, critical=0.1),
                        1,
                    ),
                    Column(
                        "Objective is",
                        f"max by (service, objective, indicator) (logpipe_slo_objective_ratio{{{OF}}})",
                        "percentunit",
                        decimals=2,
                    ),
                    Column(
                        "Burns now (1h)",
                        f'max by (service, objective, indicator) (logpipe_slo_burn_rate{{window="1h", {OF}}})',
                        "none",
                        _BURN,
                        1,
                    ),
                    Column(
                        "Events",
                        f"max by (service, objective, indicator) (logpipe_slo_window_events{{{OF}}})",
                        "short",
                        decimals=0,
                    ),
                ],
                ascending=True,
                links={"Service": SERVICE_LINKS},
                none="no objectives: docs/shipping.md says how to write them",
            )
        ],
    ],
)
