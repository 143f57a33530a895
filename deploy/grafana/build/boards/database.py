"""Database performance: the queries as the logs have them, and PostgreSQL as its exporter sees it."""

from typing import Final

from deploy.grafana.build.board import DEPLOYMENTS, SERVICE, Board, Row, Variable, alerts
from deploy.grafana.build.boards.postgresql import CONNECTIONS, LAG_SECONDS, POOL, ROLLBACKS, ROLLED_BACK, SERVER, WORK
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import SHARES, falling, steps
from deploy.grafana.build.panels import Look, figure, series, spread
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query, explore
from deploy.grafana.build.tables import Column, table

QUERY_SECONDS: Final = steps(warning=0.1, critical=0.5)
"""As DatabaseQueryLatencyHigh and -Critical."""
SLOW_QUERIES: Final = steps(warning=10)
"""As DatabaseSlowQueries."""

DATABASE: Final = Variable(
    "database", "Database server", "label_values(pg_up, instance)", "The exporter of a PostgreSQL."
)

_COMPONENTS: Final = "database"
_OF: Final = 'service=~"$service"'
_EVER_FAST: Final = 'sum by (service) (logpipe_db_query_duration_seconds_bucket{le="0.064"}) > 0'
"""A server's own log has its slow queries alone, of which a percentile says nothing; as the rules have it."""


def _queries(part: str, span: str = "$__rate_interval", of: str = _OF) -> str:
    """The rate of a part of the histogram of the chosen services' queries."""
    return f"rate(logpipe_db_query_duration_seconds_{part}{{{of}}}[{span}])"


def _slow(by: str, span: str) -> str:
    """Queries a second that took longer than 1.024 s, the bound of a bucket."""
    quick = _queries("bucket", span, f'le="1.024", {_OF}')
    return f"sum by ({by}) ({_queries('count', span)}) - sum by ({by}) ({quick})"


def _quantile(share: str, by: str, span: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share}, sum by ({by}) ({_queries('bucket', span)}))"


def _of_programs(buckets: str) -> str:
    """The sum of buckets over the services that ever had a fast query."""
    return f"sum by (le) (sum by (service, le) ({buckets}) and on (service) {_EVER_FAST})"


def _of_statements(share: str) -> str:
    """A quantile of each statement that came in the time that is shown."""
    return f"{_quantile(share, 'service, operation, le', '$__range')} >= 0"


_CALLS: Final = f"sum by (service, operation) ({_queries('count', '$__range')})"
_SLOWEST: Final = f"topk(20, {_of_statements('0.95')})"
_COSTLIEST: Final = f"topk(20, sum by (service, operation) ({_queries('sum', '$__range')}) > 0)"
_LINES: Final = Link(
    "Slow queries of the service in the logs",
    explore("loki", '{service_name="${__data.fields.Service}"} | db_statement != "" | duration_ms > 100'),
)
_API: Final = Link("Requests of the service", to_board("logpipe-api", "var-service=${__data.fields.Service}"))

_FIRST: Final = Row(
    "Is it the database, where, and since when?",
    [
        [
            firing(_COMPONENTS),
            figure(
                "PostgreSQL answers",
                "bool_yes_no",
                "No: the exporter runs, and at least one of the chosen servers does not let it in (DatabaseDown). Look "
                "at the server's own log: full disk, killed for memory, too many clients. No figure at all: the "
                "exporter is not there; see the targets in System resources.",
                Query(f"min(pg_up{{{SERVER}}})", "up"),
                steps=falling(critical=1),
                links=[Link("Targets", to_board("logpipe-system"))],
            ),
            figure(
                "Slowest service, p95",
                "s",
                "One query in twenty of the slowest of the chosen services takes this long, over five minutes. High "
                "while the server is idle: one statement without its index; see the slowest statements. High with "
                "everything else: locks, processors or disks of the server.",
                Query('max(service:logpipe_db_query_duration_seconds:p95_rate5m{service=~"$service"})', "p95"),
                steps=QUERY_SECONDS,
                none="few queries",
            ),
            figure(
                "Slow queries",
                "ops",
                "Queries a second that take longer than a second, of the service that has most of them. Mend the "
                "first of the most costly statements.",
                Query(f"max({_slow('service', '5m')})", "slow"),
                steps=SLOW_QUERIES,
            ),
            figure(
                "Connections taken",
                "percentunit",
                "Of those that the fullest server allows. Near 100 % it refuses everybody, you too: end sessions that "
                "are idle in a transaction first; the connections by state say which.",
                Query(f"max(instance:pg_connections:ratio{{{SERVER}}})", "taken"),
                steps=CONNECTIONS,
            ),
            figure(
                "Rolled back",
                "percentunit",
                "Transactions that end in a rollback, of the server with the largest share. Deadlocks, violated keys "
                "and time-outs are in the errors of the services.",
                Query(f"max({ROLLED_BACK})", "rolled back"),
                steps=ROLLBACKS,
                none="idle",
                links=[Link("Errors", to_board("logpipe-errors"))],
            ),
            figure(
                "Replication lag",
                "s",
                "Of the replica that is furthest behind. A primary has 0: the exporter must watch the replica to know. "
                "While it is high, read from the primary.",
                Query(f"max(pg_replication_lag_seconds{{{SERVER}}})", "lag"),
                steps=LAG_SECONDS,
            ),
        ],
        [alerts_table(_COMPONENTS, {"service": "Service", "instance": "Server"})],
    ],
)

