"""shop-web: the shop's pages, from the catalogue to the checkout."""

import random
from typing import Final

from logpipe import get_logger, log_business_event
from sample_logs.day import Day, Statement
from sample_logs.incidents import PROVIDER_DOWN, SLOW_RELEASE
from sample_logs.middleware import Query, Request, Route, begin, choose, finish, visitor
from sample_logs.traffic import arrivals, latency_ms, ticks

SERVICE: Final = "shop-web"
OLD_VERSION: Final = "2.7.4"
NEW_VERSION: Final = "2.8.0"

_PRODUCT = Query("SELECT id, name, price_cents, description FROM products WHERE id = {number}", 4)
_CATEGORY = Query("SELECT id, name, price_cents FROM products WHERE category = '{word}' ORDER BY rank LIMIT 48", 14)
_SEARCH = Query(
    "SELECT id, name FROM products WHERE search_vector @@ plainto_tsquery('{word}') ORDER BY rank LIMIT 24", 38, 0.5
)
_CART = Query(
    "SELECT product_id, quantity, price_cents FROM carts JOIN cart_lines USING (cart_id) WHERE cart_id = {number}", 6
)
_ADD = Query("INSERT INTO cart_lines (cart_id, product_id, quantity) VALUES ({number}, 7{number}, 1)", 3)
_ORDER = Query(
    "INSERT INTO orders (cart_id, email, total_cents) VALUES ({number}, '{email}', 4{number}) RETURNING id", 7
)
_USER = Query("SELECT id, password_hash FROM users WHERE email = '{email}'", 3)
_REGISTER = Query("INSERT INTO users (email, created_at) VALUES ('{email}', now())", 5)
_REVIEW = Query("INSERT INTO reviews (product_id, stars, body) VALUES ({number}, 4, 'good')", 5)

_PAGE = Route("GET", "/products/{product_id}", 0.33, 120, 0.3, (_PRODUCT,))
_CHECKOUT = Route("POST", "/checkout", 0.06, 640, 0.35, (_CART, _ORDER))
_CART_PAGE = Route("GET", "/cart", 0.07, 60, 0.35, (_CART,))
_LOGIN = Route("POST", "/login", 0.03, 170, 0.25, (_USER,))
_REGISTRATION = Route("POST", "/register", 0.01, 210, 0.25, (_REGISTER,))
_REVIEWS = Route("POST", "/products/{product_id}/reviews", 0.01, 90, 0.3, (_REVIEW,))
_ROUTES = (
    Route("GET", "/", 0.22, 45),
    _PAGE,
    Route("GET", "/categories/{slug}", 0.16, 85, 0.35, (_CATEGORY,)),
    Route("GET", "/search", 0.06, 150, 0.4, (_SEARCH,)),
    _CART_PAGE,
    Route("POST", "/cart/items", 0.05, 70, 0.35, (_ADD,)),
    _CHECKOUT,
    _LOGIN,
    _REGISTRATION,
    _REVIEWS,
)

_log = get_logger("shop.web")
_log_payment = get_logger("shop.web.payment")


class PaymentProviderError(Exception):
    """The payment provider did not take a charge."""

    __module__ = "shop.payment"


class ConnectionLost(Exception):  # noqa: N818 - named as database drivers do
    """The database closed the connection."""

    __module__ = "shop.database"


def simulate(day: Day) -> None:
    """A day of the shop's pages."""
    rng = day.random(SERVICE)
    draw = choose(rng, _ROUTES)
    day.log(SERVICE, 0.5, {}, started, OLD_VERSION)
    day.log(SERVICE, SLOW_RELEASE.start, {}, deployed, OLD_VERSION, NEW_VERSION)
    for at in arrivals(rng, 60 * day.scale):
        _visit(day, rng, draw(), at)
    for index, at in enumerate(ticks(rng, 540, 300)):  # the faults of every day
        _fail(day, rng, at, index % 3)


def _begin(rng: random.Random, route: Route, at: float) -> tuple[Request, dict[str, str]]:
    slower = 1.5 if route is _PAGE and SLOW_RELEASE.covers(at) else 1.0
    duration_ms = slower * latency_ms(rng, route.median_ms, route.sigma, at)
    who = visitor(rng, app=False, known=1.0 if route is _CHECKOUT else 0.4)
    return begin(rng, SERVICE, route, at, duration_ms, who)


def _fail(day: Day, rng: random.Random, at: float, which: int) -> None:
    """One of the three faults that come now and then."""
    request, values = _begin(rng, (_PAGE, _CART_PAGE, _CHECKOUT)[which], at)
    if which == 2:
        order = f"o{rng.randrange(10**7, 10**8)}"
        day.log(SERVICE, request.end, request.context, charge_failed, order, int(rng.lognormvariate(8.3, 0.7)))
    else:
        day.log(SERVICE, request.end, request.context, (unrendered, disconnected)[which], values["number"])
    finish(day, rng, request, values, (500, 500, 502)[which])


def _visit(day: Day, rng: random.Random, route: Route, at: float) -> None:
    request, values = _begin(rng, route, at)
    if route is _CHECKOUT:
        status = _check_out(day, rng, request, retries=2)
    elif route is _LOGIN:
        status = _log_in(day, rng, request, values)
    elif route is _REGISTRATION:
        status = _register(day, rng, request, values)
    elif route is _REVIEWS:
        status = 303
        day.log(SERVICE, request.end, request.context, reviewed, values["number"], rng.choice((3, 4, 5, 5)))
    else:
        status = 404 if rng.random() < 0.006 and "{" in route.route else 200
    finish(day, rng, request, values, status)


