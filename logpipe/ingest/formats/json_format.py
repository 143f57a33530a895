"""Formats of one JSON object a line: for each column the keys that may hold it, best first."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import duckdb

from logpipe.ingest.formats.base import Context
from logpipe.ingest.formats.json_select import Candidate, select_sql
from logpipe.ingest.scanning.scanner import Scanner

_SHORT: Final = 1 << 14


def candidates(*paths: str | tuple[str, ...]) -> tuple[Candidate, ...]:
    """Candidates that are read as they stand."""
    return tuple(map(Candidate, paths))


@lru_cache(maxsize=256)
def _remembered(line: str) -> object:
    return _parsed(line)


def _parsed(line: str) -> object:
    """The value of a line; None where it is no JSON."""
    try:
        return json.loads(line)  # takes lone surrogates, as the SELECT does
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class JsonFormat:
    """A format of one JSON object a line."""

    name: str
    title: str
    columns: Mapping[str, tuple[Candidate, ...]]
    marks: Callable[[Mapping[str, object]], bool] | None = None
    """Whether an object is of this format; None: any is, and an array, to be rejected as such."""
    redundant: Mapping[str, str] = field(default_factory=dict)
    """Path of what may only repeat other members, to the SQL condition, over columns and `json`, of whether it does."""
    scan: Scanner | None = None

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`."""
        return sum(map(self._claims_line, lines)) / len(lines) if lines else 0.0

    def _claims_line(self, line: str) -> bool:
        # Every format of JSON is asked about the same lines.
        parsed = _remembered(line) if len(line) < _SHORT else _parsed(line)
        if self.marks is None:
            return isinstance(parsed, dict | list)
        return isinstance(parsed, dict) and self.marks(parsed)

    def continues(self, _line: str, _before: str, /) -> str | None:
        """See `Format`."""
        return None

    def select(self, connection: duckdb.DuckDBPyConnection, context: Context) -> str:
        """See `Format`; looks at the keys of the lines first."""
        return select_sql(connection, context, self.columns, self.redundant)
