"""shop-worker: what the shop does later: mails, reminders of full carts, stock levels."""

import random
from typing import Final

from logpipe import get_logger, log_performance
from sample_logs.day import Day
from sample_logs.incidents import DAY_S, LOST_INDEX, WORKER_DOWN
from sample_logs.middleware import Query, run, some_values
from sample_logs.traffic import latency_ms, ticks

SERVICE: Final = "shop-worker"
VERSION: Final = "1.9.0"

_CART_ITEMS = Query("SELECT id, product_id, quantity FROM cart_items WHERE cart_id = {number}", 9, 0.35)
_REMINDED = Query("UPDATE carts SET reminded_at = now() WHERE cart_id = {number}", 4)
_ORDER = Query("SELECT email, total_cents FROM orders WHERE id = '{order}'", 5)
_LEVELS = Query("UPDATE stock SET quantity = {number} WHERE sku = '{sku}'", 4)

_log = get_logger("shop.worker")
_log_mail = get_logger("shop.worker.mail")


class MailServerGone(ConnectionError):  # noqa: N818 - named for what happened
    """The mail server hung up."""

    __module__ = "shop.mail"


def simulate(day: Day) -> None:
    """A day of the worker; the shop's own day must have been simulated, for the jobs that it leaves."""
    rng = day.random(SERVICE)
    for at in (1.0, WORKER_DOWN.end or DAY_S):
        day.log(SERVICE, at, {}, started)
    for at in ticks(rng, 15, 0.3):
        if not WORKER_DOWN.covers(at):
            day.log(SERVICE, at, {}, heartbeat, rng.randrange(6), rng.randrange(3, 9))
    for at in ticks(rng, 5 / min(day.scale, 1.0), 1.5):
        if not WORKER_DOWN.covers(at):
            _remind(day, rng, at)
    for at in ticks(rng, 60, 5):
        if not WORKER_DOWN.covers(at):
            _level_stock(day, rng, at)
    for at in ticks(rng, 1300, 900):  # the fault of every day
        if not WORKER_DOWN.covers(at):
            day.log(SERVICE, at, _job(rng), mail_failed, f"o{rng.randrange(10**7, 10**8)}")
    waiting = 0
    for at, order in sorted(day.orders):
        if WORKER_DOWN.covers(at):  # the queue keeps them until the worker is back
            waiting += 1
            at = (WORKER_DOWN.end or DAY_S) + 3 + 1.5 * waiting  # noqa: PLW2901 - when it really runs
        _confirm(day, rng, at, order)


def _remind(day: Day, rng: random.Random, at: float) -> None:
    context, values = _job(rng), some_values(rng)
    factor = 10.0 if LOST_INDEX.covers(at) else 1.0
    spent_ms = run(day, rng, SERVICE, _CART_ITEMS, at + 0.05, context, values, factor)
    duration_ms = spent_ms + latency_ms(rng, 1800, 0.4, at)
    end = at + duration_ms / 1000
    if rng.random() < 0.6:
        run(day, rng, SERVICE, _REMINDED, end - 0.03, context, values)
    day.log(SERVICE, end, context, done, "cart_reminder", duration_ms)


def _level_stock(day: Day, rng: random.Random, at: float) -> None:
    context = _job(rng)
    for index in range(6):
        run(day, rng, SERVICE, _LEVELS, at + 0.1 * index, context, some_values(rng))
    day.log(SERVICE, at + 0.8, context, done, "stock_sync", latency_ms(rng, 780, 0.15, at))


def _confirm(day: Day, rng: random.Random, at: float, order: str) -> None:
    context = _job(rng)
    run(day, rng, SERVICE, _ORDER, at, context, {"order": order})
    attempts = 1
    while attempts < 3 and rng.random() < 0.03:
        day.log(SERVICE, at + attempts * 2, context, retried, "send_confirmation", order, attempts + 1)
        attempts += 1
    at += (attempts - 1) * 2
    duration_ms = latency_ms(rng, 420, 0.4, at)
    end = at + duration_ms / 1000
    day.log(SERVICE, end, context, mailed, order)
    day.log(SERVICE, end, context, done, "send_confirmation", duration_ms)


def _job(rng: random.Random) -> dict[str, object]:
    return {"job_id": f"j{rng.getrandbits(40):010x}"}


def started() -> None:
    """At the start of the process."""
    _log.info("shop-worker %s takes jobs with %d threads", VERSION, 4, extra={"event": "service_started"})


def heartbeat(queued: int, busy: int) -> None:
    """Every 15 seconds."""
    _log.info("alive: %d jobs queued, %d connections", queued, busy, extra={"event": "heartbeat"})


def done(job: str, duration_ms: float) -> None:
    """A job has ended well."""
    log_performance(job, duration_ms=round(duration_ms, 3), queue="default")


def mailed(order: str) -> None:
    """The mail server took it."""
    _log_mail.info("sent the confirmation of order %s", order)


def retried(job: str, order: str, attempt: int) -> None:
    """The mail server was busy."""
    _log.warning("retry %s of order %s, attempt %d", job, order, attempt, extra={"event": "job_retried"})


def mail_failed(order: str) -> None:
    """A mail is given up."""
    try:
        _send()
    except MailServerGone:
        _log_mail.exception("could not send the confirmation of order %s", order)


def _send() -> None:
    raise MailServerGone("connection unexpectedly closed by mail.example:587")