def _check_out(day: Day, rng: random.Random, request: Request, retries: int) -> int:
    order = f"o{rng.randrange(10**7, 10**8)}"
    cents = int(rng.lognormvariate(8.3, 0.7))
    by_invoice = rng.random() < 0.25
    if not by_invoice and PROVIDER_DOWN.covers(request.at) and rng.random() < 0.8:
        day.log(SERVICE, request.end, request.context, charge_failed, order, cents)
        if retries and rng.random() < 0.7:
            _try_again(day, rng, request, retries - 1)
        return 502
    if not by_invoice and rng.random() < 0.03:
        day.log(SERVICE, request.end, request.context, declined, order)
        return 402
    day.log(SERVICE, request.end - 0.002, request.context, order_placed, order, cents)
    if not by_invoice:
        day.log(SERVICE, request.end - 0.001, request.context, paid, order, cents)
    day.orders.append((request.end + 0.2, order))
    if rng.random() < 0.04:
        day.log(
            SERVICE, request.end, request.context, low_stock, f"SKU-{rng.randrange(20_000):05d}", rng.randrange(1, 5)
        )
    return 303


def _try_again(day: Day, rng: random.Random, failed: Request, retries: int) -> None:
    """The buyer of a checkout that failed comes back after a while."""
    at = failed.end + rng.uniform(15, 60)
    duration_ms = latency_ms(rng, _CHECKOUT.median_ms, _CHECKOUT.sigma, at)
    request, values = begin(rng, SERVICE, _CHECKOUT, at, duration_ms, failed.visitor)
    finish(day, rng, request, values, _check_out(day, rng, request, retries))


def _log_in(day: Day, rng: random.Random, request: Request, values: dict[str, str]) -> int:
    if rng.random() < 0.12:
        day.log(SERVICE, request.end, request.context, login_failed, values["email"])
        return 401
    day.log(SERVICE, request.end, request.context, logged_in, values["email"])
    return 303


def _register(day: Day, rng: random.Random, request: Request, values: dict[str, str]) -> int:
    if rng.random() < 0.03:
        day.log(SERVICE, request.end, request.context, already_registered, values["email"])
        day.statements.append(
            Statement(
                request.end, 2100, "shop_web", _REGISTER.sql.format(**values), 5.0,
                'duplicate key value violates unique constraint "users_email_key"',
                f"Key (email)=({values['email']}) already exists.",
            )
        )  # fmt: skip
        return 409
    day.log(SERVICE, request.end, request.context, registered, f"u{rng.randrange(200_000, 300_000)}")
    return 303


def started(version: str) -> None:
    """At the start of the process."""
    _log.info("shop-web %s listens on port %d", version, 8000, extra={"event": "service_started"})


def deployed(before: str, after: str) -> None:
    """After a release."""
    log_business_event("deployment", message=f"deployed {after} over {before}", previous_version=before)
    started(after)


def order_placed(order: str, cents: int) -> None:
    """An order is in the books."""
    log_business_event("order_placed", order_id=order, total_cents=cents, currency="EUR")


def paid(order: str, cents: int) -> None:
    """The provider has taken the charge."""
    log_business_event("payment", order_id=order, total_cents=cents, currency="EUR", provider="paybird")


def registered(user_id: str) -> None:
    """A new customer."""
    log_business_event("user_registration", user_id=user_id, source="web")


def reviewed(product_id: str, stars: int) -> None:
    """A customer's opinion."""
    log_business_event("review", product_id=product_id, stars=stars)


def logged_in(email: str) -> None:
    """A customer is back."""
    _log.info("%s logged in", email, extra={"event": "login"})


def login_failed(email: str) -> None:
    """A wrong password."""
    _log.warning("login of %s failed: wrong password", email, extra={"event": "login_failed"})


def already_registered(email: str) -> None:
    """A second registration with one address."""
    _log.warning("%s is registered already", email)


def declined(order: str) -> None:
    """The buyer's bank says no."""
    _log_payment.warning("card declined for order %s", order, extra={"event": "card_declined"})


def low_stock(sku: str, left: int) -> None:
    """The last pieces."""
    _log.warning("low stock: %d left of %s", left, sku)


def charge_failed(order: str, cents: int) -> None:
    """The payment provider is at fault."""
    try:
        _charge(order, cents)
    except PaymentProviderError:
        _log_payment.exception("payment of order %s failed", order)


def _charge(order: str, cents: int) -> None:
    if cents >= 0:
        raise PaymentProviderError(f"POST /v2/charges for {order}: 503 Service Unavailable")


def unrendered(product_id: str) -> None:
    """A product without a price."""
    try:
        _price({"id": product_id})
    except KeyError:
        _log.exception("could not render product %s", product_id)


def _price(product: dict[str, str]) -> str:
    return product["price_cents"]


def disconnected(_: str) -> None:
    """A connection that a firewall has cut."""
    try:
        _receive()
    except ConnectionLost:
        _log.exception("lost the connection to the database")


def _receive() -> None:
    raise ConnectionLost("server closed the connection unexpectedly")
