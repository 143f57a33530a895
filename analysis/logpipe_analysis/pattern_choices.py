"""What users say of patterns: it persists, and wins over mining."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis.patterns import settle

Choice = Literal["pin", "merge", "name", "mute"]

_CHOSEN: Final = "SELECT 1 FROM pattern_choices WHERE pattern_id = ? AND choice = 'merge' AND value = ?"
_HEADS: Final = """
SELECT count(DISTINCT coalesce(into_id, pattern_id))
FROM patterns LEFT JOIN pattern_merges USING (pattern_id) WHERE pattern_id IN (?, ?)
"""
_TOLD: Final = """
WITH settled AS (
    SELECT pattern_id, coalesce(into_id, pattern_id) AS into_id,
        coalesce(merges.template, patterns.template) AS template
    FROM patterns LEFT JOIN pattern_merges AS merges USING (pattern_id)
),
own AS (FROM settled WHERE into_id = (SELECT into_id FROM settled WHERE pattern_id = $id))
SELECT any_value(template), count(*),
    (SELECT coalesce(sum(events), 0)::BIGINT FROM pattern_minute SEMI JOIN own USING (pattern_id)),
    coalesce(bool_or(pattern_id IN (SELECT pattern_id FROM pattern_choices WHERE choice = 'mute')), false)
FROM own
"""


def choose(store: Store, pattern_id: str, choice: Choice, value: str | None = None) -> None:
    """Pin a pattern (it is merged with none), merge it into the pattern with the id `value`, name it or mute it.

    Raises:
        QueryError: there is no such pattern, or it was to be merged into what it is one with already.
    """
    require(store, pattern_id)
    if choice == "merge" and value is not None:
        require(store, value)
        if value == pattern_id:
            raise QueryError(f"pattern {pattern_id} cannot be merged into itself", reason="same_pattern")
        _require_apart(store, pattern_id, value)
    with store.transaction() as connection:
        connection.execute("DELETE FROM pattern_choices WHERE pattern_id = ? AND choice = ?", [pattern_id, choice])
        connection.execute(
            "INSERT INTO pattern_choices VALUES (?, ?, ?, ?)", [pattern_id, choice, value, datetime.now(UTC)]
        )
    settle(store)


def undo(store: Store, pattern_id: str, choice: Choice) -> bool:
    """Leave it to mining again; of the patterns that are merged into this one, each is told by its own id.

    Returns whether there was such a choice.

    Raises:
        QueryError: there is no such pattern.
    """
    require(store, pattern_id)
    there = store.execute(
        "DELETE FROM pattern_choices WHERE pattern_id = ? AND choice = ? RETURNING 1", [pattern_id, choice]
    )
    settle(store)
    return bool(there)


@dataclass(frozen=True, slots=True)
class Told:
    """What a pattern comes to, with all that is merged with it."""

    template: str
    ids: int
    events: int
    muted: bool


def told(store: Store, pattern_id: str) -> Told:
    """The pattern that an id belongs to."""
    [row] = store.execute(_TOLD, {"id": pattern_id})
    return Told(*row)


def _require_apart(store: Store, one: str, other: str) -> None:
    """A merge into what goes into the pattern itself would be a loop; what was chosen already may be chosen again."""
    if store.execute(_CHOSEN, [one, other]):
        return
    if store.execute(_HEADS, [one, other]) == [(1,)]:
        raise QueryError(
            f"patterns {one} and {other} are one already",
            remedy=f"see what is merged with: logpipe patterns show {one}",
            reason="merged_already",
        )


def require(store: Store, pattern_id: str) -> None:
    """
    Raises:
        QueryError: there is no pattern of that id.
    """
    if not store.execute("SELECT 1 FROM patterns WHERE pattern_id = ?", [pattern_id]):
        raise QueryError(
            f"no pattern has the id {pattern_id!r}", remedy="list them with: logpipe patterns", reason="unknown_pattern"
        )
