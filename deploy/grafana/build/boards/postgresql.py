"""The server's part of database performance: PostgreSQL as its exporter sees it."""

from typing import Final

from deploy.grafana.build.board import Row
from deploy.grafana.build.meaning import GOOD, steps
from deploy.grafana.build.panels import Look, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query

CONNECTIONS: Final = steps(warning=0.80, critical=0.95)
"""As DatabasePoolHigh and DatabasePoolExhausted."""
ROLLBACKS: Final = steps(warning=0.05)
"""As DatabaseErrorRateHigh."""
TRANSACTIONS: Final = steps(warning=10_000)
"""As DatabaseThroughputHigh."""
LAG_SECONDS: Final = steps(warning=5, critical=30)
"""As DatabaseReplicationLagHigh and -Critical."""

SERVER: Final = 'instance=~"$database"'


def _server(counter: str, span: str = "$__rate_interval") -> str:
    """The rate of a counter of the chosen servers."""
    return f"rate({counter}{{{SERVER}}}[{span}])"


ROLLED_BACK: Final = (
    f"sum by (instance) ({_server('pg_stat_database_xact_rollback', '5m')}) / (instance:pg_transactions:rate5m > 1)"
)
_WAITING: Final = (
    f'sum by (instance) (pg_stat_activity_count{{wait_event_type="Lock", {SERVER}}})\n'
    f"or 0 * max by (instance) (pg_up{{{SERVER}}})"
)

POOL: Final = Row(
    "The server: who is connected, and what they wait for",
    [
        [
            series(
                "Connections by state",
                "short",
                "Many idle in transaction: somebody opened transactions and forgot them; end the old ones. Many "
                "active: they wait, see the next panels. Many idle: fewer workers or smaller pools.",
                Query(f"sum by (state) (pg_stat_activity_count{{{SERVER}}})", "{{state}}"),
                Query(f"sum(pg_settings_max_connections{{{SERVER}}})", "allowed"),
                look=Look(colours={"allowed": "red", "idle": "text", "active": GOOD}),
            ),
            series(
                "Connections by user and application",
                "short",
                "Who holds them: the ten that have most. An application that grows without more requests does not give "
                "its connections back.",
                Query(
                    f"topk(10, sum by (instance, usename, application_name) (pg_stat_activity_count{{{SERVER}}}) > 0)",
                    "{{usename}} {{application_name}} on {{instance}}",
                ),
            ),
            series(
                "Connections taken, by server",
                "percentunit",
                "Of `max_connections`; the lines across are those of the alerts. A step comes with a release or with "
                "more workers; a slope is connections that are not given back.",
                Query(f"instance:pg_connections:ratio{{{SERVER}}}", "{{instance}}"),
                look=Look(steps=CONNECTIONS, highest=1),
            ),
        ],
        [
            series(
                "Sessions that wait for a lock",
                "short",
                "Above 0 for longer than a moment: somebody blocks them, most often a migration or a forgotten "
                "transaction. `SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity` names it.",
                Query(_WAITING, "{{instance}}"),
            ),
            series(
                "Longest transaction",
                "s",
                "The age of the oldest transaction. It holds its locks, and rows that it might still see cannot be "
                "cleaned away: tables grow and slow down. Hours are never wanted.",
                Query(
                    f"max by (instance, state) (pg_stat_activity_max_tx_duration{{{SERVER}}})",
                    "{{state}} on {{instance}}",
                ),
            ),
            series(
                "Locks by mode",
                "short",
                "Locks that are held or waited for. `accessexclusivelock` stops all readers of a table: ALTER TABLE, "
                "VACUUM FULL, REINDEX.",
                Query(f"sum by (mode) (pg_locks_count{{{SERVER}}}) > 0", "{{mode}}"),
            ),
        ],
    ],
)

