"""Events as payloads of Loki's push API, into a file or to a server."""

from logpipe_shippers.loki.entries import Entry
from logpipe_shippers.loki.events import Scope, Stock, entries, stock
from logpipe_shippers.loki.payloads import DEFAULT_BATCH_BYTES, MIN_BATCH_BYTES, Payload, payloads
from logpipe_shippers.loki.push import Backoff, Pusher, Refusal, push_url

__all__ = [
    "DEFAULT_BATCH_BYTES",
    "MIN_BATCH_BYTES",
    "Backoff",
    "Entry",
    "Payload",
    "Pusher",
    "Refusal",
    "Scope",
    "Stock",
    "entries",
    "payloads",
    "push_url",
    "stock",
]
