"""The row groups in which DuckDB keeps events: how much room they take, and how much of it is that of removed ones.

A checkpoint gives back only groups of which every row was removed, and merges neighbours that fit into fewer groups.
What is left of another group can be written again, behind the others, so that its old place becomes free.
"""

from dataclasses import dataclass
from typing import Final

from logpipe.store.database import Store

_WORTH: Final = 16
"""At most so many rows are written again for each whose room becomes free."""

_GROUPS: Final = """
SELECT rows, sum(rows) OVER (ORDER BY row_group_id)::BIGINT AS upto
FROM (
    SELECT row_group_id, sum(count) AS rows
    FROM pragma_storage_info('events') WHERE column_path = '[0]' GROUP BY row_group_id
)
ORDER BY upto
"""

_BYTES: Final = """
SELECT count(DISTINCT block) * (
    SELECT block_size FROM pragma_database_size() WHERE database_name = current_database()
)
FROM (SELECT unnest([block_id] || additional_block_ids) AS block FROM pragma_storage_info('events'))
WHERE block >= 0
"""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows that are kept, and freed, together."""

    first: int
    """The number of its first row."""
    rows: int
    removed: int

    @property
    def is_worth_writing_again(self) -> bool:
        return self.removed < self.rows <= self.removed * _WORTH


@dataclass(frozen=True, slots=True)
class RowGroups:
    """All row groups of the events, as they were at one moment."""

    groups: list[RowGroup]
    bytes: int
    """What they take, rounded up to whole blocks; 0 where nothing was brought to the disk yet."""

    @property
    def events(self) -> int:
        """Those that were not removed."""
        return sum(group.rows - group.removed for group in self.groups)

    @property
    def unfreed(self) -> int:
        """Removed events in groups that have no others: a checkpoint frees them, once nobody sees them any more."""
        return sum(group.rows for group in self.groups if group.removed == group.rows)

    @property
    def freeable(self) -> int:
        """Removed events whose room can be had by a checkpoint, and by writing again where that is worth it."""
        return self.unfreed + sum(group.removed for group in self.groups if group.is_worth_writing_again)

    @property
    def best(self) -> RowGroup | None:
        """The one from which the most can be had for the least work, if any is worth it."""
        worth = (group for group in self.groups if group.is_worth_writing_again)
        return max(worth, key=lambda group: group.removed / group.rows, default=None)


def row_groups(store: Store) -> RowGroups:
    """The row groups as they are now. The numbers of rows hold within a transaction only: a checkpoint changes them."""
    sizes = store.execute(_GROUPS)
    [(kept,)] = store.execute("SELECT histogram(rowid, ?::BIGINT[]) FROM events", [[upto - 1 for _, upto in sizes]])
    kept = kept or {}
    groups = [RowGroup(upto - rows, rows, rows - kept.get(upto - 1, 0)) for rows, upto in sizes]
    [(size,)] = store.execute(_BYTES)
    return RowGroups(groups, size)


def write_again(store: Store, removed: int) -> int:
    """Write what is left of row groups again, until the room of so many removed events can become free.

    Returns of how many removed events it can; fewer than wanted where no more is worth it. A checkpoint frees it.

    Raises:
        StoreError: the store refused; what was done before stays done.
    """
    freed = 0
    while freed < removed:
        with store.transaction():
            best = row_groups(store).best
            if best is None:
                break
            within: dict[str, object] = {"first": best.first, "behind": best.first + best.rows}
            rows = "FROM events WHERE rowid >= $first AND rowid < $behind"
            store.execute(f"INSERT INTO events SELECT * {rows}", within)
            store.execute(f"DELETE {rows}", within)
        freed += best.removed
    return freed
