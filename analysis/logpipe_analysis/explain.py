"""A finding with all that shows it: its statement run again, and its lines by file and byte."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from logpipe.store import Store
from logpipe_analysis import findings, marks
from logpipe_analysis.finding import Finding
from logpipe_analysis.marks import Mark


@dataclass(frozen=True, slots=True)
class Line:
    """An example, and where it stands."""

    path: str
    source_pos: int
    """The byte at which the record begins, in the decompressed file."""
    text: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding, the rows its statement returns now, its lines, and what people said of it."""

    finding: Finding
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...]


def explained(store: Store, finding_id: str) -> Explained:
    """Run a finding's statement again and find its lines.

    Raises:
        QueryError: no finding has that id.
    """
    finding = findings.load_one(store, finding_id)
    rows = store.execute(finding.sql)
    columns = [column[0] for column in store.execute(f"DESCRIBE {finding.sql}")]
    paths = dict(store.execute("SELECT source_id, path FROM sources"))
    lines = tuple(
        Line(paths.get(example.source_id, f"source {example.source_id}"), example.source_pos, example.text)
        for example in finding.evidence
    )
    return Explained(finding, columns, rows, lines, marks.of(store, finding))
