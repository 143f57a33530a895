"""What the tests of one process logged, as far as the gate judges it."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import orjson

from logpipe.record import ERROR_SEVERITY, SEVERITY_BY_LEVEL


@dataclass(slots=True)
class Logbook:
    """What one test has logged so far."""

    test: str
    """Its node id."""
    records: int = 0
    size_bytes: int = 0
    errors: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    """By exception and template, or message where it has none."""
    statements: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By request, or trace, and statement; the request is empty where the record names none."""

    def take(self, line: bytes) -> None:
        """Count the record of a line."""
        record = orjson.loads(line)
        self.records += 1
        self.size_bytes += len(line)
        if SEVERITY_BY_LEVEL.get(record["level"], 0) >= ERROR_SEVERITY:
            self.errors[record.get("exception_type"), record.get("template", record["message"])] += 1
        if statement := record.get("db_statement"):
            scope = record.get("request_id") or record.get("trace_id") or ""
            self.statements[str(scope), str(statement)] += 1


@dataclass(slots=True)
class Seen:
    """What all tests have logged; plain lists, that pass from a worker of pytest-xdist to its controller."""

    errors: list[tuple[str | None, str, int, str]] = field(default_factory=list)
    """Exception, template or message, how often, and the test."""
    statements: list[tuple[str, str, str, int]] = field(default_factory=list)
    """The test, the request, the statement, and how often; of tests that could have repeated one too often."""
    volumes: list[tuple[str, int, int]] = field(default_factory=list)
    """The test, its records and their bytes."""

    def add(self, logbook: Logbook, n_plus_one: int) -> None:
        """Keep what a test that is over has logged."""
        test = logbook.test
        self.errors += [(kind, text, count, test) for (kind, text), count in logbook.errors.items()]
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
