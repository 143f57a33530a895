"""What web servers give beside an access line's text: its method, path and status become the record's fields."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from logpipe.emit.values import Entry


def read_server_fields(record: logging.LogRecord, given: Entry) -> None:
    """Adds to `given` what the record's server tells of its request, and takes out what stands for it.

    Called for records of ACCESS_LOGGERS, and for those that have a field `request`. Fields that the caller gave stay.
    A record of another shape than its server's is left as it is.
    """
    read = _READ.get(record.name, _django_request)
    with suppress(Exception):  # another version's arguments, or a request of somebody else
        for name, value in read(record, given).items():
            if value not in (None, "", "-"):
                given.setdefault(name, value)


def _uvicorn_access(record: logging.LogRecord, _: Entry) -> Entry:
    client, method, target, _version, status = record.args or ()
    return {"client_address": client, "http_method": method, "http_path": _path(target), "http_status": status}


def _gunicorn_access(record: logging.LogRecord, _: Entry) -> Entry:
    atoms = record.args
    if not isinstance(atoms, dict):
        raise TypeError
    fields: Entry = {"client_address": atoms["h"], "http_status": atoms["s"], "duration_ms": atoms["D"] / 1000}
    return fields | _request_line(atoms["r"])


def _django_server(record: logging.LogRecord, given: Entry) -> Entry:
    line, status, _size = record.args or ()
    fields = _request_line(line) | {"http_status": status}
    for name in ("request", "server_time", "status_code"):  # a socket, the time again, the status
        given.pop(name, None)
    return fields


def _django_request(_: logging.LogRecord, given: Entry) -> Entry:
    request: Any = given["request"]  # of whom, is seen by what it has
    if not hasattr(request, "META"):
        raise TypeError
    fields: Entry = {"http_method": request.method, "http_path": request.path, "http_status": given.get("status_code")}
    del given["request"]
    given.pop("status_code", None)
    return fields


def _request_line(line: object) -> Entry:
    method, target, _protocol = str(line).split(" ")
    return {"http_method": method, "http_path": _path(target)}


def _path(target: object) -> str:
    return str(target).partition("?")[0]


_READ: Final[dict[str, Callable[[logging.LogRecord, Entry], Entry]]] = {
    "uvicorn.access": _uvicorn_access,
    "gunicorn.access": _gunicorn_access,
    "django.server": _django_server,
}
ACCESS_LOGGERS: Final = frozenset(_READ)
"""The loggers whose records have a request's parts as arguments."""
