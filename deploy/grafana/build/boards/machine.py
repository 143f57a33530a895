"""The machine's part of system resources: what node_exporter sees."""

from typing import Final

from deploy.grafana.build.board import Row
from deploy.grafana.build.meaning import falling, steps
from deploy.grafana.build.panels import Look, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query

DAY_S: Final = 86_400

CPU: Final = steps(warning=0.80)
"""As SystemCpuHigh."""
MEMORY: Final = steps(warning=0.80, critical=0.85)
"""As SystemMemoryHigh and -Critical."""
DISK_FREE: Final = falling(critical=0.10)
"""As SystemDiskLow."""
MACHINE: Final = 'instance=~"$machine"'
_DISKS: Final = f'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nsfs", {MACHINE}'
"""What SystemDiskLow counts."""
_DRIVES: Final = f'device!~"(loop|ram|zram|sr|fd)[0-9]+", {MACHINE}'
_CARDS: Final = f'device!~"lo|veth.*|br-.*|docker.*|ifb.*", {MACHINE}'


def rate(counter: str, matchers: str = MACHINE, span: str = "$__rate_interval") -> str:
    return f"rate({counter}{{{matchers}}}[{span}])"


def busy(span: str) -> str:
    """The part of the processors' time that is work; waiting for a disk is not."""
    idle = rate("node_cpu_seconds_total", f'mode=~"idle|iowait", {MACHINE}', span)
    return f"1 - sum by (instance) ({idle})\n/ sum by (instance) ({rate('node_cpu_seconds_total', span=span)})"


def _free(free: str, size: str) -> str:
    """By file system that can be written to, as far as it has a size."""
    written = f"node_filesystem_readonly{{{_DISKS}}} == 0"
    return f"{free}{{{_DISKS}}} / ({size}{{{_DISKS}}} > 0) and {written}"


SPACE: Final = _free("node_filesystem_avail_bytes", "node_filesystem_size_bytes")

PROCESSORS: Final = Row(
    "Processors",
    [
        [
            series(
                "Processors busy, by machine",
                "percentunit",
                "The line across is the alert's. `top -b -n 1 -o %CPU` says who; since a release: roll back.",
                Query(busy("$__rate_interval"), "{{instance}}"),
                look=Look(steps=CPU, highest=1),
            ),
            series(
                "Time of the processors",
                "percentunit",
                "By what they do. `steal`: neighbours on the same host take them; move. `iowait`: they wait for a "
                "disk. `system`: the kernel, often for network or memory.",
                Query(
                    f"""avg by (mode) ({rate("node_cpu_seconds_total", f'mode!="idle", {MACHINE}')})""",
                    "{{mode}}",
                ),
                look=Look(stacked=True),
            ),
            series(
                "Load for each processor",
                "short",
                "Processes that run or wait for a disk, by processor, over 1 and 15 minutes. Above 1 they queue. The "
                "short one above the long one: it is getting worse.",
                *(
                    Query(
                        f"node_load{minutes}{{{MACHINE}}}\n"
                        f'/ on (instance) count by (instance) (node_cpu_seconds_total{{mode="idle", {MACHINE}}})',
                        f"{minutes} min on {{{{instance}}}}",
                    )
                    for minutes in (1, 15)
                ),
            ),
        ],
        [
            series(
                "Time lost by waiting",
                "percentunit",
                "Part of the time in which at least one process waited for a processor, memory or a disk (the kernel's "
                "pressure stall information). It says what is short when load and use do not.",
                *(
                    Query(
                        f"max by (instance) ({rate(f'node_pressure_{what}_waiting_seconds_total')})",
                        f"{name} on {{{{instance}}}}",
                    )
                    for what, name in (("cpu", "processor"), ("memory", "memory"), ("io", "disk"))
                ),
            ),
            series(
                "Processes",
                "short",
                "Those that want a processor now, and those that hang in the kernel, mostly on a disk. Blocked ones "
                "for minutes: a disk or a network file system is gone.",
                Query(f"node_procs_running{{{MACHINE}}}", "running on {{instance}}"),
                Query(f"node_procs_blocked{{{MACHINE}}}", "blocked on {{instance}}"),
            ),
        ],
    ],
)

MEMORY_ROW: Final = Row(
    "Memory",
    [
        [
            series(
                "Memory in use, by machine",
                "percentunit",
                "Without what can be freed at once; the lines across are those of the alerts. A slope over days is a "
                "leak, a step is a release or a job.",
                Query(f"instance:node_memory_used:ratio{{{MACHINE}}}", "{{instance}}"),
                look=Look(steps=MEMORY, highest=1),
            ),
            series(
                "Memory available",
                "bytes",
                "What a process could still get. The second line is where it will be in an hour if it goes on as in "
                "the last half: at 0 the kernel kills.",
                Query(f"node_memory_MemAvailable_bytes{{{MACHINE}}}", "{{instance}}"),
                Query(
                    f"predict_linear(node_memory_MemAvailable_bytes{{{MACHINE}}}[30m], 3600)",
                    "{{instance}} in an hour",
                ),
            ),
            series(
                "Swapping and killing",
                "ops",
                "Pages a second from and to the swap, and processes that the kernel killed for memory. Pages that come "
                "in all the time: everything is slow. After a kill: `journalctl -k -g 'Out of memory'`.",
                Query(f"sum by (instance) ({rate('node_vmstat_pswpin')})", "pages in on {{instance}}"),
                Query(f"sum by (instance) ({rate('node_vmstat_pswpout')})", "pages out on {{instance}}"),
                Query(f"sum by (instance) ({rate('node_vmstat_oom_kill')})", "killed on {{instance}}"),
                look=Look(colours={"/^killed/": "red"}),
            ),
        ],
    ],
)

