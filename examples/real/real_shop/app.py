"""The shop: a WSGI application on PostgreSQL and Redis that logs with `logpipe.setup_logging`.

Run by gunicorn as `real_shop.app:create()`. SHOP_DATABASE_URL, SHOP_REDIS_URL and SHOP_LOG_DIR say where things are.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from logpipe import get_logger, log_business_event, log_context, log_performance, setup_logging

STATEMENT_TIMEOUT_MS = 4000
REDIS_TIMEOUT_S = 1.0
TOP_SELLERS_FOR_S = 15

PRODUCT = "SELECT id, name, price_cents, stock FROM products WHERE id = %s"
ORDERS_OF_CUSTOMER = """SELECT id, product_id, quantity, ordered_at FROM orders
WHERE customer_id = %s ORDER BY ordered_at DESC LIMIT 20"""
TAKE_FROM_STOCK = "UPDATE products SET stock = stock - 1 WHERE id = %s AND stock > 0 RETURNING price_cents"
PLACE_ORDER = """INSERT INTO orders (customer_id, product_id, quantity, note, ordered_at)
VALUES (%s, %s, 1, '', now()) RETURNING id"""
TOP_SELLERS = """SELECT product_id, sum(quantity)::integer AS sold FROM orders
WHERE id > (SELECT max(id) FROM orders) - 20000 GROUP BY product_id ORDER BY sold DESC LIMIT 10"""

logger = get_logger("shop")

Answer = tuple[HTTPStatus, object]
"""The status, and what becomes the JSON of the body."""


class Shop:
    """What the shop does, and its connections: one to PostgreSQL a thread, a pool to Redis."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._database_url = database_url
        self._per_thread = threading.local()
        self._redis = redis.Redis.from_url(
            redis_url,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )

    def home(self) -> Answer:
        """The best sellers, from the cache; a page without them where the cache is away."""
        try:
            cached = self._redis.get("top_sellers")
            if cached is None:
                rows = self._query(TOP_SELLERS)
                cached = json.dumps(rows)
                self._redis.set("top_sellers", cached, ex=TOP_SELLERS_FOR_S)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            logger.warning("no best sellers on the home page, the cache is away: %s", error)
            cached = "[]"
        return HTTPStatus.OK, {"top_sellers": json.loads(str(cached))}

    def product(self, product_id: str) -> Answer:
        """One product."""
        rows = self._query(PRODUCT, (int(product_id),))
        if not rows:
            logger.info("unknown product %s", product_id)
            return HTTPStatus.NOT_FOUND, {"error": "no such product"}
        identity, name, price_cents, stock = rows[0]
        return HTTPStatus.OK, {"id": identity, "name": name, "price_cents": price_cents, "stock": stock}

    def orders(self, customer_id: str) -> Answer:
        """A customer's latest orders."""
        rows = self._query(ORDERS_OF_CUSTOMER, (int(customer_id),))
        return HTTPStatus.OK, [{"id": row[0], "product": row[1], "quantity": row[2]} for row in rows]

    def add_to_cart(self, customer_id: str, product_id: str) -> Answer:
        """One more of a product in a customer's cart."""
        quantity = self._redis.hincrby(f"cart:{customer_id}", product_id, 1)
        logger.info("cart of customer %s has %s of product %s", customer_id, quantity, product_id)
        return HTTPStatus.OK, {"quantity": quantity}

    def place_order(self, customer_id: str, product_id: str) -> Answer:
        """Take one from the stock and note the order."""
        with self._connection().transaction():
            taken = self._query(TAKE_FROM_STOCK, (int(product_id),))
            if not taken:
                logger.warning("product %s is sold out", product_id)
                return HTTPStatus.CONFLICT, {"error": "sold out"}
            ((order_id,),) = self._query(PLACE_ORDER, (int(customer_id), int(product_id)))
        log_business_event("order_placed", order_id=order_id, product_id=product_id, amount_cents=taken[0][0])
        return HTTPStatus.CREATED, {"id": order_id}

    def _connection(self) -> psycopg.Connection:
        connection: psycopg.Connection | None = getattr(self._per_thread, "connection", None)
        if connection is None or connection.closed:
            options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
            connection = psycopg.connect(self._database_url, autocommit=True, connect_timeout=3, options=options)
            self._per_thread.connection = connection
        return connection

    def _query(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        connection = self._connection()
        started = time.perf_counter()
        try:
            return connection.execute(statement.encode(), parameters).fetchall()
        finally:
            log_performance(
                "database_query",
                duration_ms=(time.perf_counter() - started) * 1000,
                db_system="postgresql",
                db_statement=statement,
            )


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with `{name}` for its variable parts, and what answers it."""

    method: str
    template: str
    answer: Callable[..., Answer]

    def arguments(self, method: str, path: str) -> dict[str, str] | None:
        """The variable parts of the path; None when the route is not meant."""
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>\\d{1,9})", self.template)
        found = re.fullmatch(pattern, path) if method == self.method else None
        return None if found is None else found.groupdict()


class Application:
    """The WSGI application: finds the route, answers, and logs the request with its duration."""

    def __init__(self, shop: Shop) -> None:
        self._routes = (
            Route("GET", "/", shop.home),
            Route("GET", "/products/{product_id}", shop.product),
            Route("GET", "/customers/{customer_id}/orders", shop.orders),
            Route("POST", "/customers/{customer_id}/orders/{product_id}", shop.place_order),
            Route("POST", "/customers/{customer_id}/cart/{product_id}", shop.add_to_cart),
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        with log_context(request_id=environ.get("HTTP_X_REQUEST_ID", "")):
            route, status, body = self._answer(method, path)
            log_performance(
                "http_request",
                duration_ms=(time.perf_counter() - started) * 1000,
                http_method=method,
                http_route=route,
                http_path=path,
                http_status=int(status),
            )
        payload = json.dumps(body).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(payload)))]
        start_response(f"{int(status)} {status.phrase}", headers)
        return [payload]

    def _answer(self, method: str, path: str) -> tuple[str, HTTPStatus, object]:
        for route in self._routes:
            arguments = route.arguments(method, path)
            if arguments is None:
                continue
            try:
                return route.template, *route.answer(**arguments)
            except (psycopg.OperationalError, redis.ConnectionError, redis.TimeoutError):
                logger.exception("%s %s: a server that the shop needs did not answer", method, route.template)
                return route.template, HTTPStatus.SERVICE_UNAVAILABLE, {"error": "try again later"}
            except Exception:
                logger.exception("%s %s failed", method, route.template)
                return route.template, HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "our fault"}
        return "unknown", HTTPStatus.NOT_FOUND, {"error": "no such page"}


def create() -> Application:
    """The application of one worker process."""
    setup_logging(service="shop", level="INFO", log_dir=os.environ["SHOP_LOG_DIR"], console=False, environment="demo")
    return Application(Shop(os.environ["SHOP_DATABASE_URL"], os.environ["SHOP_REDIS_URL"]))
