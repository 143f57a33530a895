"""Cache performance: Redis as its exporter sees it."""

from typing import Final

from deploy.grafana.build.board import Board, Row, Variable, alerts
from deploy.grafana.build.boards.redis import CLIENTS, CLIENTS_ROW, COMMANDS, FULL, MEMORY, MEMORY_ROW, of, rate
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import falling, steps
from deploy.grafana.build.panels import Look, figure, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query

HIT_RATE: Final = falling(warning=0.70, critical=0.50)
"""As CacheHitRateLow and -Critical."""
MISSES: Final = steps(warning=1000)
"""As CacheMissRateHigh."""
EVICTIONS: Final = steps(warning=0.20, critical=0.50)
"""As CacheEvictionsHigh and -Critical."""
CACHE: Final = Variable("cache", "Cache server", "label_values(redis_up, instance)", "The exporter of a Redis.")

_COMPONENTS: Final = "cache"
_DATABASE: Final = Link("Database", to_board("logpipe-database"))


_MISSED: Final = f"sum by (instance) ({rate('redis_keyspace_misses_total', '5m')})"
_FIRST: Final = Row(
    "Is it the cache, where, and since when?",
    [
        [
            firing(_COMPONENTS),
            figure(
                "Redis answers",
                "bool_yes_no",
                "No: the exporter runs, and at least one of the chosen servers does not answer it (CacheDown). Look at "
                "the server's own log: killed for memory, loading its data, or a changed password. Expect the database "
                "to feel it when the cache comes back empty.",
                Query(f"min({of('redis_up')})", "up"),
                steps=falling(critical=1),
                links=[Link("Targets", to_board("logpipe-system")), _DATABASE],
            ),
            figure(
                "Lookups that hit",
                "percentunit",
                "Of the server that hits least, over five minutes. Low: look at evictions, at the number of keys (has "
                "it been flushed?) and at how long it has been up; then at the database, which carries the rest.",
                Query(f"min({of('instance:redis_keyspace_hits:ratio_rate5m')})", "hits"),
                steps=HIT_RATE,
                none="few lookups",
                links=[_DATABASE],
            ),
            figure(
                "Lookups that miss",
                "ops",
                "A second, of the server that misses most. Each may be a query. High with a good hit rate: simply more "
                "traffic, or keys that do not exist are asked for again and again.",
                Query(f"max({_MISSED})", "misses"),
                steps=MISSES,
                links=[_DATABASE],
            ),
            figure(
                "Evicted in 5 minutes",
                "percentunit",
                "Keys thrown out to make room, in percent of those that it holds. Above 50 % it hardly serves as a "
                "cache any more: look for what fills it (`redis-cli --bigkeys`), or give it more memory.",
                Query(f"max({of('instance:redis_evicted_keys:ratio_increase5m')})", "evicted"),
                steps=EVICTIONS,
                none="no keys",
            ),
            figure(
                "Memory of the limit",
                "percentunit",
                "Of `maxmemory`, the fullest server. At 100 % it evicts, or refuses writes where the policy is "
                "noeviction. A server without a limit has no figure here: it takes the machine's.",
                Query(f"max({FULL})", "memory"),
                steps=MEMORY,
                none="no limit",
            ),
            figure(
                "Clients",
                "short",
                "Connections to the server that has most. Many that come and go: a client that opens one for each "
                "request; give it a pool.",
                Query(f"max({of('redis_connected_clients')})", "clients"),
                steps=CLIENTS,
            ),
        ],
        [alerts_table(_COMPONENTS, {"instance": "Server"})],
    ],
)

_HITS: Final = Row(
    "Does it hit, and what does it hold?",
    [
        [
            series(
                "Hit rate",
                "percentunit",
                "By server, as the alerts see it, from one lookup a second on. A cliff: it was flushed, restarted or a "
                "release changed its keys. A slope: it has become too small.",
                Query(of("instance:redis_keyspace_hits:ratio_rate5m"), "{{instance}}"),
                look=Look(steps=HIT_RATE, highest=1),
            ),
            series(
                "Lookups",
                "ops",
                "Hits and misses a second. Misses up with hits the same: other keys are asked for.",
                Query(f"sum by (instance) ({rate('redis_keyspace_hits_total')})", "hits on {{instance}}"),
                Query(f"sum by (instance) ({rate('redis_keyspace_misses_total')})", "misses on {{instance}}"),
                look=Look(colours={"/^hits/": "green", "/^misses/": "orange"}),
                links=[_DATABASE],
            ),
            series(
                "Keys",
                "short",
                "By database. A fall to nothing: flushed. A climb without end: keys that never expire; see the next "
                "panel.",
                Query(f"{of('redis_db_keys')} > 0", "{{db}} on {{instance}}"),
            ),
        ],
        [
            series(
                "Evicted and expired",
                "ops",
                "Keys a second that went because of memory (evicted) or of age (expired). Evicted ones are wanted "
                "again; many at once, and the database gets what they answered.",
                Query(f"sum by (instance) ({rate('redis_evicted_keys_total')})", "evicted on {{instance}}"),
                Query(f"sum by (instance) ({rate('redis_expired_keys_total')})", "expired on {{instance}}"),
                look=Look(colours={"/^evicted/": "red", "/^expired/": "blue"}),
            ),
            series(
                "Evicted in 5 minutes, by server",
                "percentunit",
                "In percent of the keys that it holds; the lines across are those of the alerts. Look at what was "
                "written when it began: `redis-cli --bigkeys`.",
                Query(of("instance:redis_evicted_keys:ratio_increase5m"), "{{instance}}"),
                look=Look(steps=EVICTIONS),
            ),
            series(
                "Keys that never expire",
                "short",
                "They stay until somebody deletes them, and in a cache that grows they are what fills it.",
                Query(f"sum by (instance) ({of('redis_db_keys')} - {of('redis_db_keys_expiring')})", "{{instance}}"),
            ),
        ],
    ],
)

BOARD: Final = Board(
    "logpipe-cache",
    "Cache performance",
    "Redis as redis_exporter sees it, by server.",
    [CACHE],
    [alerts(_COMPONENTS)],
    [_FIRST, _HITS, MEMORY_ROW, COMMANDS, CLIENTS_ROW],
)
