"""How far the store is behind the files, by the files as they are now."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from logpipe.store.database import Store

# A copy of another source is read from where the copy ends.
_ACTIVE: Final = """
SELECT source_id, path, device, inode, size,
    greatest(coalesce(position, 0), copied_bytes)::BIGINT, coalesce(read_at, first_seen_at)
FROM sources
LEFT JOIN (SELECT source_id, max(to_pos) AS position, max(committed_at) AS read_at FROM ledger GROUP BY source_id)
    USING (source_id)
WHERE state = 'active' AND compression IS NULL
ORDER BY source_id
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """What stands in a file and is not in the store."""

    bytes: int = 0
    seconds: float = 0.0
    """Since something was last read of it; 0 where nothing waits."""


def lags(store: Store) -> dict[int, Lag]:
    """The lag of each source that may still grow; where its file cannot be seen, by its size when it was last seen.

    Raises:
        StoreError: a statement was refused.
    """
    now = datetime.now(UTC)
    return {
        source_id: _lag(max(0, _size(*file) - position), (now - read_at).total_seconds())
        for source_id, *file, position, read_at in store.execute(_ACTIVE)
    }


def _lag(size: int, seconds: float) -> Lag:
    return Lag(size, max(0.0, seconds)) if size else Lag()


def _size(path: str, device: int | None, inode: int | None, size: int) -> int:
    """Of the file now; as it was last seen where another, or none, has its name."""
    try:
        status = os.stat(path)
    except OSError:
        return size
    return status.st_size if (status.st_dev, status.st_ino) == (device, inode) else size
