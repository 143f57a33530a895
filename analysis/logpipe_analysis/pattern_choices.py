"""What users say of patterns: it persists, and wins over mining."""

from datetime import UTC, datetime
from typing import Literal

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.patterns import settle

Choice = Literal["pin", "merge", "name", "mute"]


def choose(store: Store, pattern_id: str, choice: Choice, value: str | None = None) -> None:
    """Pin a pattern (it is merged with none), merge it into the pattern with the id `value`, name it or mute it.

    Raises:
        QueryError: there is no such pattern, or it was to be merged into itself.
    """
    require(store, pattern_id)
    if choice == "merge" and value is not None:
        require(store, value)
        if value == pattern_id:
            raise QueryError(f"pattern {pattern_id} cannot be merged into itself", reason="same_pattern")
    with store.transaction() as connection:
        connection.execute("DELETE FROM pattern_choices WHERE pattern_id = ? AND choice = ?", [pattern_id, choice])
        connection.execute(
            "INSERT INTO pattern_choices VALUES (?, ?, ?, ?)", [pattern_id, choice, value, datetime.now(UTC)]
        )
    settle(store)


def undo(store: Store, pattern_id: str, choice: Choice) -> None:
    """Leave it to mining again; of the patterns that are merged into this one, each is told by its own id.

    Raises:
        QueryError: there is no such pattern.
    """
    require(store, pattern_id)
    store.execute("DELETE FROM pattern_choices WHERE pattern_id = ? AND choice = ?", [pattern_id, choice])
    settle(store)


def require(store: Store, pattern_id: str) -> None:
    """
    Raises:
        QueryError: there is no pattern of that id.
    """
    if not store.execute("SELECT 1 FROM patterns WHERE pattern_id = ?", [pattern_id]):
        raise QueryError(
            f"no pattern has the id {pattern_id!r}", remedy="list them with: logpipe patterns", reason="unknown_pattern"
        )
