"""The SQL reports: one file each in `sql/reports`, whose first comment says what it answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import resources

from logpipe.errors import QueryError
from logpipe.store import Store
from logpipe.store.reading import Result, stream
from logpipe_analysis.queries.profile import gathered, profile

SLOW_QUERIES = "slow-queries"
"""The report whose SELECT is summed up by `profile`."""


@dataclass(frozen=True, slots=True)
class Report:
    """A question about the log, and the SQL that answers it."""

    name: str
    """As in `logpipe report NAME`."""
    title: str
    """The question it answers, in one line."""
    description: str
    """How it is counted, and what is exact; may be empty."""
    sql: str
    """Bound parameters: $since, $until, $service, $limit; each may be NULL."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is about; None is without bound."""

    since: datetime | None = None
    until: datetime | None = None
    service: str | None = None
    limit: int | None = None
    """Rows."""


def all_reports() -> list[Report]:
    """The reports, by name."""
    files = (resources.files(__package__) / "sql" / "reports").iterdir()
    found = [_report(file.name.removesuffix(".sql"), file.read_text()) for file in files if file.name.endswith(".sql")]
    return sorted(found, key=lambda report: report.name)


def find(name: str) -> Report:
    """The report called `name`.

    Raises:
        QueryError: there is none; the nearest name is told.
    """
    by_name = {report.name: report for report in all_reports()}
    if name in by_name:
        return by_name[name]
    near = get_close_matches(name.lower().replace("_", "-"), by_name, n=1, cutoff=0.4)
    remedy = f"did you mean {near[0]}?" if near else "list them with: logpipe report"
    raise QueryError(f"there is no report {name!r}", remedy=remedy, reason="unknown_report")


@contextmanager
def run(store: Store, report: Report, scope: Scope) -> Iterator[Result]:
    """The rows of `report` on `store`.

    Raises:
        QueryError: it failed, for example because the database was made by an older release.
    """
    bounds = {"since": scope.since, "until": scope.until, "service": scope.service}
    if report.name == SLOW_QUERIES:
        with stream(store, report.sql, bounds) as calls:
            local = gathered(calls)
        yield profile(store, local, scope.limit)
        return
    with stream(store, report.sql, bounds | {"limit": scope.limit}) as result:
        yield result


def newest_event(store: Store) -> datetime:
    """What spans count back from: the end of the newest minute with events, up to now; now for an empty store."""
    [(microseconds,)] = store.execute("SELECT epoch_us(newest_event())")
    return datetime.now(UTC) if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)


def _report(stem: str, text: str) -> Report:
    comments: list[str] = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        comments.append(line.removeprefix("--").strip())
    return Report(stem.replace("_", "-"), comments[0], " ".join(comments[1:]), text)
