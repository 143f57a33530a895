"""The names of the metrics that there are in the stack."""

import re

from tests.deploy.debian import ROOT
from tests.deploy.rules import RULES, load

_ROW = re.compile(r"^\| (`logpipe_[^|]+) \| (\w+) \|", re.MULTILINE)
_PROMETHEUS = frozenset({"ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "up"})
_EXPORTERS = """
node_boot_time_seconds node_cpu_seconds_total node_disk_io_time_seconds_total node_disk_read_bytes_total
node_disk_read_time_seconds_total node_disk_reads_completed_total node_disk_write_time_seconds_total
node_disk_writes_completed_total node_disk_written_bytes_total node_filefd_allocated node_filefd_maximum
node_filesystem_avail_bytes node_filesystem_files node_filesystem_files_free node_filesystem_readonly
node_filesystem_size_bytes node_load1 node_load15 node_memory_MemAvailable_bytes node_netstat_TcpExt_ListenDrops
node_netstat_Tcp_CurrEstab node_netstat_Tcp_RetransSegs node_network_receive_bytes_total
node_network_receive_drop_total node_network_receive_errs_total node_network_transmit_bytes_total
node_network_transmit_drop_total node_network_transmit_errs_total node_pressure_cpu_waiting_seconds_total
node_pressure_io_waiting_seconds_total node_pressure_memory_waiting_seconds_total node_procs_blocked
node_procs_running node_sockstat_TCP_tw node_timex_maxerror_seconds node_timex_offset_seconds node_uname_info
node_vmstat_oom_kill node_vmstat_pswpin node_vmstat_pswpout
pg_database_size_bytes pg_locks_count pg_replication_lag_seconds pg_settings_max_connections pg_stat_activity_count
pg_stat_activity_max_tx_duration pg_stat_database_active_time_seconds_total pg_stat_database_blks_hit
pg_stat_database_blks_read pg_stat_database_deadlocks pg_stat_database_temp_bytes pg_stat_database_tup_deleted
pg_stat_database_tup_fetched pg_stat_database_tup_inserted pg_stat_database_tup_returned pg_stat_database_tup_updated
pg_stat_database_xact_commit pg_stat_database_xact_rollback pg_stat_replication_pg_wal_lsn_diff pg_up
probe_duration_seconds probe_http_duration_seconds probe_http_status_code probe_ssl_earliest_cert_expiry probe_success
redis_blocked_clients redis_commands_duration_seconds_total redis_commands_failed_calls_total
redis_commands_latencies_usec_bucket redis_commands_rejected_calls_total redis_commands_total redis_config_maxclients
redis_connected_clients redis_connections_received_total redis_cpu_sys_seconds_total redis_cpu_user_seconds_total
redis_db_keys redis_db_keys_expiring redis_evicted_keys_total redis_expired_keys_total redis_keyspace_hits_total
redis_keyspace_misses_total redis_mem_fragmentation_ratio redis_memory_max_bytes redis_memory_used_bytes
redis_memory_used_rss_bytes redis_net_input_bytes_total redis_net_output_bytes_total redis_rdb_last_bgsave_status
redis_rejected_connections_total redis_slowlog_last_id redis_up redis_uptime_in_seconds
"""
"""Those that dashboards ask for, as the versions of docker-compose.yml call them; tests/deploy/watched.py has them."""


def _logpipe() -> set[str]:
    """As the table of docs/shipping.md has them, which its own test holds to what is exported."""
    names = set()
    for cell, kind in _ROW.findall((ROOT / "docs" / "shipping.md").read_text()):
        for name in re.findall(r"`(\w+)`", cell):
            names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def _recorded() -> set[str]:
    """By the rules."""
    return {
        rule["record"]
        for path in RULES
        for group in load(path)["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


EXPORTED = _PROMETHEUS | set(_EXPORTERS.split()) | _logpipe() | _recorded()
