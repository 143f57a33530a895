"""What logpipe reads, what it cannot read, and what it keeps: rows of the dashboard about itself."""

from typing import Final

from deploy.grafana.build.board import Row
from deploy.grafana.build.meaning import ANY_IS_WARNING, CRITICAL, GOOD, NOTICE, steps
from deploy.grafana.build.panels import Look, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query, summed
from deploy.grafana.build.tables import Column, table

OF: Final = 'instance=~"$instance"'
LAG: Final = steps(warning=60, critical=600)
"""As LogpipeIngestLag and LogpipeIngestStalled."""
_CLASSES: Final = {"event": GOOD, "joined": "blue", "blank": "text", "reject": CRITICAL}
_STATES: Final = {"active": GOOD, "complete": "blue", "gone": NOTICE}


def rate(metric: str, by: str = "") -> str:
    return summed(metric, OF, by)


def _per_batch(metric: str) -> str:
    """Seconds of a batch, in the mean of the last five minutes."""
    return f"sum(rate({metric}{{{OF}}}[5m]))\n/ (sum(rate(logpipe_batches_total{{{OF}}}[5m])) > 0)"


def of_source(metric: str) -> str:
    return f"max by (instance, source) ({metric}{{{OF}}})"


INGEST: Final = Row(
    "Ingest",
    [
        [
            series(
                "Lines read a second",
                "short",
                "By what became of them: an event each, joined to the one before (stack traces), blank, or rejected. "
                "Rejected ones that rise: `logpipe rejects`.",
                Query(rate("logpipe_lines_total", "class"), "{{class}}"),
                look=Look(stacked=True, colours=_CLASSES),
            ),
            series(
                "Bytes read a second",
                "Bps",
                "Decompressed. A step up is a service that logs more (`logpipe cost` says which), a fall to nothing an "
                "ingest that stands or services that are quiet.",
                Query(rate("logpipe_read_bytes_total", "instance"), "{{instance}}"),
            ),
        ],
        [
            series(
                "Unread for",
                "s",
                "How long nothing was read of each log with unread bytes. The lines across are the alerts: a minute, "
                "and ten. A saw of seconds is how it should be.",
                Query(f"{of_source('logpipe_source_lag_seconds')}", "{{source}}"),
                look=Look(steps=LAG, calculations=("max", "lastNotNull")),
            ),
            series(
                "Unread bytes",
                "bytes",
                "Bytes that stand in each log and are not in the database. One that grows all the time: more is "
                "written than one process reads, or it may not be read.",
                Query(f"{of_source('logpipe_source_lag_bytes')}", "{{source}}"),
                look=Look(calculations=("max", "lastNotNull")),
            ),
        ],
        [
            table(
                "Logs",
                "Each log with all that it was rotated to; the one that was unread for longest on top. `Lost` are "
                "ranges that were gone before they were read: `logpipe gaps` says which, and what to change.",
                {"source": "Log", "instance": "Instance"},
                [
                    Column("Unread for", of_source("logpipe_source_lag_seconds"), "s", LAG, 0),
                    Column("Unread", of_source("logpipe_source_lag_bytes"), "bytes"),
                    Column("Lines a second", rate("logpipe_source_lines_total", "instance, source"), "short", (), 1),
                    Column("Read in all", of_source("logpipe_source_read_bytes_total"), "bytes"),
                    Column("Lost", of_source("logpipe_source_gaps_total"), "short", ANY_IS_WARNING, 0),
                ],
                none="no log was read yet",
                width=16,
            ),
            series(
                "Time since the latest event, by service",
                "s",
                "By the services' own clocks, to the minute. One that rises alone: that service is quiet or down. All: "
                "ingest stands.",
                Query("time() - max by (service) (logpipe_last_event_timestamp_seconds{" + OF + "})", "{{service}}"),
                look=Look(calculations=("lastNotNull",)),
                width=8,
            ),
        ],
    ],
)

