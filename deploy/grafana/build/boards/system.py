"""System resources: what Prometheus reaches, and the machines as node_exporter sees them."""

from typing import Final

from deploy.grafana.build.board import Board, Row, Variable, alerts
from deploy.grafana.build.boards.machine import (
    CPU,
    DAY_S,
    DISK_FREE,
    MACHINE,
    MEMORY,
    MEMORY_ROW,
    NETWORK,
    PROCESSORS,
    SPACE,
    STORAGE,
    busy,
    rate,
)
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import ANY_IS_CRITICAL, falling
from deploy.grafana.build.panels import Look, figure, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query
from deploy.grafana.build.tables import Column, table

CERTIFICATE_S: Final = falling(warning=30 * DAY_S)
"""As CertificateExpiresSoon."""

MACHINES: Final = Variable("machine", "Machine", "label_values(node_uname_info, instance)", "Its node_exporter.")

_COMPONENTS: Final = "system|targets"
_VALID: Final = "probe_ssl_earliest_cert_expiry - time()"

_FIRST: Final = Row(
    "Is it the machine, where, and since when?",
    [
        [
            firing(_COMPONENTS, width=3),
            figure(
                "Targets down",
                "short",
                "What Prometheus cannot scrape; alerts about it are blind. Several of one machine at once: the machine "
                "or its network. The table of targets names them.",
                Query("count(up == 0) or vector(0)", "down"),
                steps=ANY_IS_CRITICAL,
                width=3,
            ),
            figure(
                "Probes that fail",
                "short",
                "Addresses that do not answer as they should, asked from outside: what users meet. All at once: the "
                "network of the exporter.",
                Query("count(probe_success == 0) or 0 * count(probe_success)", "failing"),
                steps=ANY_IS_CRITICAL,
                none="no probes",
                width=3,
            ),
            figure(
                "Next certificate expires in",
                "s",
                "The first of all chains that are probed. Below 30 days its renewal has not worked: see the "
                "certificates below.",
                Query(f"min({_VALID})", "valid"),
                steps=CERTIFICATE_S,
                none="no https probe",
                width=3,
            ),
            figure(
                "Processors busy",
                "percentunit",
                "Of the busiest machine, over five minutes; waiting for disks does not count. If requests are answered "
                "in time, nobody suffers.",
                Query(f"max({busy('5m')})", "busy"),
                steps=CPU,
                links=[Link("Requests", to_board("logpipe-api"))],
                width=3,
            ),
            figure(
                "Memory in use",
                "percentunit",
                "Of the fullest machine, without what can be freed at once. Next, the kernel kills a process, often "
                "the database. `ps axo pid,rss,args --sort=-rss` says who has it.",
                Query(f"max(instance:node_memory_used:ratio{{{MACHINE}}})", "in use"),
                steps=MEMORY,
                width=3,
            ),
            figure(
                "Least disk space free",
                "percentunit",
                "Of the fullest file system. At 0 databases stop and logs are lost; never delete files in PostgreSQL's "
                "`pg_wal`.",
                Query(f"min({SPACE})", "free"),
                steps=DISK_FREE,
                width=3,
            ),
            figure(
                "Waiting for disks",
                "percentunit",
                "Part of the last five minutes in which at least one process waited for a disk, of the worst machine. "
                "A slow database with idle processors and this above half: the disk.",
                Query(f"max({rate('node_pressure_io_waiting_seconds_total', span='5m')})", "waiting"),
                none="unknown",
                links=[Link("Database", to_board("logpipe-database"))],
                width=3,
            ),
        ],
        [
            alerts_table(_COMPONENTS, {"instance": "Where", "job": "Job", "mountpoint": "File system"}),
        ],
    ],
)

_TARGETS: Final = Row(
    "What is reached, and until when",
    [
        [
            table(
                "Targets",
                "What Prometheus scrapes; those that are down stand first. Renamed or taken away on purpose: take it "
                "out of deploy/prometheus.",
                {"job": "Job", "instance": "Address"},
                [
                    Column("Up", "min by (job, instance) (up)", "bool_yes_no", falling(critical=1)),
                    Column("Took", "max by (job, instance) (scrape_duration_seconds)", "s"),
                ],
                ascending=True,
            ),
            table(
                "Probes and certificates",
                "Addresses that blackbox_exporter asks; the certificate that expires first stands first. A renewed one "
                "that the server has not read yet is the most frequent case: reload it.",
                {"job": "Job", "instance": "Address"},
                [
                    Column("Answers", "min by (job, instance) (probe_success)", "bool_yes_no", falling(critical=1)),
                    Column("Took", "max by (job, instance) (probe_duration_seconds)", "s"),
                    Column("Status", "max by (job, instance) (probe_http_status_code)", "none"),
                    Column("Certificate valid for", f"min by (job, instance) ({_VALID})", "s", CERTIFICATE_S),
                ],
                by="Certificate valid for",
                ascending=True,
                none="nothing is probed",
            ),
        ],
        [
            series(
                "Targets that are down",
                "short",
                "By job: since when, and whether they come and go. One that flaps is slow or restarts.",
                Query("count by (job) (up == 0) or 0 * count by (job) (up)", "{{job}}"),
                look=Look(stacked=True),
            ),
            series(
                "Probes: how long the steps take",
                "s",
                "Which step of an answer is slow, on average over the addresses: resolving is DNS, tls a handshake, "
                "processing the application.",
                Query("avg by (phase) (probe_http_duration_seconds)", "{{phase}}"),
                look=Look(stacked=True),
                links=[Link("Requests", to_board("logpipe-api"))],
            ),
            series(
                "Probes that fail, by address",
                "short",
                "1 while the address does not answer as it should. `curl -sSv` by hand shows which step fails: name, "
                "certificate or answer.",
                Query("1 - probe_success", "{{instance}}"),
                look=Look(highest=1),
            ),
        ],
    ],
)

BOARD: Final = Board(
    "logpipe-system",
    "System resources",
    "What Prometheus reaches, probes and certificates; machines as node_exporter sees them.",
    [MACHINES],
    [alerts(_COMPONENTS)],
    [_FIRST, _TARGETS, PROCESSORS, MEMORY_ROW, STORAGE, NETWORK],
)
