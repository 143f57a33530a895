"""Settings of the store for the time of loading."""

from contextlib import suppress
from typing import Final

from logpipe.errors import StoreError
from logpipe.store import Store

_SETTINGS: Final = {
    "threads": "2",
    "external_threads": "2",
    "preserve_insertion_order": "false",
    "write_buffer_row_group_count": "1",  # what is compressed need not stay in memory
}
"""Each statement runs on the thread that gave it alone, for the other processor makes the next rows meanwhile. So its
rows keep their order; yet DuckDB plans an insert as for many threads, each of which compresses what it inserted by
itself, and not within the commit, where there is room for one only."""


def tune(store: Store) -> None:
    """
    Raises:
        StoreError: the store refused.
    """
    for name, value in _SETTINGS.items():
        store.execute(f"SET {name} = {value}")


def untune(store: Store) -> None:
    """Leave the store as it was found, unless it is shared, or refuses."""
    with suppress(StoreError):
        for name in reversed(_SETTINGS):
            store.execute(f"RESET {name}")
