"""What redaction costs a record with six further fields: `python benchmarks/redaction.py`."""

import logging
import timeit
from collections.abc import Callable

from logpipe.emit.entry import Resource
from logpipe.emit.redaction import Redaction
from logpipe.emit.settings import load
from logpipe.emit.stdlib import from_log_record
from logpipe.emit.values import Entry, render

FIELDS = {"order_id": 12345, "customer": "c-889", "total": 42.5, "currency": "EUR", "items": 3, "country": "DE"}
MAX_BYTES = 256 << 10


def made() -> Entry:
    """An ordinary record."""
    record = logging.LogRecord("shop.cart", 20, "/a/cart.py", 42, "order %s placed by %s", (1234, "bob"), None, "place")
    record.__dict__.update(FIELDS)
    return from_log_record(record, Resource(load({"service": "shop"})))


def show(what: str, call: Callable[[], object]) -> None:
    """The best of many short rounds, since a machine has other things to do."""
    print(f"{min(timeit.repeat(call, number=200, repeat=400)) / 200 * 1e6:6.2f} µs  {what}")


def main() -> None:
    """Prints the figures."""
    entry = made()
    line = render(entry, MAX_BYTES)
    redaction = Redaction(keys=(), patterns=(), enabled=True)
    with_pattern = Redaction(keys=(), patterns=(r"\bEMP-\d+",), enabled=True)
    print(f"a line of {len(line)} bytes")
    show("rendered without redaction", lambda: render(entry, MAX_BYTES))
    show("rendered with redaction", lambda: redaction.render(entry, MAX_BYTES))
    show("  of it: keys", lambda: redaction.by_key(entry))
    show("  of it: whether the line may hold a secret", lambda: redaction.suspects(line))
    show("with a pattern of the user's", lambda: with_pattern.render(entry, MAX_BYTES))
    show("with a nested field", lambda: redaction.render(entry | {"more": {"a": 1, "b": [1, 2]}}, MAX_BYTES))
    show("with a key that is like a secret's", lambda: redaction.render(entry | {"token_count": 7}, MAX_BYTES))
    show("with a secret by key", lambda: redaction.render(entry | {"password": "x"}, MAX_BYTES))


if __name__ == "__main__":
    main()
