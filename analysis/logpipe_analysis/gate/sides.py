"""The two sides of a gate: which records are the baseline's and the candidate's, and which minutes are compared."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe.store.literals import literal
from logpipe_analysis.deployments import VersionRange, version_ranges
from logpipe_analysis.gate.sample import COUNTS, DURATIONS, Sample
from logpipe_analysis.place import Place
from logpipe_analysis.settings import GateSettings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""Records of a later time are not looked at: a clock was wrong."""

_NUMBER = "(epoch_us(minute) // 60000000)"
"""Of a minute, since 1970."""

_DAY = 1440
_RECENT_MINUTES, _RECENT_FACTOR = 120, 3
"""Without the same hours, the baseline's last minutes are taken: so many, or so many times the candidate's."""


@dataclass(frozen=True, slots=True)
class Side:
    """Records of a store that belong to one version, or to one folder of logs."""

    store: Store
    name: str
    place: str
    """Whose they are, as SQL over `events` and the roll-ups."""
    version: str | None = None
    """None where all records of the place count."""
    alone: tuple[datetime, datetime] | None = None
    """When no other version ran: records that name no version are its own then."""
    hours: str = "true"
    """The minutes that are compared, as SQL over the roll-ups."""

    def where(self, column: str) -> str:
        """All its records, as SQL over a relation whose time is in `column`."""
        if self.version is None:
            return f"{self.place} AND {column} < {literal(_LATEST)}"
        own = f"version = {literal(self.version)}"
        if self.alone:
            own = f"({own} OR version IS NULL) AND {_within(column, self.alone)}"
        return f"{self.place} AND {own} AND {column} < {literal(_LATEST)}"

    def minutes(self) -> list[int]:
        """The numbers, since 1970, of the compared minutes in which it logged anything."""
        rows = self.store.execute(f"SELECT DISTINCT {_NUMBER} FROM {self._compared('rollup_minute')} ORDER BY 1")
        return [int(number) for (number,) in rows]

    def sample(self) -> Sample:
        """What it did in the compared minutes."""
        frames = []
        for relation, columns in (("rollup_minute", COUNTS), ("latency_minute", DURATIONS)):
            statement = f"SELECT {_NUMBER} AS i, {columns} FROM {self._compared(relation)} GROUP BY ALL"
            with self.store.rows(statement) as rows:
                frames.append(rows.df())
        return Sample.of_frames(*frames)

    def events(self) -> int:
        """In all, at whatever hour."""
        [(events,)] = self.store.execute(
            f"SELECT coalesce(sum(events), 0)::BIGINT FROM rollup_minute WHERE {self.where('minute')}"
        )
        return int(events)

    def _compared(self, relation: str) -> str:
        return f"{relation} WHERE {self.where('minute')} AND {self.hours}"


def of_folder(store: Store, name: str, service: str | None) -> Side:
    """All that was ingested from a folder, or what is of one service."""
    return Side(store, name, "true" if service is None else f"service = {literal(service)}")


def of_versions(
    store: Store, service: str, environment: str | None, baseline: str, candidate: str
) -> tuple[Side, Side, str | None]:
    """Both sides of a service, and the environment: that of the candidate, where none is asked for.

    Raises:
        QueryError: there is no such service or baseline, or the candidate ran in several environments.
    """
    known = version_ranges(store, service=service, until=_LATEST)
    if environment is not None:
        known = [one for one in known if one.environment == environment]
    chosen = _environment(known, service, environment, baseline, candidate)
    known = [one for one in known if one.environment == chosen]
    place = Place(service, chosen)
    sides = [Side(store, version, place.condition(), version) for version in (baseline, candidate)]
    if _has_unversioned(store, place):
        alone = [_alone(known, version) for version in (baseline, candidate)]
        if all(alone):
            sides = [replace(side, alone=stretch) for side, stretch in zip(sides, alone, strict=True)]
    return sides[0], sides[1], chosen


def _environment(
    known: list[VersionRange], service: str, environment: str | None, baseline: str, candidate: str
) -> str | None:
    if not any(one.version == baseline for one in known):
        names = ", ".join(dict.fromkeys(one.version for one in known)) or "none"
        where = f" in {environment}" if environment else ""
        raise QueryError(
            f"no record of the service {service!r}{where} names the version {baseline!r}",
            remedy=f"versions that are known: {names}",
            reason="unknown_version",
        )
    wanted = {one.environment for one in known if one.version == candidate}
    wanted = wanted or {one.environment for one in known if one.version == baseline}
    if len(wanted) > 1:
        raise QueryError(
            f"{service!r} ran in several environments ({', '.join(sorted(str(one) for one in wanted))})",
            remedy="name one with --env",
            reason="several_environments",
        )
    return wanted.pop()


def _has_unversioned(store: Store, place: Place) -> bool:
    return bool(store.execute(f"SELECT 1 FROM rollup_minute WHERE {place.condition()} AND version IS NULL LIMIT 1"))


def _alone(known: list[VersionRange], version: str) -> tuple[datetime, datetime] | None:
    """When a version ran and no other did; of several stretches the one after those that began before it."""
    own = next((one for one in known if one.version == version), None)
    if own is None:
        return None
    others = [one for one in known if one.version != version]
    since = max([own.since, *(one.until for one in others if one.since <= own.since)])
    until = min([own.until, *(one.since for one in others if one.since > own.since)])
    return (since, until) if since < until else None


def aligned(baseline: Side, candidate: Side, settings: GateSettings) -> tuple[Side, Side, str | None]:
    """Both sides with the minutes that are fair to compare, and a note where the hours of the day differ.

    The same minutes where both ran side by side, else the same hours of the days before, else the baseline's last.
    """
    side_by_side = [replace(side, alone=None) for side in (baseline, candidate)]
    theirs, ours = (side.minutes() for side in side_by_side)
    share = settings.same_hours_share
    if candidate.version is not None and ours and len(set(ours) & set(theirs)) >= share * len(ours):
        together = f"{_NUMBER} BETWEEN {ours[0]} AND {ours[-1]}"
        first, second = (replace(side, hours=together) for side in side_by_side)
        return first, second, None
    theirs, ours = baseline.minutes(), candidate.minutes()
    if not ours or not theirs:
        return baseline, candidate, None
    oldest = ours[0] - settings.history_days * _DAY
    length = ours[-1] - ours[0] + 1
    since_start = f"({_NUMBER} - {ours[0] % _DAY}) % {_DAY}"
    same = {(number - ours[0]) % _DAY for number in theirs if number >= oldest}
    if len(same & {(number - ours[0]) % _DAY for number in ours}) >= share * min(len(set(ours)), _DAY):
        return replace(baseline, hours=f"{_NUMBER} >= {oldest} AND {since_start} < {length}"), candidate, None
    recent = max(_RECENT_MINUTES, _RECENT_FACTOR * len(ours))
    last = theirs if baseline.version is None else theirs[-recent:]
    note = (
        f"{baseline.name} has no records of the same hours of the day as {candidate.name} "
        f"({_clock(ours[0])} to {_clock(ours[-1] + 1)} UTC); compared with {_clock(last[0])} to {_clock(last[-1] + 1)}"
    )
    return replace(baseline, hours=f"{_NUMBER} BETWEEN {last[0]} AND {last[-1]}"), candidate, note


def _clock(minute: int) -> str:
    return f"{_EPOCH + timedelta(minutes=minute):%Y-%m-%d %H:%M}"


def _within(column: str, stretch: tuple[datetime, datetime]) -> str:
    return f"{column} >= {literal(stretch[0])} AND {column} < {literal(stretch[1])}"
