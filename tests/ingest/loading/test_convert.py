"""Records to rows: what one chunk leaves to the next."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from logpipe.ingest.files.discovery import find
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.loading import convert
from logpipe.ingest.loading.intake import Intake
from logpipe.ingest.options import Options
from logpipe.store import Store


@pytest.mark.parametrize("kept", [1, 4096])
def test_the_time_before_a_chunk_is_known_for_each_of_many_files(
    logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """Without a look through the store for it, unless there are very many; each file has a time of its own."""
    asked: list[int] = []
    last_time = Intake._last_time

    def noted(intake: Intake, source_id: int) -> datetime | None:
        asked.append(source_id)
        return last_time(intake, source_id)

    monkeypatch.setattr(Intake, "_last_time", noted)
    monkeypatch.setattr(convert, "_SOURCES_KEPT", kept)
    paths = [logs / f"{name}.jsonl" for name in ("one", "two", "three")]
    for day, path in enumerate(paths, 12):
        path.write_text(f'{{"timestamp":"2026-03-{day}T10:00:00Z","level":"INFO","message":"begun"}}\n')
    ingester = Ingester(store, Options(following=True))
    for _ in range(3):
        ingester.sweep(find([str(logs)])[0])
        for path in paths:
            with path.open("a") as file:
                file.write('{"level":"INFO","message":"gone on"}\n')
    ingester.close()
    times = store.execute("SELECT source_id, min(ts), max(ts), count(*) FROM events GROUP BY ALL ORDER BY min(ts)")
    assert [row[1:] for row in times] == [
        (moment, moment, 3) for moment in (datetime(2026, 3, day, 10, tzinfo=UTC) for day in (12, 13, 14))
    ]
    assert bool(asked) == (kept == 1)
