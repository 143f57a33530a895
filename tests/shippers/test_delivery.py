"""Delivering: every event reaches each receiver, in the order of arrival, whatever the receiver does."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from logpipe.errors import LogpipeError
from logpipe.store import Store
from logpipe_shippers.delivery import backlog, record
from logpipe_shippers.delivery.backlog import Cursor
from logpipe_shippers.delivery.backoff import Backoff
from logpipe_shippers.delivery.beginning import Beginning
from logpipe_shippers.delivery.receiver import Misconfigured, Unavailable
from logpipe_shippers.delivery.run import run
from logpipe_shippers.delivery.shipper import Delivery, Refusal
from logpipe_shippers.prometheus import exposition
from tests.shippers.ledger import START, add
from tests.stores import new_store, passing_store

ROOT = Path(__file__).parents[2]
ANOTHER_PROCESS = """
import sys
from logpipe.store import Store
from tests.shippers.ledger import add
with Store.open(sys.argv[1]) as store:
    add(store, 3, 4)
"""
Place = tuple[int, int]


def places(store: Store) -> set[Place]:
    return set(store.execute("SELECT source_id, source_pos FROM events"))


@dataclass
class Shipped:
    """A target that keeps what it gets; `troubles` are raised first, one at each attempt."""

    most: int = 7
    troubles: list[LogpipeError] = field(default_factory=list)
    refuses: int = 0
    """Positions below this are refused."""
    name: str = "kept:main"
    interval_s: float = 0.0
    got: list[Place] = field(default_factory=list)
    attempts: int = 0
    is_of_now: bool = False
    begun: Cursor | None = None
    closed: bool = False

    def take(self, store: Store) -> tuple[Sequence[Place], Cursor] | None:
        self.begun = record.cursor(store, self.name)
        found = backlog.next_slice(store, self.begun or Cursor(), self.most)
        if found is None:
            return None
        return store.execute(found.events("source_id, source_pos")), found.end

    def send(self, batch: tuple[Sequence[Place], Cursor]) -> Delivery:
        self.attempts += 1
        if self.troubles:
            raise self.troubles.pop(0)
        taken = [place for place in batch[0] if place[1] >= self.refuses]
        self.got += taken
        return Delivery(len(taken), [Refusal(*place, START, "too old") for place in batch[0] if place not in taken])

    def settle(self, store: Store, batch: tuple[Sequence[Place], Cursor], delivery: Delivery) -> None:
        record.settled(store, self.name, delivery, self.begun, batch[1])

    def close(self) -> None:
        self.closed = True


def fill(store: Store) -> None:
    """Two sources in turn, one entry with more events than a batch holds."""
    for source_id, count in ((1, 3), (1, 2), (2, 40), (1, 5), (2, 1)):
        add(store, source_id, count)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Path]:
    """Kept open here, so that to open it for each batch and each question costs next to nothing."""
    path = tmp_path / "logs.duckdb"
    with new_store(path) as store:
        fill(store)
        yield path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as in life, but a thousand times as short."""
    failed = Backoff.failed
    monkeypatch.setattr(Backoff, "failed", lambda self, asked_s=None: failed(self, asked_s) / 1000)


def test_everything_is_shipped_once(db: Path) -> None:
    """In batches of about the size that is wanted; a second run has nothing to do."""
    target = Shipped()
    assert run([target], str(db), follow=False) == []
    with Store.open(db) as store:
        assert (set(target.got), len(target.got)) == (places(store), 51)
        assert store.execute("SELECT target, accepted, refused FROM shipping") == [("kept:main", 51, 0)]
    assert target.closed
    again = Shipped()
    assert run([again], str(db), follow=False) == []
    assert again.attempts == 0


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    """A store for many examples, which costs more to make than to empty."""
    with passing_store() as store:
        yield store