WORK: Final = Row(
    "The server: what it does",
    [
        [
            series(
                "Transactions",
                "ops",
                "Transactions a second that ended in a commit or in a rollback. The line across is the alert's 10,000.",
                Query(f"sum by (instance) ({_server('pg_stat_database_xact_commit')})", "commits on {{instance}}"),
                Query(f"sum by (instance) ({_server('pg_stat_database_xact_rollback')})", "rollbacks on {{instance}}"),
                look=Look(steps=TRANSACTIONS),
            ),
            series(
                "Part that is rolled back",
                "percentunit",
                "By server, where there is more than one transaction a second. Some applications roll back on purpose; "
                "a step is a release, or a job that repeats what it has done.",
                Query(ROLLED_BACK, "{{instance}}"),
                look=Look(steps=ROLLBACKS),
            ),
            series(
                "Deadlocks",
                "short",
                "How many, by database. Each is a transaction that PostgreSQL ended: two releases, or two jobs, update "
                "the same rows in a different order.",
                Query(
                    f"sum by (instance, datname) (increase(pg_stat_database_deadlocks{{{SERVER}}}[$__rate_interval]))",
                    "{{datname}} on {{instance}}",
                ),
                look=Look(bars=True),
            ),
        ],
        [
            series(
                "Sessions at work",
                "short",
                "How many sessions execute statements on average (PostgreSQL 14 and later). More than the server has "
                "processors: they wait for processors, disks or locks.",
                Query(f"sum by (instance) ({_server('pg_stat_database_active_time_seconds_total')})", "{{instance}}"),
            ),
            series(
                "Blocks found in memory",
                "percentunit",
                "Part of the blocks that were in PostgreSQL's own cache. A fall is a scan of a table that does not fit "
                "into memory, or a restart: look at the slowest statements and at the disks.",
                Query(
                    f"sum by (instance) ({_server('pg_stat_database_blks_hit')})\n"
                    f"/ (sum by (instance) ({_server('pg_stat_database_blks_hit')} + "
                    f"{_server('pg_stat_database_blks_read')}) > 0)",
                    "{{instance}}",
                ),
                look=Look(highest=1, lowest=None),
                links=[Link("Disks", to_board("logpipe-system"))],
            ),
            series(
                "Written to temporary files",
                "Bps",
                "Sorts and joins that do not fit into `work_mem`, by database. They fill disks, and slow down "
                "everybody.",
                Query(
                    f"sum by (instance, datname) ({_server('pg_stat_database_temp_bytes')})",
                    "{{datname}} on {{instance}}",
                ),
            ),
        ],
        [
            series(
                "Rows",
                "ops",
                "Rows that statements read and change. Many more returned than fetched: whole tables are read.",
                *(
                    Query(f"sum({_server(f'pg_stat_database_tup_{what}')})", what)
                    for what in ("returned", "fetched", "inserted", "updated", "deleted")
                ),
            ),
            series(
                "Replication lag by server",
                "s",
                "How old the last transaction is that a replica has replayed. Growing: it is cut off, or a long query "
                "on it stops the replay. A burst that falls again: a bulk load. A primary has 0.",
                Query(f"pg_replication_lag_seconds{{{SERVER}}}", "{{instance}}"),
                look=Look(steps=LAG_SECONDS),
            ),
            series(
                "Replicas behind, as the server sees it",
                "bytes",
                "How much a connected replica has still to replay, as its primary knows: for this the exporter need "
                "not watch the replica. One that is missing here is not connected: network, password, or its slot is "
                "gone.",
                Query(
                    f"max by (instance, application_name, client_addr)\n"
                    f"(pg_stat_replication_pg_wal_lsn_diff{{{SERVER}}})",
                    "{{application_name}} {{client_addr}} of {{instance}}",
                ),
            ),
            series(
                "Size of databases",
                "bytes",
                "A step is an import; a climb over hours with the same traffic is a log table or rows that cannot be "
                "cleaned away. Compare with the free space of the disk.",
                Query(f"pg_database_size_bytes{{{SERVER}}}", "{{datname}} on {{instance}}"),
                links=[Link("Disks", to_board("logpipe-system"))],
            ),
        ],
    ],
)
