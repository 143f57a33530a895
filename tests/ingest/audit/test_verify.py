"""What verify compares is of one moment, and is told by source."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import Take, line, rest


class Busy(Store):
    """A store that takes in another line before each statement."""

    log: Path

    def execute(
        self, sql: str, parameters: Sequence[object] | dict[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        with self.log.open("ab") as file:
            file.write(line(1))
        rest(self.log)
        with Store(self.connection.cursor(), self.url, read_only=False) as other:
            assert ingest(other, [str(self.log)], Options()).events == 1
        return super().execute(sql, parameters)


def test_what_comes_meanwhile_is_not_missing(logs: Path, take: Take, store: Store) -> None:
    """Also where it comes between any two statements."""
    (logs / "app.jsonl").write_bytes(line(0))
    rest(logs / "app.jsonl")
    take()
    busy = Busy(store.connection, store.url, read_only=True)
    busy.log = logs / "app.jsonl"
    assert verify(busy).problems == ()
    [(events,)] = store.execute("SELECT count(*) FROM events")
    assert events > 5


def test_each_source_is_told_of(logs: Path, take: Take, store: Store) -> None:
    """In their order, whatever is wrong with them."""
    for name in ("a", "b", "c", "d", "e"):
        (logs / f"{name}.jsonl").write_bytes(line(0) + line(1))
        rest(logs / f"{name}.jsonl")
        take()
    store.execute("DELETE FROM events WHERE source_id = 1 AND source_pos = 0")
    store.execute("INSERT INTO events SELECT * FROM events WHERE source_id = 2 AND source_pos > 0")
    store.execute("UPDATE ledger SET joined = 1 WHERE source_id = 3")
    store.execute("UPDATE ledger SET from_pos = 1 WHERE source_id = 4")
    store.execute("UPDATE rollup_minute SET events = events + 1")
    (logs / "e.jsonl").write_bytes(line(0) + line(2))
    verdict = verify(store)
    assert [
        (problem.source_id, problem.path and Path(problem.path).name, problem.reason) for problem in verdict.problems
    ] == [
        (1, "a.jsonl", "missing_events"),
        (2, "b.jsonl", "missing_events"),
        (2, "b.jsonl", "repeated_events"),
        (3, "c.jsonl", "unaccounted_lines"),
        (4, "d.jsonl", "ledger_hole"),
        (4, "d.jsonl", "file_changed"),
        (5, "e.jsonl", "file_changed"),
        (None, None, "rollups_differ"),
    ]
    assert (verdict.sources, verdict.files_read, verdict.lines) == (5, 5, 10)