@pytest.mark.parametrize("rounds", [10, pytest.param(200, marks=pytest.mark.long)])
def test_slices_hold_each_event_once_in_order(memory: Store, rounds: int) -> None:
    """Whatever entries the ledger has, and none holds many more than are wanted."""

    @settings(max_examples=rounds)
    @given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30)), max_size=12), st.integers(1, 40))
    def hold(entries: list[tuple[int, int]], most: int) -> None:
        memory.execute("DELETE FROM events")
        memory.execute("DELETE FROM ledger")
        for source_id, count in entries:
            add(memory, source_id, count)
        cursor, found = Cursor(), []
        while (part := backlog.next_slice(memory, cursor, most)) is not None:
            if part.ranges:
                rows = memory.execute(part.events("source_id, source_pos"))
                assert len(rows) <= most
                found += rows
            assert (part.end.ledger_id, part.end.next_pos) > (cursor.ledger_id, cursor.next_pos)
            cursor = part.end
        assert sorted(found) == sorted(places(memory))
        assert backlog.behind(memory, cursor) == 0

    hold()


def test_events_of_one_line_stay_together() -> None:
    """Several records of one line have one position, and a cursor cannot stand between them."""
    with passing_store() as store:
        add(store, 1, 10)
        store.execute("UPDATE events SET source_pos = 0 WHERE source_pos < 50")
        part = backlog.next_slice(store, Cursor(), 3)
        assert part is not None
        assert len(store.execute(part.events("source_pos"))) == 5
        rest = backlog.next_slice(store, part.end, 100)
        assert rest is not None
        assert len(store.execute(rest.events("source_pos"))) == 5


def test_a_reparse_within_a_batch_loses_no_other_source() -> None:
    """The byte at which a cursor stands is one of the entry that it stands in, and of none that takes its place."""
    with passing_store() as store:
        add(store, 1, 10)
        add(store, 2, 10)
        part = backlog.next_slice(store, Cursor(), 4)
        assert part is not None
        store.execute("UPDATE ledger SET ledger_id = nextval('ledger_ids') WHERE source_id = 1")
        rest = backlog.next_slice(store, part.end, 100)
        assert rest is not None
        assert sorted(store.execute(rest.events("source_id, source_pos"))) == sorted(places(store))


def test_a_new_target_begins_where_it_is_wanted() -> None:
    """At the first entry that has an event of that time, and behind all where none has."""
    with passing_store() as store:
        add(store, 1, 5)
        add(store, 2, 5, START + timedelta(days=2))
        add(store, 1, 5, START + timedelta(days=1))
        for days, ledger_id in ((-1, 0), (1.1, 1), (9, 3)):
            since = START + timedelta(days=days)
            assert backlog.beginning(store, since) == Cursor(ledger_id, since=since)


def test_what_the_receiver_cannot_take_now_is_tried_again(db: Path) -> None:
    """The same batch, until it is taken; then nothing tells of it but the number of attempts."""
    target = Shipped(troubles=[Unavailable("busy"), Unavailable("busy", wait_s=2)])
    assert run([target], str(db), follow=False) == []
    with Store.open(db) as store:
        assert sorted(target.got) == sorted(places(store))
        assert store.execute("SELECT retries, error, failing_since FROM shipping") == [(2, None, None)]


def test_a_receiver_that_is_not_there_is_given_up_without_follow(db: Path) -> None:
    """After eight attempts, with its error, which the store keeps; the next run takes up where it stood."""
    target = Shipped(troubles=[Unavailable(f"attempt {number}") for number in range(20)])
    [error] = run([target], str(db), follow=False)
    assert (error.message, target.attempts) == ("attempt 7", 8)
    with Store.open(db) as store:
        [(retries, told)] = store.execute("SELECT retries, error FROM shipping WHERE failing_since IS NOT NULL")
        assert (retries, told) == (8, "attempt 7")
    later = Shipped()
    run([later], str(db), follow=False)
    assert len(later.got) == 51


def test_a_target_that_has_not_begun_has_no_cursor(db: Path) -> None:
    """However often it has failed, so that the next run begins where it is wanted, and not with all that there is."""
    run([Shipped(troubles=[Misconfigured("401")])], str(db), follow=False)
    with Store.open(db) as store:
        assert record.cursor(store, "kept:main") is None
        assert store.execute("SELECT retries, error FROM shipping") == [(1, "401")]
    run([Shipped()], str(db), follow=False)
    with Store.open(db) as store:
        assert record.cursor(store, "kept:main") == Cursor(5)


