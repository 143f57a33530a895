"""What the store knows to be lost."""

from dataclasses import dataclass
from datetime import datetime

from logpipe.store import Store


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a file that could not be read."""

    source_id: int
    path: str
    from_pos: int
    to_pos: int | None
    """None where nobody knows how far it went: there may have been nothing."""
    reason: str
    detected_at: datetime

    @property
    def bytes(self) -> int | None:
        return None if self.to_pos is None else self.to_pos - self.from_pos


def known_gaps(store: Store) -> list[Gap]:
    """All gaps, the newest last."""
    rows = store.execute(
        "SELECT source_id, path, from_pos, to_pos, reason, detected_at FROM gaps JOIN sources USING (source_id) "
        "ORDER BY detected_at, source_id, from_pos"
    )
    return [Gap(*row) for row in rows]
