"""What the gate holds against a test run, beside what its baseline accepts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from logpipe.errors import InputError
from logpipe.store import Store
from logpipe.testing.seen import Seen

_SHOWN = 20
_PATTERN = "event_template(stream, NULL, NULL, template, message, exception_type, event)"
"""As the analysis counts patterns, so that one in a test has the name that it has in production."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on it is too much; None where there is no limit."""

    n_plus_one: int
    max_records: int | None
    max_bytes: int | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a repository accepts."""

    error_patterns: frozenset[str] = frozenset()
    repeated_queries: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The baseline in a file; an empty one where there is none.

        Raises:
            InputError: the file is no baseline.
        """
        if not path.exists():
            return cls()
        try:
            held = orjson.loads(path.read_bytes())
            return cls(frozenset(held["error_patterns"]), frozenset(held["repeated_queries"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, OSError) as error:
            raise InputError(
                f"{path} is no baseline of the gate: {error}", remedy="make it anew with: pytest --logpipe-update"
            ) from error

    def write(self, path: Path) -> None:
        """Keep it, sorted, so that a review shows what was added."""
        held = {
            "error_patterns": sorted(self.error_patterns),
            "repeated_queries": sorted(self.repeated_queries),
        }
        path.write_bytes(orjson.dumps(held, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@dataclass(frozen=True, slots=True)
class NewError:
    """An error pattern that the baseline does not hold."""

    pattern: str
    times: int
    test: str
    """The first that logged it."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """A query that one test, or one request in it, executed too often."""

    query: str
    times: int
    test: str
    request: str


@dataclass(frozen=True, slots=True)
class Loud:
    """A test that logged more than it may."""

    test: str
    records: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is held against the run."""

    errors: tuple[NewError, ...]
    repeated: tuple[Repeated, ...]
    loud: tuple[Loud, ...]

    @classmethod
    def of(cls, seen: Seen, limits: Limits, baseline: Baseline) -> Self:
        """Judge what all tests logged."""
        with Store.open(":memory:") as store:
            errors = [one for one in _errors(store, seen) if one.pattern not in baseline.error_patterns]
            repeated = [one for one in _repeated(store, seen, limits) if one.query not in baseline.repeated_queries]
        return cls(tuple(errors), tuple(repeated), tuple(_loud(seen, limits)))

    @property
    def holds(self) -> bool:
        """Nothing is held against it."""
        return not (self.errors or self.repeated or self.loud)

    def accepted_into(self, baseline: Baseline) -> Baseline:
        """The baseline with what is new; a volume is not accepted by it."""
        return Baseline(
            baseline.error_patterns | {one.pattern for one in self.errors},
            baseline.repeated_queries | {one.query for one in self.repeated},
        )

    def lines(self, baseline: Path, limits: Limits) -> Iterator[str]:
        """For people."""
        if self.errors:
            yield f"{_counted(len(self.errors), 'error pattern is', 'error patterns are')} not in {baseline.name}:"
            for error in self.errors[:_SHOWN]:
                yield from ("", f"  {error.pattern}", f"      {_times(error.times)}, first in {error.test}")
            yield from _more(len(self.errors))
        if self.repeated:
            queries = _counted(len(self.repeated), "query was", "queries were")
            yield f"{queries} executed {limits.n_plus_one} times or more within a test or request:"
            for query in self.repeated[:_SHOWN]:
                where = f"{query.test}, request {query.request}" if query.request else query.test
                yield from ("", f"  {query.query}", f"      {_times(query.times)} in {where}")
            yield from _more(len(self.repeated))
        if self.loud:
            yield f"{_counted(len(self.loud), 'test', 'tests')} logged more than {_budget(limits)}:"
            yield ""
            for test in self.loud[:_SHOWN]:
                yield f"  {test.test}: {test.records:,} records, {test.size_bytes:,} bytes"
            yield from _more(len(self.loud))
        if self.errors or self.repeated:
            yield f"to accept the patterns and queries: pytest --logpipe-update, and commit {baseline.name}"


def _errors(store: Store, seen: Seen) -> list[NewError]:
    if not seen.errors:
        return []
    said = (list(column) for column in zip(*(said for said, _, _ in seen.errors), strict=True))
    rows = store.execute(
        f"""
        SELECT {_PATTERN} AS pattern, sum(times)::BIGINT, arg_min(test, position)
        FROM (SELECT unnest($streams) AS stream, unnest($templates) AS template, unnest($messages) AS message,
                  unnest($exceptions) AS exception_type, unnest($events) AS event, unnest($times) AS times,
                  unnest($tests) AS test, generate_subscripts($tests, 1) AS position)
        GROUP BY pattern
        ORDER BY min(position)
        """,
        {
            **dict(zip(("streams", "templates", "messages", "exceptions", "events"), said, strict=True)),
            "times": [times for _, times, _ in seen.errors],
            "tests": [test for _, _, test in seen.errors],
        },
    )
    return [NewError(*row) for row in rows]


def _repeated(store: Store, seen: Seen, limits: Limits) -> list[Repeated]:
    """The worst place of each query."""
    if not seen.statements:
        return []
    rows = store.execute(
        """
        SELECT query, times, test, request
        FROM (
            SELECT query_fingerprint(statement) AS query, test, request, sum(times)::BIGINT AS times
            FROM (SELECT unnest($tests) AS test, unnest($requests) AS request, unnest($statements) AS statement,
                      unnest($times) AS times)
            GROUP BY ALL
        )
        WHERE times >= $least
        QUALIFY row_number() OVER (PARTITION BY query ORDER BY times DESC, test, request) = 1
        ORDER BY times DESC, query
        """,
        {
            "tests": [row[0] for row in seen.statements],
            "requests": [row[1] for row in seen.statements],
            "statements": [row[2] for row in seen.statements],
            "times": [row[3] for row in seen.statements],
            "least": limits.n_plus_one,
        },
    )
    return [Repeated(*row) for row in rows]


def _loud(seen: Seen, limits: Limits) -> Iterator[Loud]:
    for test, records, size in sorted(seen.volumes, key=lambda volume: (-volume[2], volume[0])):
        if records > (limits.max_records or records) or size > (limits.max_bytes or size):
            yield Loud(test, records, size)


def _budget(limits: Limits) -> str:
    parts = [
        f"{limit:,} {unit}"
        for limit, unit in ((limits.max_records, "records"), (limits.max_bytes, "bytes"))
        if limit is not None
    ]
    return " or ".join(parts)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _more(number: int) -> Iterator[str]:
    if number > _SHOWN:
        yield from ("", f"  and {number - _SHOWN} more")
    yield ""
