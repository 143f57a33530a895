"""Targets that are no more."""

from pathlib import Path

import pytest

from logpipe.store import Store
from logpipe_shippers.delivery import record
from logpipe_shippers.delivery.backlog import Cursor
from logpipe_shippers.delivery.shipper import Delivery, Refusal
from logpipe_shippers.prometheus import exposition
from tests.commands import call
from tests.shippers.ledger import START, add
from tests.stores import new_store


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Two targets, of which one has shipped less; both were refused something."""
    path = tmp_path / "logs.duckdb"
    with new_store(path) as store:
        for reached, target in ((1, "loki:old"), (2, "loki:new")):
            add(store, 1, 5)
            record.settled(store, target, Delivery(4, [Refusal(1, 0, START, "too old")]), None, Cursor(reached))
    return path


def test_a_forgotten_target_waits_for_nothing(db: Path) -> None:
    """No alert tells of its backlog for ever; the other one is as it was, and a later one of that name begins anew."""
    assert waiting(db) == {'{target="loki:old"} 5.0', '{target="loki:new"} 0.0'}
    done = call("ship", "forget", "loki:old", "--db", str(db))
    assert (done.returncode, done.stderr) == (0, "loki:old is forgotten\n")
    assert waiting(db) == {'{target="loki:new"} 0.0'}
    with Store.open(db) as store:
        assert store.execute("SELECT target, count(*) FROM refusals GROUP BY ALL") == [("loki:new", 1)]
        assert record.cursor(store, "loki:old") is None
        assert record.cursor(store, "loki:new") == Cursor(2)


def waiting(db: Path) -> set[str]:
    """The events that wait for each target, as Prometheus sees them."""
    name = "logpipe_ship_behind_events"
    with Store.open(db, read_only=True) as store:
        lines = exposition(store).decode().splitlines()
    return {line.removeprefix(name) for line in lines if line.startswith(name)}


def test_all_that_the_store_knows_of_a_target_is_forgotten(db: Path) -> None:
    """Each table with a column `target`."""
    with Store.open(db) as store:
        found = store.execute("SELECT table_name FROM duckdb_columns() WHERE column_name = 'target' AND NOT internal")
    assert {name for (name,) in found} == set(record.TABLES)


def test_a_target_that_is_none_is_not_forgotten(db: Path, tmp_path: Path) -> None:
    """Its name is misspelt: the message says which there are."""
    done = call("ship", "forget", "loki:odl", "--db", str(db))
    assert done.returncode == 2
    assert "there are loki:new, loki:old" in " ".join(done.stderr.replace("│", "").split())
    empty = tmp_path / "empty.duckdb"
    new_store(empty).close()
    assert "there are none yet" in " ".join(call("ship", "forget", "loki:old", "--db", str(empty)).stderr.split())
