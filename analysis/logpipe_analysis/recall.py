"""What an analysis came to, for as long as the store holds what it held then: to look again would cost time only."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import metadata
from pathlib import Path

import orjson

from logpipe.store import Store, database
from logpipe_analysis.settings import Settings

# The settings of a run are part of what is asked; what it reads of the store is summed up here.
_HELD = """
SELECT
    (SELECT (count(*), max(ledger_id), sum(events)) FROM ledger),
    (SELECT (count(*), sum(events)) FROM expired),
    (SELECT count(*) FROM rollup_minute),
    (SELECT (count(*), max(updated_at)) FROM findings),
    (SELECT (count(*), count(*) FILTER (until <= now())) FROM finding_marks),
    (SELECT (count(*), max(chosen_at)) FROM pattern_choices)
"""

_CODE = (".py", ".sql", ".c", ".so")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an analysis came to."""

    since: datetime
    until: datetime
    finding_ids: tuple[str, ...]
    notes: tuple[str, ...]


def question(since: datetime | None, until: datetime | None, kinds: Sequence[str], settings: Settings) -> str:
    """The same for the same range, kinds and settings, asked of the same detectors: 32 hex digits."""
    asked = repr((since, until, sorted(kinds), settings, _code()))
    return hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()


@cache
def _code() -> str:
    """Of the release, and of this package and the store's, whose macros it uses."""
    return f"{metadata.version('logpipe')} {stamp(Path(__file__).parent)} {stamp(Path(database.__file__).parent)}"


def stamp(folder: Path) -> str:
    """The same as long as no source, statement or compiled file in a folder is added, removed or written: 32 digits."""
    files = {str(file): file.stat() for file in folder.rglob("*") if file.suffix in _CODE}
    known = sorted((name, state.st_size, state.st_mtime_ns) for name, state in files.items())
    return hashlib.blake2b(repr(known).encode(), digest_size=16).hexdigest()


def recall(store: Store, asked: str) -> Outcome | None:
    """What the question led to, if the store has not changed since."""
    rows = store.execute("SELECT outcome FROM analyses WHERE question = ? AND held = ?", [asked, _held(store)])
    if not rows:
        return None
    said = orjson.loads(rows[0][0])
    since, until = (datetime.fromisoformat(said[name]) for name in ("since", "until"))
    return Outcome(since, until, tuple(said["finding_ids"]), tuple(said["notes"]))


def remember(store: Store, asked: str, outcome: Outcome) -> None:
    """Keep what the question led to; what was kept of an earlier state of the store is forgotten."""
    held = _held(store)
    with store.transaction() as connection:
        connection.execute("DELETE FROM analyses WHERE question = ? OR held <> ?", [asked, held])
        connection.execute("INSERT INTO analyses VALUES (?, ?, ?)", [asked, held, orjson.dumps(outcome).decode()])


def _held(store: Store) -> str:
    return repr(store.execute(_HELD))
