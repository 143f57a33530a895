"""A client that loads the shop within bounds: so many requests a second, so many at once, for so long."""

import http.client
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from math import ceil
from urllib.parse import urlsplit

CLIENT_TIMEOUT_S = 10.0
PRODUCTS = 2000
CUSTOMERS = 50_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the client may do at most."""

    requests_per_s: float
    threads: int
    """Requests under way at once."""
    seconds: float

    @property
    def max_requests(self) -> int:
        """Over the whole time."""
        return ceil(self.requests_per_s * self.seconds)


def next_slot(slot: int, elapsed_s: float, bounds: Bounds) -> int:
    """The next of a thread's slots: each thread has every n-th, slot i is due i / rate seconds after the beginning.

    Slots that passed while the thread waited for an answer are left out, not made up for: a slow server is asked less
    often, and is not flooded when it comes back.
    """
    upcoming = slot + bounds.threads
    behind = elapsed_s * bounds.requests_per_s - upcoming
    return upcoming + max(0, ceil(behind / bounds.threads)) * bounds.threads


def choose_request(chance: random.Random) -> tuple[str, str]:
    """A method and a path, as customers mix them."""
    customer, product = chance.randint(1, CUSTOMERS), chance.randint(1, PRODUCTS)
    weights = {
        ("GET", "/"): 20,
        ("GET", f"/products/{product}"): 37,
        ("GET", f"/products/{PRODUCTS + product}"): 1,  # does not exist
        ("GET", f"/customers/{customer}/orders"): 12,
        ("POST", f"/customers/{customer}/cart/{product}"): 20,
        ("POST", f"/customers/{customer}/orders/{product}"): 10,
    }
    return chance.choices(list(weights), list(weights.values()))[0]


class Load:
    """The client, in threads of this process; it ends by itself when its time is over."""

    def __init__(self, url: str, bounds: Bounds, seed: int = 1) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._bounds = bounds
        self._seed = seed
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._outcomes: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(bounds.threads)]
        self._began = 0.0

    def start(self) -> None:
        """Begin."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send no more, and return when the requests under way are answered."""
        self._stopped.set()
        self.join()

    def join(self) -> None:
        """Return when the time is over and all requests are answered."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def outcomes(self) -> Counter[str]:
        """Requests by the status of the answer so far; `no answer` where none came."""
        with self._lock:
            return self._outcomes.copy()

    def _run(self, slot: int) -> None:
        chance = random.Random(f"{self._seed}:{slot}")
        connection = http.client.HTTPConnection(self._host, self._port, timeout=CLIENT_TIMEOUT_S)
        while slot < self._bounds.max_requests:
            due = self._began + slot / self._bounds.requests_per_s
            if self._stopped.wait(max(0.0, due - time.monotonic())):
                break
            outcome = _send(connection, *choose_request(chance))
            with self._lock:
                self._outcomes[outcome] += 1
            slot = next_slot(slot, time.monotonic() - self._began, self._bounds)
        connection.close()


def _send(connection: http.client.HTTPConnection, method: str, path: str) -> str:
    try:
        connection.request(method, path, headers={"User-Agent": "load/1.0"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return "no answer"
    return str(response.status)
