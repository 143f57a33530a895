"""The store: one DuckDB file that holds events, rejects, the ledger, roll-ups and findings."""

from logpipe.store.database import SCHEMA_VERSION, Store

__all__ = ["SCHEMA_VERSION", "Store"]