_STATEMENTS: Final = Row(
    "Queries, as the logs have them",
    [
        [
            series(
                "Queries",
                "ops",
                "Queries a second by service. A step without more requests is a loop or a cold cache; a fall while "
                "requests go on is a service that waits for the database.",
                Query(f"sum by (service) ({_queries('count')})", "{{service}}"),
                links=[Link("Requests", to_board("logpipe-api")), Link("Cache", to_board("logpipe-cache"))],
            ),
            series(
                "Duration of queries",
                "s",
                "Half, 95 % and 99 % of the chosen services' queries are quicker than this; the lines across are those "
                "of the alerts. p99 alone up: a few statements. All up: the server. Logs of servers, which have slow "
                "queries alone, are left out.",
                *(
                    Query(
                        f"histogram_quantile({share}, {_of_programs(_queries('bucket'))})",
                        name,
                        exemplars=name == "p99",
                    )
                    for share, name in (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))
                ),
                look=Look(colours=SHARES, steps=QUERY_SECONDS),
            ),
            spread(
                "Spread of durations",
                "s",
                "How many queries took how long, without logs of servers. Two bands are two kinds of query, or hits "
                "and misses of a cache; a band that climbs is a table that grows.",
                Query(_of_programs(f"increase(logpipe_db_query_duration_seconds_bucket{{{_OF}}}[$__rate_interval])")),
            ),
        ],
        [
            series(
                "p95 by service",
                "s",
                "Whose queries are slow, as the alerts see it. One service: its statements or its release. All: the "
                "server.",
                Query('service:logpipe_db_query_duration_seconds:p95_rate5m{service=~"$service"}', "{{service}}"),
                look=Look(steps=QUERY_SECONDS),
            ),
            series(
                "Slow queries by service",
                "ops",
                "Queries a second that take longer than a second; the line across is the alert's. One service: the "
                "first of its most costly statements. All: locks, or the server.",
                Query(_slow("service", "$__rate_interval"), "{{service}}"),
                look=Look(steps=SLOW_QUERIES),
            ),
            series(
                "Queries at once",
                "short",
                "How many queries of a service are under way on average: the time that they take together. More than "
                "the server has processors means that they wait for each other.",
                Query(f"sum by (service) ({_queries('sum')})", "{{service}}"),
                look=Look(stacked=True),
            ),
        ],
        [
            table(
                "Slowest statements",
                "Statements without their values, by the time within which 95 % of them end, over the time that is "
                "shown. EXPLAIN the first; a lone slow statement usually misses an index. `logpipe report "
                "slow-queries` has examples with their lines.",
                {"service": "Service", "operation": "Statement"},
                [
                    Column("p95", _SLOWEST, "s", QUERY_SECONDS),
                    Column("p50", f"{_of_statements('0.5')}\nand {_SLOWEST}", "s"),
                    Column("p99", f"{_of_statements('0.99')}\nand {_SLOWEST}", "s"),
                    Column("Rate", f"{_CALLS}\nand {_SLOWEST}", "ops"),
                ],
                links={"Service": [_API], "Statement": [_LINES]},
            ),
        ],
        [
            table(
                "Most costly statements",
                "By their part of all the time that queries take: what to mend first when the server is busy. Often "
                "quick ones that come too often: fetch them at once, or cache them.",
                {"service": "Service", "operation": "Statement"},
                [
                    Column(
                        "Part of the time", f"{_COSTLIEST}\n/ scalar(sum({_queries('sum', '$__range')}))", "percentunit"
                    ),
                    Column("At once", _COSTLIEST, decimals=2),
                    Column("Rate", f"{_CALLS}\nand {_COSTLIEST}", "ops"),
                    Column("Mean", f"{_COSTLIEST}\n/ {_CALLS}", "s", QUERY_SECONDS),
                ],
                links={"Service": [_API], "Statement": [_LINES]},
            ),
        ],
    ],
)

BOARD: Final = Board(
    "logpipe-database",
    "Database performance",
    "Queries as the services' logs have them, by service; PostgreSQL as postgres_exporter sees it, by server.",
    [SERVICE, DATABASE],
    [alerts(_COMPONENTS), DEPLOYMENTS],
    [_FIRST, _STATEMENTS, POOL, WORK],
)
