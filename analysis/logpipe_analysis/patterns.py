"""Patterns: what the events say, counted, merged where templates turn out to be one, and what users said of them.

The merges are a map beside the counts, made of the patterns seen up to a moment and of nothing else. So an id stays
what it was, and an analysis of the past merges as one did then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from typing import Final

import duckdb

from logpipe.store import Store, mining
from logpipe_analysis.generalising import generalised

KNOWN: Final = "known_patterns"
"""The temporary table that `known_before` makes."""

_VERSION: Final = "1"
"""Of the rules that merge: where they change, what is stored is made anew."""
_DIGEST: Final = "pattern_merges"

_PATTERNS: Final = "SELECT pattern_id, template, mined, coalesce(epoch_us(first_seen), 0) FROM patterns"
_INTO: Final = (
    "SELECT pattern_id, choice, value FROM pattern_choices WHERE choice IN ('pin', 'merge') ORDER BY chosen_at"
)
_KNOWN: Final = f"""
CREATE OR REPLACE TEMP TABLE {KNOWN} AS
WITH merged AS (
    SELECT pattern_id, coalesce(merges.into_id, pattern_id) AS into_id,
        coalesce(merges.template, patterns.template) AS template
    FROM patterns LEFT JOIN {{merges}} AS merges USING (pattern_id)
    WHERE first_seen < $until
)
SELECT *, into_id IN (
    SELECT into_id FROM merged JOIN pattern_choices USING (pattern_id) WHERE choice = 'mute'
) AS muted
FROM merged
"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template as it was mined."""

    pattern_id: str
    template: str
    mined: bool
    """Made of messages; others say themselves what they are, and are merged by users alone."""
    first_us: int
    """The minute in which it was first seen, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A pattern that goes into another, or that is told otherwise than it was mined."""

    pattern_id: str
    into_id: str
    """Of the earliest of them."""
    template: str
    """Of all of them."""


def mine(store: Store) -> int:
    """Count the patterns of the records that no run has seen, and merge; returns how many records these were.

    Raises:
        StoreError: the store cannot be read or written.
    """
    counted = mining.mine(store)
    settle(store)
    return counted


def settle(store: Store) -> None:
    """Make the stored merges those of the patterns and choices that are there."""
    patterns, choices = _patterns(store), store.execute(_INTO)
    digest = _digest(patterns, choices)
    if store.execute("SELECT value FROM meta WHERE key = ?", [_DIGEST]) == [(digest,)]:
        return
    with store.transaction() as connection:
        connection.execute("DELETE FROM pattern_merges")
        _insert(connection, "pattern_merges", merges(patterns, choices))
        connection.execute("DELETE FROM meta WHERE key = ?", [_DIGEST])
        connection.execute("INSERT INTO meta VALUES (?, ?)", [_DIGEST, digest])


def known_before(store: Store, until: datetime) -> str:
    """Make a temporary table of the patterns first seen before a minute, merged as was known then; returns its name.

    Its columns: `pattern_id`, `into_id`, `template` and `muted`; the last two are those of all that go into one.
    """
    [(later,)] = store.execute("SELECT count(*) FROM patterns WHERE first_seen >= ?", [until])
    relation = "pattern_merges"
    if later:
        relation = "merges_then"
        known = _patterns(store, "WHERE first_seen < ?", [until])
        store.execute("CREATE OR REPLACE TEMP TABLE merges_then AS FROM pattern_merges LIMIT 0")
        _insert(store.connection, relation, merges(known, store.execute(_INTO)))
    store.execute(_KNOWN.format(merges=relation), {"until": until})
    return KNOWN


def merges(patterns: Sequence[Pattern], choices: Sequence[tuple[str, str, str | None]]) -> list[Merge]:
    """What the patterns come to, each id once; one that keeps its id and its template has none.

    `choices` are the pins and merges of users, as (id, choice, into which), the earliest first.
    """
    pinned = {pattern_id for pattern_id, choice, _ in choices if choice == "pin"}
    open_ones = [one for one in patterns if one.mined and one.pattern_id not in pinned]
    general = generalised(one.template for one in open_ones)
    group_of = {one.pattern_id: ("", one.pattern_id) for one in patterns}
    group_of |= {one.pattern_id: (general[one.template], "") for one in open_ones}
    heads = _heads(patterns, group_of)
    chosen = _chosen(group_of, [(one, into) for one, choice, into in choices if choice == "merge" and into])
    found = []
    for one in patterns:
        group = group_of[one.pattern_id]
        head = heads[chosen.get(group, group)]
        template = general.get(head.template, head.template)
        if head is not one or template != one.template:
            found.append(Merge(one.pattern_id, head.pattern_id, template))
    return found


_Group = tuple[str, str]
"""A general template, or the id of a pattern that is merged with none."""


def _heads(patterns: Iterable[Pattern], group_of: Mapping[str, _Group]) -> dict[_Group, Pattern]:
    """The earliest of each group."""
    heads: dict[_Group, Pattern] = {}
    for one in sorted(patterns, key=lambda one: (one.first_us, one.pattern_id)):
        heads.setdefault(group_of[one.pattern_id], one)
    return heads


def _chosen(group_of: Mapping[str, _Group], wanted: Iterable[tuple[str, str]]) -> dict[_Group, _Group]:
    """The groups that go into others by choice, each with the last of the way."""
    chosen: dict[_Group, _Group] = {}
    for one, into in wanted:
        if one in group_of and into in group_of:
            source, target = (_end(group_of[each], chosen) for each in (one, into))
            if source != target:
                chosen[source] = target
    return {group: _end(group, chosen) for group in chosen}


def _end(group: _Group, chosen: Mapping[_Group, _Group]) -> _Group:
    while group in chosen:
        group = chosen[group]
    return group


def _patterns(store: Store, where: str = "", parameters: Sequence[object] = ()) -> list[Pattern]:
    return [Pattern(*row) for row in store.execute(f"{_PATTERNS} {where} ORDER BY pattern_id", list(parameters))]


def _digest(patterns: Iterable[Pattern], choices: Iterable[tuple[object, ...]]) -> str:
    known = [(one.pattern_id, one.mined, one.first_us) for one in patterns]
    return md5(repr((_VERSION, known, list(choices))).encode(), usedforsecurity=False).hexdigest()


def _insert(connection: duckdb.DuckDBPyConnection, table: str, found: Sequence[Merge]) -> None:
    if found:
        columns = [[getattr(one, name) for one in found] for name in ("pattern_id", "into_id", "template")]
        connection.execute(f"INSERT INTO {table} SELECT unnest(?), unnest(?), unnest(?)", columns)
