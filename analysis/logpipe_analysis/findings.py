"""The table of findings: each problem once, however often the analysis looks at it."""

import hashlib
from base64 import b32encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import orjson

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe_analysis import marks
from logpipe_analysis.finding import Example, Finding, Status

_COLUMNS = tuple(field.name for field in fields(Finding))
_TIMES = ("started_at", "ended_at")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Changes:
    """What storing findings did to the table."""

    new: tuple[Finding, ...] = ()
    updated: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()
    """They were open, and no longer last."""
    unchanged: tuple[Finding, ...] = ()

    @property
    def all(self) -> tuple[Finding, ...]:
        """Whatever became of them."""
        return (*self.new, *self.updated, *self.resolved, *self.unchanged)

    def since(self, moment: datetime, until: datetime) -> "Changes":
        """Those of findings that lasted beyond a moment; `until` is when the data ends."""
        groups = (self.new, self.updated, self.resolved, self.unchanged)
        return Changes(*(tuple(one for one in group if (one.ended_at or until) > moment) for group in groups))


def fingerprint(kind: str, service: str, environment: str | None, subject: str | None = None) -> str:
    """The same for the same problem, at whatever time: 16 hex digits."""
    key = orjson.dumps([kind, service, environment, subject])
    return hashlib.blake2b(key, digest_size=8).hexdigest()


def short_id(finding: Finding) -> str:
    """Eight letters and digits of the fingerprint and the onset as it was first seen."""
    key = f"{finding.fingerprint} {finding.started_at.isoformat()}".encode()
    return b32encode(hashlib.blake2b(key, digest_size=5).digest()).decode().lower()


def load(
    store: Store,
    *,
    finding_id: str | None = None,
    status: str | None = None,
    kind: str | None = None,
    service: str | None = None,
    severity: str | None = None,
) -> list[Finding]:
    """Stored findings, newest onset first; a filter that is None lets all pass."""
    wanted: dict[str, object] = {
        "finding_id": finding_id,
        "status": status,
        "kind": kind,
        "service": service,
        "severity": severity,
    }
    chosen = {column: value for column, value in wanted.items() if value is not None}
    condition = " AND ".join(f"{column} = ${column}" for column in chosen) or "true"
    rows = store.execute(
        f"SELECT {_selected()} FROM findings WHERE {condition} ORDER BY started_at DESC, finding_id", chosen
    )
    return [_from_row(row) for row in rows]


def load_one(store: Store, finding_id: str) -> Finding:
    """The stored finding of that id.

    Raises:
        QueryError: there is none.
    """
    found = load(store, finding_id=finding_id)
    if not found:
        incident = store.execute("SELECT 1 FROM incidents WHERE incident_id = ?", [finding_id])
        way = f"it is an incident: logpipe incidents {finding_id}" if incident else "list them with: logpipe findings"
        raise QueryError(
            f"no finding has the id {finding_id!r} in {store.url}",
            remedy=f"{way} --db {store.url}",
            reason="unknown_finding",
        )
    return found[0]


def record(
    store: Store,
    found: Sequence[Finding],
    *,
    lasting: Collection[str],
    kinds: Sequence[str],
    since: datetime,
    until: datetime,
    reaches_end: bool,
    bucket: timedelta,
    adjoining: timedelta,
    now: datetime,
) -> Changes:
    """Store what an analysis of `kinds` from `since` up to `until` found, in one transaction.

    A finding is the one stored before when both have the same fingerprint and their stretches overlap or lie within
    `adjoining` of each other; its row then follows what is known now, and keeps its id. An open finding of these
    kinds that set in within the range and is not found any more is resolved as of `until`; of one that set in
    before it nothing is known, and one whose fingerprint is `lasting` stays as it is. The second of two equal runs
    changes nothing. A look into the past, which does not reach the end of the data, and one at another resolution
    than a finding's add what was not known, and leave that finding as it is. So is one left that a person has
    resolved. What a look into the past finds is returned as it looked then, with the id of the one that is stored.
    """
    said = marks.in_force(store, now)
    stored = [finding for finding in load(store) if finding.kind in kinds]
    found = [replace(finding, bucket_s=bucket.total_seconds()) for finding in found]
    fixed = [
        one
        for one in stored
        if not reaches_end or one.bucket_s != bucket.total_seconds() or one.finding_id in said.resolved
    ]
    known = [(finding, old) for finding in found for old in fixed if _same(finding, old, until, adjoining)]
    if reaches_end:
        seen = [old for old in fixed if any(old is other for _, other in known)]
    else:  # told as it looked then
        seen = [
            replace(finding, finding_id=old.finding_id, status=_status(finding, None, said.muted))
            for finding, old in known
        ]
    found = [finding for finding in found if not any(finding is other for other, _ in known)]
    free = [one for one in stored if one not in fixed]
    held = [one for one in free if one.ended_at is None and one.fingerprint in lasting]
    pairs, unmatched = paired([*found, *held], free, until, adjoining)
    new, updated, resolved, unchanged = [], [], [], [*seen]
    for finding, before in pairs:
        finding_id = before.finding_id if before else short_id(finding)
        current = replace(finding, finding_id=finding_id, status=_status(finding, before, said.muted))
        if before is None:
            new.append(current)
        elif current == before:
            unchanged.append(current)
        elif before.status == "open" and current.status == "resolved":
            resolved.append(current)
        else:
            updated.append(current)
    gone = [
        (lost, replace(lost, ended_at=lost.ended_at or until, status=_closed(lost, said.muted)))
        for lost in unmatched
        if lost.status != "resolved" and since <= lost.started_at < until
    ]
    resolved += [now_closed for lost, now_closed in gone if now_closed != lost]
    if new or updated or resolved:
        with store.transaction() as connection:
            for finding in (*updated, *resolved):
                _update(connection, finding, now)
            for finding in new:
                _insert(connection, finding, now)
    return Changes(tuple(new), tuple(updated), tuple(resolved), tuple(unchanged))


