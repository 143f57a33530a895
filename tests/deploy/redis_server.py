"""A real Redis, small enough to evict, and a little traffic."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from real_shop.server import Server
from tests.deploy.debian import program

MAX_MEMORY = 2_000_000
VALUE = b"x" * 2000


@contextmanager
def running(folder: Path, port: int) -> Iterator[redis.Redis]:
    """A server at a port of the loopback, and a client of it."""
    limits = ["--maxmemory", str(MAX_MEMORY), "--maxmemory-policy", "allkeys-lru", "--save", ""]
    command = [program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", str(port), *limits]
    with redis.Redis(host="127.0.0.1", port=port) as client:
        server = Server("Redis", command, folder, folder / "redis.log", lambda: _pings(client))
        server.start()
        try:
            yield client
        finally:
            server.stop()


def latencies(client: redis.Redis) -> str:
    """The histogram of each command as the redis_exporter of docker-compose.yml has it; Debian's, 1.45, has not."""
    lines = ["# TYPE redis_commands_latencies_usec histogram"]
    histograms: Any = client.execute_command("LATENCY HISTOGRAM")  # type: ignore[no-untyped-call] # redis has no types here
    for command, one in histograms.items():
        series = f'redis_commands_latencies_usec_bucket{{cmd="{command.decode()}",le="%s"}} %d'
        lines += [series % bucket for bucket in one[b"histogram_usec"].items()]
        lines += [series % ("+Inf", one[b"calls"])]
    return "\n".join(lines) + "\n"


def work(client: redis.Redis) -> None:
    """Keys for twice as much memory as there is, some of which expire at once, and lookups a third of which miss."""
    pipeline = client.pipeline(transaction=False)
    for number in range(2 * MAX_MEMORY // len(VALUE)):
        pipeline.set(f"key:{number}", VALUE, px=1 + number % 2 * 3_600_000)
        for key in ("first", "first", "nothing"):
            pipeline.get(key)
        pipeline.set("first", "used, and so kept")
    pipeline.execute()


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
