"""The server's part of cache performance: memory, commands and clients of Redis as its exporter sees it."""

from typing import Final

from deploy.grafana.build.board import Row
from deploy.grafana.build.meaning import steps
from deploy.grafana.build.panels import Look, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query
from deploy.grafana.build.tables import Column, table

MEMORY: Final = steps(warning=0.90)
"""As CacheMemoryHigh."""
CLIENTS: Final = steps(warning=1000)
"""As CacheConnectionsHigh."""

SERVER: Final = 'instance=~"$cache"'


def of(metric: str) -> str:
    """A metric of the chosen servers."""
    return f"{metric}{{{SERVER}}}"


def rate(counter: str, span: str = "$__rate_interval") -> str:
    return f"rate({of(counter)}[{span}])"


FULL: Final = f"{of('redis_memory_used_bytes')} / ({of('redis_memory_max_bytes')} > 0)"
_MEAN: Final = (
    f"sum by (cmd) ({rate('redis_commands_duration_seconds_total')})\n"
    f"/ (sum by (cmd) ({rate('redis_commands_total')}) > 0)"
)
_P99: Final = f"histogram_quantile(0.99, sum by (cmd, le) ({rate('redis_commands_latencies_usec_bucket')})) / 1e6"

MEMORY_ROW: Final = Row(
    "Memory",
    [
        [
            series(
                "Memory",
                "bytes",
                "What the data take, what the process takes, and the limit. The process far above its data: "
                "fragmentation, or a fork that writes a snapshot. A limit of 0 is none.",
                Query(of("redis_memory_used_bytes"), "data on {{instance}}"),
                Query(of("redis_memory_used_rss_bytes"), "process on {{instance}}"),
                Query(of("redis_memory_max_bytes"), "limit of {{instance}}"),
                look=Look(colours={"/^limit/": "red"}),
                links=[Link("Memory of the machine", to_board("logpipe-system"))],
            ),
            series(
                "Memory of the limit, by server",
                "percentunit",
                "A cache that evicts stands at 100 % all the time, and that is well as long as the hit rate is. Queues "
                "and sessions must never get there.",
                Query(FULL, "{{instance}}"),
                look=Look(steps=MEMORY, highest=1),
            ),
            series(
                "Fragmentation",
                "short",
                "The process' memory by that of its data. Far above 1.5 in a large server: `activedefrag yes`, or a "
                "restart. Below 1: the machine swaps, and everything is slow. Small servers say nothing here.",
                Query(of("redis_mem_fragmentation_ratio"), "{{instance}}"),
            ),
        ],
    ],
)

COMMANDS: Final = Row(
    "Commands: how many, and how long",
    [
        [
            series(
                "Commands",
                "ops",
                "A second, the ten most frequent. KEYS, SMEMBERS, HGETALL or EVAL among them block all others while "
                "they run.",
                Query(f"topk(10, sum by (cmd) ({rate('redis_commands_total')}) > 0)", "{{cmd}}"),
                look=Look(stacked=True),
            ),
            series(
                "Mean duration by command",
                "s",
                "The ten slowest, on the server, without the network. Redis does one command at a time: what one "
                "takes, all others wait for.",
                Query(f"topk(10, {_MEAN})", "{{cmd}}"),
            ),
            series(
                "p99 by command",
                "s",
                "99 % of the command's calls are quicker than this (Redis 7 and later). High for simple commands: the "
                "machine's processors, swapping, or a slow command before them.",
                Query(f"topk(10, {_P99} >= 0)", "{{cmd}}"),
                links=[Link("The machine", to_board("logpipe-system"))],
            ),
        ],
        [
            table(
                "Most costly commands",
                "By the time that they take together. Above 80 % in all, the server's one processor is the limit. "
                "`redis-cli slowlog get` shows single slow ones with their keys.",
                {"cmd": "Command"},
                [
                    Column(
                        "Busy",
                        f"sum by (cmd) ({rate('redis_commands_duration_seconds_total', '$__range')})",
                        "percentunit",
                    ),
                    Column("Rate", f"sum by (cmd) ({rate('redis_commands_total', '$__range')})", "ops"),
                    Column("Failed", f"sum by (cmd) ({rate('redis_commands_failed_calls_total', '$__range')})", "ops"),
                    Column(
                        "Rejected", f"sum by (cmd) ({rate('redis_commands_rejected_calls_total', '$__range')})", "ops"
                    ),
                ],
            ),
            series(
                "Slow log",
                "short",
                "Commands that took longer than `slowlog-log-slower-than` (10 ms by default), as they are added. See "
                "them with `redis-cli slowlog get`.",
                Query(f"sum by (instance) (increase({of('redis_slowlog_last_id')}[$__rate_interval]))", "{{instance}}"),
                look=Look(bars=True),
            ),
            series(
                "Processor",
                "percentunit",
                "Of one processor, which is all that commands have. Near 100 % every answer waits.",
                Query(
                    f"sum by (instance) ({rate('redis_cpu_user_seconds_total')}\n"
                    f"+ {rate('redis_cpu_sys_seconds_total')})",
                    "{{instance}}",
                ),
            ),
        ],
    ],
)

CLIENTS_ROW: Final = Row(
    "Clients and network",
    [
        [
            series(
                "Connected clients",
                "short",
                "By server; the line across is the alert's 1,000. `redis-cli client list` says from where.",
                Query(of("redis_connected_clients"), "{{instance}}"),
                Query(of("redis_blocked_clients"), "of them waiting on purpose (BLPOP …) at {{instance}}"),
                look=Look(steps=CLIENTS),
            ),
            series(
                "Connections refused and opened",
                "ops",
                "A second. Refused: `maxclients` is reached, and applications fail. Opened far more often than there "
                "are clients: somebody has no pool.",
                Query(f"sum by (instance) ({rate('redis_rejected_connections_total')})", "refused by {{instance}}"),
                Query(f"sum by (instance) ({rate('redis_connections_received_total')})", "opened to {{instance}}"),
                look=Look(colours={"/^refused/": "red", "/^opened/": "blue"}),
            ),
            series(
                "Connections of the limit",
                "percentunit",
                "Of `maxclients`. At 100 % new ones are refused: end idle ones by `config set timeout 300`, give "
                "clients pools.",
                Query(f"{of('redis_connected_clients')} / {of('redis_config_maxclients')}", "{{instance}}"),
                look=Look(highest=1),
            ),
            series(
                "Network",
                "Bps",
                "Out far above what the commands suggest: large values. A network that is full slows every command, "
                "and the server does not count that time.",
                Query(f"sum by (instance) ({rate('redis_net_output_bytes_total')})", "out of {{instance}}"),
                Query(f"sum by (instance) ({rate('redis_net_input_bytes_total')})", "into {{instance}}"),
            ),
        ],
        [
            series(
                "Up for",
                "s",
                "How long the server has been up. A fall to 0 is a restart: a cold cache explains a low hit rate for a "
                "while.",
                Query(of("redis_uptime_in_seconds"), "{{instance}}"),
            ),
            series(
                "Snapshots",
                "short",
                "1 while the last snapshot to disk worked; at 0 Redis refuses writes by default "
                "(`stop-writes-on-bgsave-error`): look at the disk.",
                Query(of("redis_rdb_last_bgsave_status"), "{{instance}}"),
                look=Look(highest=1),
                links=[Link("Disks", to_board("logpipe-system"))],
            ),
        ],
    ],
)
