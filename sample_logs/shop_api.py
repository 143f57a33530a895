"""shop-api: the JSON API behind the shop's mobile app."""

import random
from typing import Final

from logpipe import get_logger, log_business_event
from sample_logs.day import Day
from sample_logs.incidents import DAY_S, GROWING_CACHE, MISSING_TAX_RATE
from sample_logs.middleware import Query, Request, Route, begin, choose, finish, visitor
from sample_logs.traffic import arrivals, latency_ms, ticks

SERVICE: Final = "shop-api"
VERSION: Final = "5.3.1"

_PRODUCT = Query("SELECT id, name, price_cents, description FROM products WHERE id = {number}", 4)
_STOCK = Query("SELECT warehouse, quantity FROM stock WHERE sku = '{sku}' AND quantity > 0", 3)
_BOOKING = Query("INSERT INTO pickups (order_id, slot) VALUES ({number}, '2026-03-14 10:00:00+00')", 6)
_ORDER = Query("SELECT status, total_cents FROM orders WHERE id = {number} AND email = '{email}'", 5)

_SEARCH = Route("GET", "/api/v1/products/search", 0.64, 90, 0.15)
_STOCK_LEVEL = Route("GET", "/api/v1/stock/{sku}", 0.14, 25, 0.35, (_STOCK,))
_QUOTE = Route("POST", "/api/v1/cart/quote", 0.07, 60, 0.3, (_STOCK,))
_BOOK = Route("POST", "/api/v1/bookings", 0.04, 140, 0.3, (_BOOKING,))
_ROUTES = (
    _SEARCH,
    Route("GET", "/api/v1/products/{product_id}", 0.22, 35, 0.35, (_PRODUCT,)),
    _STOCK_LEVEL,
    _QUOTE,
    _BOOK,
    Route("GET", "/api/v1/orders/{order_id}", 0.03, 50, 0.35, (_ORDER,)),
)

_log = get_logger("shop.api")
_log_tax = get_logger("shop.api.tax")


class TaxRateMissing(LookupError):  # noqa: N818 - named for what is missing
    """A country without a tax rate."""

    __module__ = "shop.tax"


def simulate(day: Day) -> None:
    """A day of the API."""
    rng = day.random(SERVICE)
    draw = choose(rng, _ROUTES)
    day.log(SERVICE, 0.7, {}, started)
    day.log(SERVICE, GROWING_CACHE.end or DAY_S, {}, started)
    for at in arrivals(rng, 78 * day.scale):
        _call(day, rng, draw(), at)
    for at in ticks(rng, 900, 500):  # the fault of every day
        request, values = _begin(rng, _STOCK_LEVEL, at)
        day.log(SERVICE, request.end, request.context, warehouse_timed_out, values["sku"])
        finish(day, rng, request, values, 504)
    for at in _northern_irish_quotes(rng):
        _untaxed(day, rng, at)


def _begin(rng: random.Random, route: Route, at: float) -> tuple[Request, dict[str, str]]:
    duration_ms = latency_ms(rng, route.median_ms, route.sigma, at) * (_cache_walk(at) if route is _SEARCH else 1.0)
    return begin(rng, SERVICE, route, at, duration_ms, visitor(rng, app=True, known=0.7))


def _call(day: Day, rng: random.Random, route: Route, at: float) -> None:
    request, values = _begin(rng, route, at)
    finish(day, rng, request, values, _status(day, rng, request))


def _status(day: Day, rng: random.Random, request: Request) -> int:
    chance = rng.random()
    if chance < 0.005:
        day.log(SERVICE, request.end, request.context, rate_limited, request.visitor.address)
        return 429
    if chance < 0.010 and "{" in request.route.route:
        return 404
    if request.route is _BOOK:
        day.log(SERVICE, request.end, request.context, booked, f"o{rng.randrange(10**7, 10**8)}", rng.randrange(1, 9))
        return 201
    return 200


def _cache_walk(at: float) -> float:
    """How much longer a search takes for the list of facets that it walks: up to three times at its longest."""
    if not GROWING_CACHE.covers(at):
        return 1.0
    return 1 + 2 * (at - GROWING_CACHE.start) / ((GROWING_CACHE.end or DAY_S) - GROWING_CACHE.start)


def _northern_irish_quotes(rng: random.Random) -> list[float]:
    """A few an hour, the first at once: the switch is tried by the one who turned it."""
    times, at = [], MISSING_TAX_RATE.start
    while at < DAY_S:
        times.append(at)
        at += 200 + rng.expovariate(1 / 300)
    return times


def _untaxed(day: Day, rng: random.Random, at: float) -> None:
    request, values = _begin(rng, _QUOTE, at)
    day.log(SERVICE, request.end, request.context, tax_rate_missing, f"c{rng.randrange(10**5, 10**6)}")
    finish(day, rng, request, values, 500)


def started() -> None:
    """At the start of the process."""
    _log.info("shop-api %s listens on port %d", VERSION, 8001, extra={"event": "service_started"})


def booked(order: str, slot: int) -> None:
    """An order will be picked up."""
    log_business_event("booking", order_id=order, slot=slot, shop="Hamburg")


def rate_limited(address: str) -> None:
    """A client that asks too often."""
    _log.warning("rate limit reached by %s", address, extra={"event": "rate_limited"})


def warehouse_timed_out(sku: str) -> None:
    """The warehouse's own service is slow now and then."""
    try:
        _ask_warehouse(2000)
    except TimeoutError:
        _log.exception("no stock level of %s", sku)


def _ask_warehouse(timeout_ms: int) -> None:
    raise TimeoutError(f"the warehouse did not answer within {timeout_ms} ms")


def tax_rate_missing(cart: str) -> None:
    """A quote that cannot be made."""
    try:
        _tax_rate("XI", {"DE": 19, "AT": 20, "FR": 20})
    except TaxRateMissing:
        _log_tax.exception("cannot quote cart %s", cart)


def _tax_rate(country: str, rates: dict[str, int]) -> int:
    try:
        return rates[country]
    except KeyError as error:
        raise TaxRateMissing(f"no tax rate for country {country}") from error