QUALITY: Final = Row(
    "Lines that were rejected, and lines that are lost",
    [
        [
            series(
                "Rejected lines that the database keeps",
                "short",
                "By reason. `logpipe rejects` shows them; once their format is mended, `logpipe rejects retry` takes "
                "them in.",
                Query(f"sum by (reason) (logpipe_rejects{{{OF}}})", "{{reason}}"),
                look=Look(stacked=True, calculations=("lastNotNull",)),
            ),
            series(
                "Ranges of logs that are lost",
                "short",
                "Ranges of files that were gone, cut or overwritten before they were read, in each hour: `logpipe "
                "gaps`. Rotate by renaming, keep rotated files for longer than an outage of ingest.",
                Query(f"sum by (instance) (increase(logpipe_gaps_total{{{OF}}}[1h]))", "{{instance}}"),
                look=Look(steps=ANY_IS_WARNING, bars=True, calculations=("max", "lastNotNull")),
            ),
            series(
                "Lost bytes",
                "bytes",
                "Bytes that are known to be lost, in all; where a length is not known it counts as nothing.",
                Query(f"sum by (instance) (logpipe_gap_bytes_total{{{OF}}})", "{{instance}}"),
                look=Look(calculations=("lastNotNull",)),
            ),
        ]
    ],
)

STORE: Final = Row(
    "The database, and what becomes of names",
    [
        [
            series(
                "Batches a second",
                "short",
                "Batches of lines that were committed, in the mean of five minutes, since they are counted once a "
                "minute. Many small ones are a quiet service, few large ones one that catches up.",
                Query(f"sum by (instance) (rate(logpipe_batches_total{{{OF}}}[5m]))", "{{instance}}"),
            ),
            series(
                "Time of a batch",
                "s",
                "In the mean: to make rows of its lines, and from then on until they are committed. Commits that take "
                "seconds: the disk is slow or full, or a long query runs in another process.",
                Query(_per_batch("logpipe_batch_seconds_total"), "rows"),
                Query(_per_batch("logpipe_commit_seconds_total"), "commit"),
                look=Look(colours={"rows": "blue", "commit": "purple"}),
            ),
            series(
                "Size of the database",
                "bytes",
                "The file and its log. It grows until what is removed makes up for what comes in: `logpipe retain`, or "
                "LOGPIPE_RETAIN of the stack.",
                Query(f"max by (instance) (logpipe_store_size_bytes{{{OF}}})", "{{instance}}"),
                look=Look(calculations=("max", "lastNotNull")),
            ),
        ],
        [
            series(
                "Logs by state",
                "short",
                "Files known, each generation by itself: still written to, complete, or gone from the disk.",
                Query(f"sum by (state) (logpipe_sources{{{OF}}})", "{{state}}"),
                look=Look(stacked=True, colours=_STATES, calculations=("lastNotNull",)),
            ),
            series(
                "Names that are folded into `other`",
                "short",
                "Operations, logs and patterns past the limits (--max-operations, --max-sources, --max-patterns). An "
                "id in the path of a route is the usual cause: mend its name in the service.",
                Query(
                    f"sum by (service, operation_kind) (logpipe_export_operations_folded{{{OF}}})",
                    "{{service}} {{operation_kind}}",
                ),
                Query(f"sum(logpipe_export_sources_folded{{{OF}}})", "logs"),
                Query(f"sum by (service) (logpipe_export_patterns_folded{{{OF}}})", "{{service}} patterns"),
                look=Look(calculations=("max", "lastNotNull")),
            ),
            series(
                "How long a scrape takes",
                "s",
                "Of logpipe's metrics. Prometheus gives up after 10 s: remove old roll-ups (`logpipe retain`) before "
                "it comes near.",
                Query('max by (instance) (scrape_duration_seconds{job="logpipe", ' + OF + "})", "{{instance}}"),
                look=Look(steps=steps(warning=5, critical=10), calculations=("mean", "max")),
                links=[Link("System", to_board("logpipe-system"))],
            ),
        ],
    ],
)
