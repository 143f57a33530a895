"""Lines that are no events: listing them, and writing them out as they stood."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from logpipe.store import Store

_FETCH = 1000


REASONS: Final = (
    *(
        "malformed_json",
        "not_an_object",
        "line_too_long",
        "continues_taken_line",
        "unterminated",
        "hole",
        "unconvertible",
    ),
)
"""Why lines are rejected; docs/ingest.md says what each means."""


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A rejected line, by the file and byte at which it stands."""

    path: str
    source_id: int
    source_pos: int
    length: int
    reason: str
    detail: str | None
    raw: bytes


def reasons_in(store: Store) -> list[str]:
    """The reasons for which the store holds rejects."""
    return [reason for (reason,) in store.execute("SELECT DISTINCT reason FROM rejects ORDER BY reason")]


def count_by_reason(store: Store, reason: str | None = None) -> list[tuple[str, str, int, int]]:
    """(path, reason, lines, first byte) for each file and reason, most first."""
    return [
        (path, reason, lines, first)
        for path, reason, lines, first in store.execute(
            """
            SELECT path, rejects.reason, count(*) AS lines, min(source_pos)::BIGINT
            FROM rejects JOIN sources USING (source_id)
            WHERE $reason IS NULL OR reason = $reason
            GROUP BY path, reason ORDER BY lines DESC, path, reason
            """,
            {"reason": reason},
        )
    ]


def rejected(store: Store, *, reason: str | None = None, limit: int | None = None) -> Iterator[RejectedLine]:
    """The rejected lines in the order of their files, in bounded memory."""
    statement = """
        SELECT path, source_id, source_pos, bytes, reason, detail, raw
        FROM rejects JOIN sources USING (source_id)
        WHERE $reason IS NULL OR reason = $reason
        ORDER BY source_id, source_pos
        LIMIT $limit
        """
    with store.rows(statement, {"reason": reason, "limit": limit if limit is not None else 1 << 62}) as found:
        while rows := found.fetchmany(_FETCH):
            for row in rows:
                yield RejectedLine(*row)
