"""Records that show a verdict, by the file and byte at which they stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from logpipe.store import Store
from logpipe_analysis.finding import Example


@dataclass(frozen=True, slots=True)
class Record:
    """An example, and the path of its file."""

    path: str
    source_id: int
    source_pos: int
    """The byte at which the record begins, in the decompressed file."""
    ts: datetime
    text: str

    def example(self) -> Example:
        """As a finding keeps it."""
        return Example(self.source_id, self.source_pos, self.ts, self.text)


def records(store: Store, examples: Iterable[Example]) -> list[Record]:
    """The examples with the paths of their files."""
    paths = dict(store.execute("SELECT source_id, path FROM sources"))
    return [
        Record(paths.get(one.source_id, f"source {one.source_id}"), one.source_id, one.source_pos, one.ts, one.text)
        for one in examples
    ]
