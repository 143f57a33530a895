"""What is known of Quack, DuckDB's protocol between processes, in the version that is pinned.

Its functions are described at https://duckdb.org/docs/current/quack/reference. A statement is run by the server when it
is prepared, once; results come in batches as they are asked for. A server does not notice that a client has died, and
keeps its session, with its transaction, until it is told to end it.
"""

import os
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from importlib import resources
from urllib.parse import urlsplit

import duckdb

from logpipe.errors import StoreError
from logpipe.store.literals import literal

_EXTENSIONS = ("httpfs", "quack")
_UNREACHABLE = ("Failed to send message", "Invalid connection id", "Failed to deserialize")
REFUSED = "Authorization failed"
"""In the error of a statement that the server's rule does not let a client run."""

_DISCONNECT = b"\x01\x00\x0b\x02\x00\x20%s\x03\x00" + b"\xff" * 9 + b"\x01" + b"\xff" * 4
"""The message that ends a session, in DuckDB's binary serialisation: its type, the session, no query; nothing more."""
_ANSWER_S = 2.0


def load(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the extension from its package; nothing is downloaded.

    Raises:
        StoreError: the package is not there, or its build does not fit this DuckDB.
    """
    try:
        for name in _EXTENSIONS:
            folder = resources.files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
            connection.execute(f"LOAD {literal(str(folder / f'{name}.duckdb_extension'))}")
    except (ModuleNotFoundError, duckdb.Error) as error:
        raise StoreError(
            f"databases cannot be shared here: {str(error).splitlines()[0]}",
            remedy=f"install duckdb-extension-quack and duckdb-extension-httpfs, each in version {duckdb.__version__}",
            reason="no_quack",
        ) from error
    _pass_by_proxies(connection)


def is_unreachable(message: str) -> bool:
    """Whether an error says that there is no server any more, or none that knows this client."""
    return any(sign in message for sign in _UNREACHABLE)


def end_session(uri: str, session: str) -> None:
    """Have a server forget a client: its transaction is rolled back, what it was reading is let go."""
    address = urlsplit(uri.replace("quack:", "http://"))
    with suppress(OSError, HTTPException):
        request = HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_S)
        try:
            request.request("POST", "/quack", _DISCONNECT % session.encode())
            request.getresponse().read()
        finally:
            request.close()


def _pass_by_proxies(connection: duckdb.DuckDBPyConnection) -> None:
    """The way to this machine leads through no proxy; DuckDB takes one from the environment, and so does libcurl."""
    connection.execute("SET http_proxy = ''")
    for name in ("no_proxy", "NO_PROXY"):
        if "http_proxy" in os.environ and "127.0.0.1" not in os.environ.get(name, ""):
            os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1")))
