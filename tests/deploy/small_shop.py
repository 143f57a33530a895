"""Two hours of a small shop, written by the emitter itself, until now: all is well, and then payments fail.

    python -m tests.deploy.small_shop FOLDER NOW

writes FOLDER/early, and FOLDER/late with what the last minutes bring.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from logpipe import get_logger, log_business_event, log_context, log_performance, setup_logging
from sample_logs.clock import VirtualClock

SERVICES = ("shop-web", "shop-api")
HOURS = 2
INCIDENT_S = 600
"""So long before now it begins: all checkouts fail, with an error that was never there."""
LATE_S = 240
"""What came less than this before now is in the second folder."""
EVERY_S = 8.0

_ROUTES = ("GET /", "GET /products/{product_id}", "POST /checkout", "POST /bookings", "POST /register", "POST /reviews")
_EVENTS = {
    "POST /checkout": "payment",
    "POST /bookings": "booking",
    "POST /register": "user_registration",
    "POST /reviews": "review",
}
_QUERIES = {
    "GET /": "SELECT id FROM products ORDER BY sold DESC LIMIT 10",
    "GET /products/{product_id}": "SELECT id, name FROM products WHERE id = 17",
    "POST /checkout": "INSERT INTO orders (cart_id, total_cents) VALUES (4, 990)",
    "POST /bookings": "INSERT INTO bookings (slot) VALUES (7)",
    "POST /register": "INSERT INTO users (name) VALUES ('kim')",
    "POST /reviews": "INSERT INTO reviews (product_id, stars) VALUES (17, 5)",
}


class PaymentError(Exception):
    """The payment provider did not take a charge."""

    __module__ = "shop.payment"


def write(folder: Path, now: float) -> None:
    """Both parts of each service."""
    for service in SERVICES:
        _play(service, folder / "early", now - HOURS * 3600, now - LATE_S, now)
        _play(service, folder / "late", now - LATE_S, now, now)


def _play(service: str, folder: Path, start: float, end: float, now: float) -> None:
    rng = random.Random(f"{service} {start < now - INCIDENT_S}")
    with VirtualClock(start) as clock:
        logging = setup_logging(service=service, log_dir=folder, console=False, rotate_every="never")
        try:
            if end == now:
                log_business_event("deployment", message="deployed 2.0 over 1.9")
            for number, moment in enumerate(_moments(start, end)):
                clock.now = moment
                route = _ROUTES[number % len(_ROUTES)]
                fails = route == "POST /checkout" and moment > now - INCIDENT_S
                _serve(rng, route, f"{number:032x}", fails=fails)
        finally:
            logging.close()


def _moments(start: float, end: float) -> Iterator[float]:
    moment = start
    while moment < end:
        yield moment
        moment += EVERY_S


def _serve(rng: random.Random, route: str, trace_id: str, *, fails: bool) -> None:
    method, path = route.split(" ", 1)
    with log_context(trace_id=trace_id, request_id=trace_id[:16]):
        taken = rng.lognormvariate(1.5, 0.5) * (100 if fails else 1)
        log_performance("database_query", taken, db_system="postgresql", db_statement=_QUERIES[route])
        if fails:
            _refuse(rng.randrange(10**6))
        elif route in _EVENTS:
            log_business_event(_EVENTS[route], total_cents=rng.randrange(10_000))
        elif rng.random() < 0.05:
            get_logger("shop").warning("low stock: %d left", rng.randrange(5))
        status = 502 if fails else 404 if rng.random() < 0.02 else 200
        duration_ms = rng.lognormvariate(4.5, 0.6) * (20 if fails else 1)
        log_performance("http_request", duration_ms, http_method=method, http_route=path, http_status=status)


def _refuse(order: int) -> None:
    log_business_event("payment_failed", order_id=order)
    try:
        _charge()
    except PaymentError:
        get_logger("shop.payment").exception("payment of order %d failed", order)


def _charge() -> None:
    raise PaymentError("the provider answered 503")


if __name__ == "__main__":
    write(Path(sys.argv[1]), float(sys.argv[2]))
