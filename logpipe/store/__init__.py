"""The store: one DuckDB file that holds events, rejects, the ledger, roll-ups and findings."""

import logging

from logpipe.store.database import SCHEMA_VERSION, Store

# As of `logpipe.ingest`: what it says of itself goes where the program that runs it wants.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = ["SCHEMA_VERSION", "Store"]