STORAGE: Final = Row(
    "Disks",
    [
        [
            series(
                "Space free",
                "percentunit",
                "By file system; below 10 % the alert fires. `du -xh --max-depth=2 / --threshold=1G` finds what grew; "
                "`lsof +L1` what is deleted and still open.",
                Query(SPACE, "{{mountpoint}} on {{instance}}"),
                look=Look(steps=DISK_FREE, highest=1),
            ),
            series(
                "Space in a day",
                "bytes",
                "What will be free in 24 hours if it goes on as in the last six. Below 0: it will be full by then.",
                Query(
                    f"predict_linear(node_filesystem_avail_bytes{{{_DISKS}}}[6h], {DAY_S})",
                    "{{mountpoint}} on {{instance}}",
                ),
                look=Look(lowest=None),
            ),
            series(
                "Files that can still be made",
                "percentunit",
                'Inodes free. At 0 the disk is "full" with space left: many small files, such as sessions or a mail '
                "queue.",
                Query(_free("node_filesystem_files_free", "node_filesystem_files"), "{{mountpoint}} on {{instance}}"),
                look=Look(highest=1),
            ),
        ],
        [
            series(
                "Disks busy",
                "percentunit",
                "Part of the time in which a disk had something to do. At 100 % for long, with waits that grow: it is "
                "the limit. A fast disk that serves many at once may be well at 100 %.",
                Query(rate("node_disk_io_time_seconds_total", _DRIVES), "{{device}} on {{instance}}"),
                look=Look(highest=1),
            ),
            series(
                "Wait for a read or write",
                "s",
                "How long one takes, its queue included. Above 20 ms databases suffer; look for a backup, a restore or "
                "a volume that is throttled.",
                *(
                    Query(
                        f"{rate(f'node_disk_{time}_time_seconds_total', _DRIVES)}\n"
                        f"/ clamp_min({rate(f'node_disk_{count}_completed_total', _DRIVES)}, 1e-9)",
                        f"{time} on {{{{device}}}} of {{{{instance}}}}",
                    )
                    for time, count in (("read", "reads"), ("write", "writes"))
                ),
                links=[Link("Database", to_board("logpipe-database"))],
            ),
            series(
                "Read and written",
                "Bps",
                "By disk. A plateau at a round number is a limit of the provider.",
                Query(rate("node_disk_read_bytes_total", _DRIVES), "read from {{device}} of {{instance}}"),
                Query(rate("node_disk_written_bytes_total", _DRIVES), "written to {{device}} of {{instance}}"),
            ),
        ],
    ],
)

NETWORK: Final = Row(
    "Network and file descriptors",
    [
        [
            series(
                "Network",
                "Bps",
                "By interface. In the stack as it is delivered these are the exporter's container's; run node_exporter "
                "on the host itself for the machine's.",
                Query(rate("node_network_receive_bytes_total", _CARDS), "into {{device}} of {{instance}}"),
                Query(rate("node_network_transmit_bytes_total", _CARDS), "out of {{device}} of {{instance}}"),
            ),
            series(
                "Packets lost and sent again",
                "pps",
                "Errors and drops of interfaces, and TCP segments that had to be sent again. More than a few in a "
                "hundred: cable, switch, or a link that is full.",
                Query(
                    " + ".join(
                        f"sum by (instance) ({rate(f'node_network_{way}_{what}_total', _CARDS)})"
                        for way in ("receive", "transmit")
                        for what in ("errs", "drop")
                    ),
                    "lost on {{instance}}",
                ),
                Query(rate("node_netstat_Tcp_RetransSegs"), "sent again by {{instance}}"),
                Query(rate("node_netstat_TcpExt_ListenDrops"), "connections refused for a full queue on {{instance}}"),
            ),
            series(
                "File descriptors",
                "percentunit",
                "Open files and connections, of what the kernel allows in all. A climb that never falls: a process "
                'does not close its files; at its own limit it says "too many open files" long before this is full.',
                Query(f"node_filefd_allocated{{{MACHINE}}} / node_filefd_maximum{{{MACHINE}}}", "{{instance}}"),
            ),
            series(
                "TCP connections",
                "short",
                "Established ones, and those that linger after their end. Tens of thousands that linger: connections "
                "are opened for each request; use a pool.",
                Query(f"node_netstat_Tcp_CurrEstab{{{MACHINE}}}", "established on {{instance}}"),
                Query(f"node_sockstat_TCP_tw{{{MACHINE}}}", "ended, lingering on {{instance}}"),
            ),
        ],
        [
            series(
                "Up for",
                "s",
                "How long a machine has been up. A fall to 0 is a restart that nobody may have wanted.",
                Query(f"time() - node_boot_time_seconds{{{MACHINE}}}", "{{instance}}"),
            ),
            series(
                "Clock",
                "s",
                "How far the clock is off, and how far it may be: that climbs by the hour when nothing sets it. Above "
                "100 ms, times in logs of several machines no longer agree, and tokens fail.",
                Query(f"node_timex_offset_seconds{{{MACHINE}}}", "off on {{instance}}"),
                Query(f"node_timex_maxerror_seconds{{{MACHINE}}}", "at most on {{instance}}"),
                look=Look(lowest=None),
            ),
        ],
    ],
)
