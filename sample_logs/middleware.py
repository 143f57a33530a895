"""Requests of the two web services, as their middleware and database driver log them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from logpipe import log_performance
from sample_logs.day import Day, Hit, Statement
from sample_logs.traffic import latency_ms

_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 Version/18.3 Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:136.0) Gecko/20100101 Firefox/136.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.3 Safari/605.1.15",
)
_APP_AGENTS: Final = ("ShopApp/4.2.1 (iOS 18.3)", "ShopApp/4.2.0 (Android 15)")


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that a route or a job runs."""

    sql: str
    """With {number}, {sku}, {word} and {email} in place of values."""
    median_ms: float
    sigma: float = 0.45


@dataclass(frozen=True, slots=True)
class Route:
    """A route, and how it behaves on an ordinary day."""

    method: str
    route: str
    share: float
    median_ms: float
    sigma: float = 0.35
    queries: tuple[Query, ...] = ()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks."""

    address: str
    agent: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One request that has been answered."""

    service: str
    route: Route
    path: str
    at: float
    """When it came, in seconds of the day."""
    duration_ms: float
    context: dict[str, object]
    visitor: Visitor

    @property
    def end(self) -> float:
        """When it was answered."""
        return self.at + self.duration_ms / 1000


def visitor(rng: random.Random, *, app: bool, known: float) -> Visitor:
    """One of many visitors; `known` is the share of those logged in. Addresses are of RFC 2544's test range."""
    number = int(rng.paretovariate(1.1) * 40) % 60_000
    address = f"198.{18 + number % 2}.{number // 250 % 250}.{number % 250 + 1}"
    agents = _APP_AGENTS if app else _AGENTS
    user_id = f"u{100_000 + number}" if rng.random() < known else None
    return Visitor(address, agents[number % len(agents)], user_id)


def begin(
    rng: random.Random, service: str, route: Route, at: float, duration_ms: float, visitor: Visitor
) -> tuple[Request, dict[str, str]]:
    """A request with its path and context, and the values it is about."""
    values = some_values(rng)
    path = route.route.format(
        product_id=values["number"], slug=values["word"], sku=values["sku"], order_id=values["number"]
    )
    context: dict[str, object] = {"request_id": f"{rng.getrandbits(64):016x}"}
    if visitor.user_id:
        context["user_id"] = visitor.user_id
    return Request(service, route, path, at, duration_ms, context, visitor), values


def finish(day: Day, rng: random.Random, request: Request, values: dict[str, str], status: int) -> None:
    """Its statements, its answer, and its line in the web server's log."""
    if status < 400 or status >= 500:
        for index, query in enumerate(request.route.queries):
            at = request.at + request.duration_ms / 1000 * (index + rng.random()) / (len(request.route.queries) + 1)
            run(day, rng, request.service, query, at, request.context, values)
    route = request.route
    day.log(
        request.service, request.end, request.context,
        served, route.method, route.route, request.path, status, request.duration_ms,
    )  # fmt: skip
    query_string = f"?q={values['word']}" if route.route.endswith("search") else ""
    size = 302 if status >= 400 else int(rng.lognormvariate(8.6 if request.service == "shop-web" else 6.8, 0.6))
    referrer = "https://shop.example/" if request.service == "shop-web" and rng.random() < 0.7 else "-"
    day.hits.append(
        Hit(
            request.end, request.visitor.address, route.method, request.path + query_string,
            status, size, referrer, request.visitor.agent,
        )
    )  # fmt: skip


def run(
    day: Day,
    rng: random.Random,
    service: str,
    query: Query,
    at: float,
    context: dict[str, object],
    values: dict[str, str],
    factor: float = 1.0,
) -> float:
    """A statement that begins then; its duration in milliseconds."""
    duration_ms = factor * latency_ms(rng, query.median_ms, query.sigma, at)
    sql = query.sql.format(**values)
    end = at + duration_ms / 1000
    day.log(service, end, context, queried, sql, duration_ms)
    day.statements.append(Statement(end, 2100 + rng.randrange(12), service.replace("-", "_"), sql, duration_ms))
    return duration_ms


def some_values(rng: random.Random) -> dict[str, str]:
    """Values for paths and statements."""
    return {
        "number": str(1000 + int(rng.paretovariate(0.9) * 17) % 48_000),
        "sku": f"SKU-{rng.randrange(20_000):05d}",
        "word": rng.choice(_WORDS),
        "email": f"user{rng.randrange(90_000)}@mail.example",
    }


def choose(rng: random.Random, routes: tuple[Route, ...]) -> Callable[[], Route]:
    """Draws routes by their shares."""
    weights = [route.share for route in routes]
    batch: list[Route] = []

    def draw() -> Route:
        if not batch:
            batch.extend(rng.choices(routes, weights, k=1000))
        return batch.pop()

    return draw


def served(method: str, route: str, path: str, status: int, duration_ms: float) -> None:
    """The middleware's record of an answered request."""
    log_performance(
        "http_request",
        duration_ms=round(duration_ms, 3),
        http_method=method,
        http_route=route,
        http_path=path,
        http_status=status,
    )


def queried(sql: str, duration_ms: float) -> None:
    """The database driver's record of a statement."""
    log_performance("database_query", duration_ms=round(duration_ms, 3), db_system="postgresql", db_statement=sql)


_WORDS: Final = (
    "tent", "stove", "rucksack", "rope", "lamp", "boots", "mat", "jacket", "compass", "bottle",
    "gloves", "axe", "helmet", "socks", "poncho", "hammock", "kettle", "map", "whistle", "towel",
)  # fmt: skip
