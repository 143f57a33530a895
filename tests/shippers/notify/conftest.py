"""A server that messages are posted to, and the people who read them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shippers.http_server import Answers, serving
from tests.shippers.notify.people import People
from tests.stores import new_store


@pytest.fixture(scope="module")
def one_server() -> Iterator[Answers]:
    with serving() as answers:
        yield answers


@pytest.fixture
def server(one_server: Answers) -> Answers:
    one_server.got.clear()
    one_server.next.clear()
    return one_server


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    with new_store(tmp_path / "logs.duckdb") as store:
        store.execute(
            "INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, "
            "first_seen_at) VALUES (1, '/var/log/web.jsonl', 'web', 1, 0, '', 'logpipe', 'web', 'UTC', 'active', now())"
        )
        yield (people := People(tmp_path, store))
        for channel in people.channels.values():
            channel.close()
