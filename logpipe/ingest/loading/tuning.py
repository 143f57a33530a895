"""Settings of a store into which is loaded."""

from typing import Final

from logpipe.store import Store

_SETTINGS: Final = {
    "threads": "2",
    "external_threads": "2",
    "preserve_insertion_order": "false",
    "write_buffer_row_group_count": "1",  # what is compressed need not stay in memory
}
"""Each statement runs on the thread that gave it alone, for the other processor makes the next rows meanwhile. So its
rows keep their order; yet DuckDB plans an insert as for many threads, each of which compresses what it inserted by
itself, and not within the commit, where there is room for one only. The database keeps them as long as this process has
it open: to take the threads back would cost DuckDB a walk through all of its memory."""


def tune(store: Store) -> None:
    """
    Raises:
        StoreError: the store refused.
    """
    for name, value in _SETTINGS.items():
        store.execute(f"SET {name} = {value}")
