"""What the tests of one process logged, as far as the gate judges it."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import orjson

from logpipe.record import ERROR_SEVERITY, SEVERITY_BY_LEVEL

Said = tuple[str | None, str | None, str | None, str | None, str | None]
"""What an error's pattern is made of: stream, template, message (where no template tells), exception and event."""


@dataclass(slots=True)
class Logbook:
    """What one test has logged so far."""

    test: str
    """Its node id."""
    records: int = 0
    size_bytes: int = 0
    errors: Counter[Said] = field(default_factory=Counter)
    statements: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By request, or trace, and statement; the request is empty where the record names none."""

    def take(self, line: bytes) -> None:
        """Count the record of a line."""
        record = orjson.loads(line)
        self.records += 1
        self.size_bytes += len(line)
        if SEVERITY_BY_LEVEL.get(record["level"], 0) >= ERROR_SEVERITY:
            self.errors[_said(record)] += 1
        if statement := record.get("db_statement"):
            scope = record.get("request_id") or record.get("trace_id") or ""
            self.statements[str(scope), str(statement)] += 1


@dataclass(slots=True)
class Seen:
    """What all tests have logged; plain lists, that pass from a worker of pytest-xdist to its controller."""

    errors: list[tuple[Said, int, str]] = field(default_factory=list)
    """What was said, how often, and the test."""
    statements: list[tuple[str, str, str, int]] = field(default_factory=list)
    """The test, the request, the statement, and how often; of tests that could have repeated one too often."""
    volumes: list[tuple[str, int, int]] = field(default_factory=list)
    """The test, its records and their bytes."""

    def add(self, logbook: Logbook, n_plus_one: int) -> None:
        """Keep what a test that is over has logged."""
        test = logbook.test
        self.errors += [(said, count, test) for said, count in logbook.errors.items()]
        if logbook.statements.total() >= n_plus_one:
            self.statements += [(test, scope, sql, count) for (scope, sql), count in logbook.statements.items()]
        self.volumes.append((test, logbook.records, logbook.size_bytes))

    def join(self, other: Self) -> None:
        """Add what another process has seen."""
        self.errors += other.errors
        self.statements += other.statements
        self.volumes += other.volumes

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _said(record: dict[str, Any]) -> Said:
    template, message = record.get("template"), record.get("message")
    told = None if template and template != message else message
    return record.get("stream"), template, told, record.get("exception_type"), record.get("event")
