"""The client keeps within its bounds."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from real_shop.load import Bounds, Load, choose_request, next_slot

BOUNDS = st.builds(
    Bounds,
    requests_per_s=st.floats(0.1, 1000),
    threads=st.integers(1, 100),
    seconds=st.floats(0.1, 10_000),
)


@given(bounds=BOUNDS, slot=st.integers(0, 10**6), elapsed_s=st.floats(0, 10**5))
def test_a_thread_keeps_to_its_own_slots_and_only_goes_forward(bounds: Bounds, slot: int, elapsed_s: float) -> None:
    """The next slot is one of the thread's own, later than the one before."""
    upcoming = next_slot(slot, elapsed_s, bounds)
    assert upcoming > slot
    assert upcoming % bounds.threads == slot % bounds.threads


@given(bounds=BOUNDS, slot=st.integers(0, 10**6), elapsed_s=st.floats(0, 10**5))
def test_missed_slots_are_left_out_and_no_others(bounds: Bounds, slot: int, elapsed_s: float) -> None:
    """After a long wait the next slot is the first that is not overdue; without one it is simply the next."""
    due = elapsed_s * bounds.requests_per_s
    upcoming = next_slot(slot, elapsed_s, bounds)
    assert upcoming >= due - 1e-6 * due
    assert upcoming == slot + bounds.threads or upcoming - bounds.threads < due


def test_a_client_on_time_uses_every_slot() -> None:
    """Threads that are never late share all slots without gap or repetition."""
    bounds = Bounds(requests_per_s=40, threads=4, seconds=10)
    slots = []
    for thread in range(bounds.threads):
        slot = thread
        while slot < bounds.max_requests:
            slots.append(slot)
            slot = next_slot(slot, slot / bounds.requests_per_s, bounds)
    assert sorted(slots) == list(range(400))


def test_the_mix_of_requests_has_reads_and_writes_of_every_kind() -> None:
    """Each server is used: product pages, orders read and placed, carts, and pages that do not exist."""
    chance = Random(7)
    requests = {choose_request(chance) for _ in range(2000)}
    kinds = {(method, "/".join(part for part in path.split("/") if not part.isdigit())) for method, path in requests}
    assert kinds == {
        ("GET", "/"),
        ("GET", "/products"),
        ("GET", "/customers/orders"),
        ("POST", "/customers/cart"),
        ("POST", "/customers/orders"),
    }


class _CountingShop(ThreadingHTTPServer):
    """Answers everything, and knows how many requests were under way at once."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = status
        self.answered = 0
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: _CountingShop
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.most_under_way, self.server.under_way)
        threading.Event().wait(0.005)  # what an answer costs, so that requests overlap
        with self.server.lock:
            self.server.under_way -= 1
            self.server.answered += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the names are the base class's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: the test asks the counters."""


@pytest.fixture(params=[200, 503])
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[_CountingShop]:
    monkeypatch.setattr("real_shop.load.CLIENT_TIMEOUT_S", 240.0)  # one that gives up sends the next beside it
    with _CountingShop(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_client_ends_by_itself_within_its_bounds(shop: _CountingShop) -> None:
    """It sends no more than rate times time, no more at once than it has threads, and counts each answer."""
    bounds = Bounds(requests_per_s=200, threads=4, seconds=0.25)
    load = Load(shop.url, bounds)
    load.start()
    load.join()
    assert 0 < shop.answered <= bounds.max_requests == 50
    assert shop.most_under_way <= bounds.threads
    assert load.outcomes() == {str(shop.status): shop.answered}


def test_a_stopped_client_sends_no_more(shop: _CountingShop) -> None:
    """After stop() returns, nothing is under way and nothing follows."""
    load = Load(shop.url, Bounds(requests_per_s=100, threads=2, seconds=600))
    load.start()
    deadline = time.monotonic() + 60
    while not load.outcomes() and time.monotonic() < deadline:
        time.sleep(0.01)
    load.stop()
    assert load.outcomes().total() == shop.answered > 0
    assert shop.under_way == 0


def test_a_server_that_is_away_is_counted_not_raised() -> None:
    """Without a server the client goes on until its time is over and says that no answer came."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))  # so that nobody else listens there
        load = Load(f"http://127.0.0.1:{server.getsockname()[1]}", Bounds(requests_per_s=100, threads=2, seconds=0.1))
        load.start()
        load.join()
    assert set(load.outcomes()) == {"no answer"}


def test_a_client_that_never_began_can_be_stopped() -> None:
    """Stopping is always safe."""
    Load("http://127.0.0.1:1", Bounds(requests_per_s=1, threads=1, seconds=1)).stop()