def test_a_wrong_setting_ends_a_target_and_no_other(db: Path) -> None:
    """At once: it would be the same for every batch."""
    wrong = Shipped(name="wrong:main", troubles=[Misconfigured("401")])
    right = Shipped()
    assert [error.message for error in run([wrong, right], str(db), follow=False)] == ["401"]
    assert (wrong.attempts, len(right.got)) == (1, 51)


def test_a_fault_of_ours_ends_a_target_and_no_other(db: Path) -> None:
    """It is an error as any other, in the store, too; its words, which may hold anything, are not repeated."""

    class Faulty(Shipped):
        def send(self, batch: tuple[Sequence[Place], Cursor]) -> Delivery:
            raise ValueError("horse")

    right = Shipped()
    [error] = run([Faulty(name="faulty:main"), right], str(db), follow=False)
    assert error.message.startswith("an unexpected ValueError at test_delivery.py:")
    assert len(right.got) == 51
    with Store.open(db) as store:
        assert store.execute("SELECT error FROM shipping WHERE target = 'faulty:main'") == [(str(error),)]


def test_a_second_shipper_of_the_same_target_gives_up(db: Path) -> None:
    """With the batch that both have sent; the cursor goes on as the first one moves it."""

    class Overtaken(Shipped):
        def send(self, batch: tuple[Sequence[Place], Cursor]) -> Delivery:
            run([Shipped(most=7)], str(db), follow=False)
            return super().send(batch)

    late = Overtaken(most=7, refuses=10)
    [error] = run([late], str(db), follow=False)
    assert "another process ships to kept:main as well" in str(error)
    assert len(late.got) < 7
    with Store.open(db) as store:
        assert store.execute("SELECT ledger_id, accepted, refused FROM shipping") == [(5, 51, 0)]
        assert store.execute("SELECT count(*) FROM refusals") == [(0,)]


@pytest.mark.parametrize("fails", [False, True])
def test_the_store_knows_which_targets_are_followed(db: Path, fails: bool) -> None:
    """From the first batch or failure on, and for good: a run for once, before or after, is nobody's to watch."""
    run([Shipped(most=100)], str(db), follow=False)
    assert is_followed(db) == 0
    stop = threading.Event()

    class Ending(Shipped):
        def take(self, store: Store) -> tuple[Sequence[Place], Cursor] | None:
            if self.begun is not None:
                stop.set()
            return super().take(store)

    with Store.open(db) as store:
        add(store, 4, 3)
    run([Ending(troubles=[Unavailable("busy")] if fails else [])], str(db), follow=True, stop=stop)
    assert is_followed(db) == 1
    run([Shipped(troubles=[Misconfigured("401")])], str(db), follow=False)
    assert is_followed(db) == 1


def is_followed(db: Path) -> float:
    """As Prometheus sees it."""
    with Store.open(db) as store:
        families = text_string_to_metric_families(exposition(store).decode())
        [sample] = [one for family in families for one in family.samples if one.name == "logpipe_ship_followed"]
    return sample.value


@pytest.mark.parametrize("is_of_now", [False, True])
def test_what_tells_how_things_are_is_taken_anew_for_each_attempt(db: Path, is_of_now: bool) -> None:
    """And what is shipped in order is not."""
    taken: list[Cursor | None] = []

    class Counting(Shipped):
        def take(self, store: Store) -> tuple[Sequence[Place], Cursor] | None:
            taken.append(record.cursor(store, self.name))
            return super().take(store)

    run([Counting(most=100, troubles=[Unavailable("busy")] * 3, is_of_now=is_of_now)], str(db), follow=False)
    assert taken == [None] * (4 if is_of_now else 1)


