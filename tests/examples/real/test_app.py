"""The shop answers, degrades and logs, also where its servers are away."""

import io
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest

from logpipe import setup_logging
from real_shop.app import Application, Shop


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Path]:
    """The folder of the shop's streams."""
    installed = setup_logging(service="shop", level="INFO", log_dir=tmp_path / "logs", console=False)
    yield tmp_path / "logs" / "shop"
    installed.close()


@pytest.fixture
def shop_alone(logs: Path) -> Iterator[Application]:
    """The shop while neither PostgreSQL nor Redis listens, nor anybody else where they would."""
    with socket.socket() as postgresql, socket.socket() as redis:
        places = []
        for server in (postgresql, redis):
            server.bind(("127.0.0.1", 0))
            places.append(f"127.0.0.1:{server.getsockname()[1]}")
        yield Application(Shop(f"postgresql://shop@{places[0]}/shop", f"redis://{places[1]}/0"))


def _ask(application: Application, method: str, path: str) -> tuple[str, object]:
    environ: dict[str, object] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_X_REQUEST_ID": "r-1",
        "wsgi.input": io.BytesIO(),
    }
    setup_testing_defaults(environ)
    answered: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None, /) -> Callable[[bytes], object]:
        answered.append(status)
        return io.BytesIO().write

    body = b"".join(application(environ, start_response))
    return answered[0], json.loads(body)


def _records(logs: Path, stream: str) -> list[dict[str, object]]:
    lines = [line for file in sorted(logs.glob(f"{stream}*")) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_a_page_whose_database_is_away_is_503_and_an_error_with_its_exception(
    shop_alone: Application, logs: Path
) -> None:
    """The error record has the exception and the request's id."""
    status, body = _ask(shop_alone, "GET", "/products/7")
    assert (status, body) == ("503 Service Unavailable", {"error": "try again later"})
    (error,) = _records(logs, "error")
    assert error["exception_type"] == "psycopg.OperationalError"
    assert error["request_id"] == "r-1"
    assert "/products/{product_id}" in str(error["message"])


def test_a_cart_whose_redis_is_away_is_503_and_an_error(shop_alone: Application, logs: Path) -> None:
    """The second dependency is told by its own exception."""
    status, _ = _ask(shop_alone, "POST", "/customers/3/cart/7")
    assert status.startswith("503")
    assert [error["exception_type"] for error in _records(logs, "error")] == ["redis.exceptions.ConnectionError"]


def test_the_home_page_does_without_its_cache(shop_alone: Application, logs: Path) -> None:
    """It is shown without best sellers, with a warning and without an error."""
    assert _ask(shop_alone, "GET", "/") == ("200 OK", {"top_sellers": []})
    assert [record["level"] for record in _records(logs, "app")] == ["WARNING"]
    assert _records(logs, "error") == []


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/", "/", 200),
        ("GET", "/customers/12/orders", "/customers/{customer_id}/orders", 503),
        ("POST", "/customers/12/orders/3", "/customers/{customer_id}/orders/{product_id}", 503),
        ("DELETE", "/customers/12/orders", "unknown", 404),
        ("GET", "/products/seven", "unknown", 404),
        ("GET", "/products/7/../../etc", "unknown", 404),
    ],
)
def test_each_request_is_logged_with_route_status_and_duration(
    shop_alone: Application, logs: Path, method: str, path: str, route: str, status: int
) -> None:
    """The route is the bounded name of the path."""
    _ask(shop_alone, method, path)
    requests = [record for record in _records(logs, "performance") if record["event"] == "http_request"]
    (request,) = requests
    assert (request["http_method"], request["http_route"], request["http_path"]) == (method, route, path)
    assert request["http_status"] == status
    assert isinstance(request["duration_ms"], float)
    assert request["duration_ms"] >= 0