def put(connection: duckdb.DuckDBPyConnection, finding: Finding, now: datetime) -> None:
    """Store a finding that has its id, in place of the one of that id."""
    if connection.execute("SELECT 1 FROM findings WHERE finding_id = ?", [finding.finding_id]).fetchall():
        _update(connection, finding, now)
    else:
        _insert(connection, finding, now)


def _status(finding: Finding, before: Finding | None, muted: frozenset[str]) -> Status:
    """What had ended before it was muted stays resolved."""
    if before is not None and before.status == "resolved" and finding.ended_at:
        return "resolved"
    return _closed(finding, muted) if finding.ended_at or finding.fingerprint in muted else "open"


def _closed(finding: Finding, muted: frozenset[str]) -> Status:
    return "muted" if finding.fingerprint in muted else "resolved"


def paired(
    found: Sequence[Finding], stored: Sequence[Finding], until: datetime, adjoining: timedelta
) -> tuple[list[tuple[Finding, Finding | None]], list[Finding]]:
    """Each found finding with the stored one that it continues; and the stored ones that none continues."""
    left = list(stored)
    pairs: list[tuple[Finding, Finding | None]] = []
    for finding in found:
        same = [old for old in left if _same(finding, old, until, adjoining)]
        nearest = min(same, key=lambda old: abs(old.started_at - finding.started_at), default=None)
        if nearest is not None:
            left.remove(nearest)
        pairs.append((finding, nearest))
    return pairs, left


def _same(one: Finding, other: Finding, until: datetime, adjoining: timedelta) -> bool:
    if one.fingerprint != other.fingerprint:
        return False
    return (
        one.started_at <= (other.ended_at or max(until, other.started_at)) + adjoining
        and other.started_at <= (one.ended_at or until) + adjoining
    )


def _insert(connection: duckdb.DuckDBPyConnection, finding: Finding, now: datetime) -> None:
    marks = ", ".join(f"${column}" for column in _COLUMNS)
    connection.execute(
        f"INSERT INTO findings ({', '.join(_COLUMNS)}, detected_at, updated_at) VALUES ({marks}, $now, $now)",
        {**_row(finding), "now": now},
    )


def _update(connection: duckdb.DuckDBPyConnection, finding: Finding, now: datetime) -> None:
    values = ", ".join(f"{column} = ${column}" for column in _COLUMNS if column != "finding_id")
    connection.execute(
        f"UPDATE findings SET {values}, updated_at = $now WHERE finding_id = $finding_id", {**_row(finding), "now": now}
    )


def _row(finding: Finding) -> dict[str, Any]:
    row = {column: getattr(finding, column) for column in _COLUMNS}
    row["evidence"] = orjson.dumps(finding.evidence, option=orjson.OPT_UTC_Z).decode()
    return row


def _selected() -> str:
    return ", ".join(f"epoch_us({column})" if column in _TIMES else column for column in _COLUMNS)


def _from_row(row: tuple[Any, ...]) -> Finding:
    values = dict(zip(_COLUMNS, row, strict=True))
    for column in _TIMES:
        if values[column] is not None:
            values[column] = _EPOCH + timedelta(microseconds=values[column])
    values["evidence"] = tuple(
        Example(one["source_id"], one["source_pos"], datetime.fromisoformat(one["ts"]).astimezone(UTC), one["text"])
        for one in orjson.loads(values["evidence"])
    )
    return Finding(**values)
