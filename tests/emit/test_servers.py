"""What servers give beside an access line's text, in fields; tests/emit/recipes has the servers themselves."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from logpipe import Logging, log_context

Written = Callable[..., list[dict[str, Any]]]

ATOMS = {"h": "10.0.0.7", "r": "GET /cart?id=7 HTTP/1.1", "s": "200", "D": 1500}


def of_django(**fields: object) -> SimpleNamespace:
    """What the emitter looks at in a request of Django."""
    return SimpleNamespace(META={}, method="GET", path="/cart", **fields)


def test_uvicorns_access_lines_have_the_fields_of_a_request(shop: Logging, written: Written) -> None:
    """From the arguments; the path is without the query, and the message whole."""
    logging.getLogger("uvicorn.access").info(
        '%s - "%s %s HTTP/%s" %d', "10.0.0.7:4711", "GET", "/cart?id=7", "1.1", 404
    )
    [record] = written()
    assert (record["http_method"], record["http_path"], record["http_status"]) == ("GET", "/cart", 404)
    assert record["client_address"] == "10.0.0.7:4711"
    assert record["message"] == '10.0.0.7:4711 - "GET /cart?id=7 HTTP/1.1" 404'


def test_gunicorns_access_lines_have_the_fields_of_a_request(shop: Logging, written: Written) -> None:
    """And how long it took; gunicorn counts microseconds."""
    logging.getLogger("gunicorn.access").info('%(h)s "%(r)s" %(s)s', ATOMS)
    [record] = written()
    assert (record["http_method"], record["http_path"], record["http_status"]) == ("GET", "/cart", 200)
    assert (record["client_address"], record["duration_ms"]) == ("10.0.0.7", 1.5)
    assert record["message"] == '10.0.0.7 "GET /cart?id=7 HTTP/1.1" 200'


def test_the_client_of_a_unix_socket_is_left_out(shop: Logging, written: Written) -> None:
    """It has no address."""
    logging.getLogger("gunicorn.access").info("%(r)s", ATOMS | {"h": ""})
    [record] = written()
    assert "client_address" not in record


def test_djangos_request_becomes_fields(shop: Logging, written: Written) -> None:
    """In place of a text that stands for it."""
    logging.getLogger("django.request").warning(
        "Not Found: %s", "/cart", extra={"request": of_django(), "status_code": 404}
    )
    [record] = written()
    assert (record["http_method"], record["http_path"], record["http_status"]) == ("GET", "/cart", 404)
    assert record.keys().isdisjoint({"request", "status_code"})


def test_djangos_own_server_has_the_fields_too(shop: Logging, written: Written) -> None:
    """Without its socket, its time and its second status."""
    extra = {"request": object(), "server_time": "22/Nov/2026", "status_code": 200}
    logging.getLogger("django.server").info('"%s" %s %s', "GET /cart?id=7 HTTP/1.1", "200", "12", extra=extra)
    [record] = written()
    assert (record["http_method"], record["http_path"], record["http_status"]) == ("GET", "/cart", 200)
    assert record.keys().isdisjoint(extra)


@pytest.mark.parametrize("name", ["uvicorn.access", "gunicorn.access", "django.server", "shop"])
def test_a_record_of_another_shape_is_left_as_it_is(shop: Logging, written: Written, name: str) -> None:
    """Another version's arguments, or a request that is not Django's, cost nothing."""
    logging.getLogger(name).info("started on %s", "port", extra={"request": "GET /"})
    [record] = written()
    assert (record["message"], record["request"]) == ("started on port", "GET /")
    assert "http_method" not in record


def test_what_the_caller_gave_stays(shop: Logging, written: Written) -> None:
    """Against what the server says; while the server knows better than the context around."""
    with log_context(http_method="HEAD", request_id="r-1"):
        logging.getLogger("django.request").error(
            "failed", extra={"request": of_django(), "http_path": "/cart/{id}", "status_code": 500}
        )
    [record] = written()
    assert (record["http_path"], record["http_method"], record["request_id"]) == ("/cart/{id}", "GET", "r-1")