def test_a_run_ends_though_the_store_grows(db: Path) -> None:
    """With what was there when it began: an ingest may bring more than a receiver takes."""

    class Growing(Shipped):
        def send(self, batch: tuple[Sequence[Place], Cursor]) -> Delivery:
            assert self.attempts < 50, "it follows"
            with Store.open(db) as store:
                add(store, 1, 10)
            return super().send(batch)

    target = Growing(most=10)
    assert run([target], str(db), follow=False) == []
    with Store.open(db) as store:
        assert len(target.got) == 51
        assert run([Shipped(most=1_000)], str(db), follow=False) == []
        assert store.execute("SELECT accepted FROM shipping") == store.execute("SELECT count(*) FROM events")


def test_events_from_before_a_target_began_are_left_out(db: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also those that stand beside wanted ones, or come later; how many there are is said."""
    since = START + timedelta(seconds=30)
    caplog.set_level("INFO", "logpipe.ship")
    with Store.open(db) as store:
        beginning = Beginning("kept:main", since)
        cursor = beginning.stands(store)
        assert "kept:main: 41 events from before 2026-03-01 00:00:30 UTC are left out" in caplog.text
        got: list[Place] = []
        while (part := backlog.next_slice(store, cursor, 7)) is not None:
            got += store.execute(part.events("source_id, source_pos"))
            record.settled(store, "kept:main", Delivery(0), record.cursor(store, "kept:main"), part.end)
            cursor = beginning.stands(store)
        wanted = store.execute("SELECT source_id, source_pos FROM events WHERE ts >= ?", [since])
        assert sorted(got) == sorted(wanted)
        add(store, 1, 35)
        part = backlog.next_slice(store, Beginning("kept:main", None).stands(store), 100)
        assert part is not None
        assert len(store.execute(part.events("ts"))) == 5


def test_a_receiver_that_hangs_delays_no_other_and_no_ingest(tmp_path: Path) -> None:
    """While it is waited for, another target goes on, and another process may have the database."""
    db = tmp_path / "logs.duckdb"
    with new_store(db) as store:
        fill(store)
    reached, release = threading.Event(), threading.Event()

    class Hanging(Shipped):
        def send(self, batch: tuple[Sequence[Place], Cursor]) -> Delivery:
            reached.set()
            assert release.wait(120)
            return super().send(batch)

    class Quick(Shipped):
        def settle(self, store: Store, batch: tuple[Sequence[Place], Cursor], delivery: Delivery) -> None:
            super().settle(store, batch, delivery)
            if len(self.got) == 55:
                everything.set()

    everything, stop = threading.Event(), threading.Event()
    hanging, quick_one = Hanging(name="hanging:main"), Quick(interval_s=0.05)
    thread = threading.Thread(target=run, args=([hanging, quick_one], str(db)), kwargs={"follow": True, "stop": stop})
    thread.start()
    try:
        assert reached.wait(120)
        subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, str(db)], cwd=ROOT, check=True, timeout=120)
        assert everything.wait(120)
        assert hanging.got == []
    finally:
        stop.set()
        release.set()
        thread.join(120)
    assert not thread.is_alive()


def test_refused_rows_are_recorded_one_by_one(db: Path) -> None:
    """With their reason, and passed over."""
    target = Shipped(refuses=20)
    assert run([target], str(db), follow=False) == []
    with Store.open(db) as store:
        assert store.execute("SELECT accepted, refused FROM shipping") == [(47, 4)]
        refused = store.execute("SELECT source_id, source_pos, reason FROM refusals ORDER BY ALL")
        assert refused == [(1, 0, "too old"), (1, 10, "too old"), (2, 0, "too old"), (2, 10, "too old")]


def test_waits_double_up_to_a_limit_and_follow_the_receiver() -> None:
    """With full jitter, so below the limit of each; what the receiver asks for counts up to the longest."""
    backoff = Backoff(base_s=1, max_s=10)
    for longest in (1, 2, 4, 8, 10, 10):
        assert 0 <= backoff.failed() * 1000 <= longest
    assert backoff.failed(3) * 1000 == 3
    assert backoff.failed(300) * 1000 == 10
    assert 0 < backoff.failed(0) * 1000 <= 10
    backoff.succeeded()
    assert backoff.failed() * 1000 <= 1
