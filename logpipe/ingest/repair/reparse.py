"""A source read again from its file, after its parser was mended or its format was found to be wrong.

Events, rejects, ledger and roll-ups of the source are replaced in one transaction, so no half of it is ever seen:
killed at any time, the source is as it was. The file must still hold the bytes that were read, by their hashes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import duckdb

from logpipe.errors import InputError
from logpipe.ingest.audit.verify import check_file, file_of
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.ending import Ending
from logpipe.ingest.files.first_lines import first_lines
from logpipe.ingest.files.reader import Compression, Reader, compression_of
from logpipe.ingest.files.source import Source
from logpipe.ingest.files.stored_sources import load_sources
from logpipe.ingest.formats import detect
from logpipe.ingest.loading.chunk import Batch, Entry
from logpipe.ingest.loading.intake import Intake, Portion
from logpipe.ingest.loading.loader import insert
from logpipe.ingest.loading.tuning import tune
from logpipe.ingest.options import Options, Summary
from logpipe.ingest.stdin import was_standard_input
from logpipe.ingest.telemetry import Telemetry
from logpipe.store import Store, rollup
from logpipe.store.duckdb_errors import translated
from logpipe.store.withdrawal import withdrawn


@dataclass(frozen=True, slots=True)
class Reparsed:
    """A source that was read again."""

    source_id: int
    path: str
    format: str
    before: tuple[int, int]
    """Its events and rejects as they were."""
    after: tuple[int, int]


def sources_named(store: Store, names: list[str]) -> list[int]:
    """The sources that are meant by numbers or paths; all of them without names.

    Raises:
        InputError: a name means none.
    """
    known = store.execute("SELECT source_id, path, family FROM sources ORDER BY source_id")
    found: dict[int, None] = {} if names else {source_id: None for source_id, *_ in known}
    for name in names:
        path = os.path.abspath(name)
        meant = [source_id for source_id, *paths in known if name == str(source_id) or path in paths]
        if not meant:
            raise InputError(
                f"there is no source {name}",
                remedy="logpipe sources lists them, by number and path",
                reason="no_source",
            )
        found |= dict.fromkeys(meant)
    return list(found)


def reparse(store: Store, source_id: int, options: Options, *, detect_format: bool = False) -> Reparsed:
    """Read one source again, in `options.format`, in the one detected now, or in its own.

    The format, and the time zone where `options` names one, are the source's from then on.

    Raises:
        InputError: it was standard input, the file is not there or not what was read, or some of the source has
            expired; nothing was changed.
        StoreError: the store refused; nothing was changed.
    """
    source = next(source for source in load_sources(store) if source.source_id == source_id)
    options.check()
    if was_standard_input(source.path):
        raise InputError(
            f"source {source_id} was standard input, of which no file was kept",
            remedy="what is stored is all there is of it, and stays",
            reason="standard_input",
        )
    _refuse_expired(store, source)
    path = _verified_file(store, source)
    before = _counts(store, source_id)
    with _Bounded(path, compression_of(path), source.offset) as reader:
        if detect_format:
            source.format, source.format_chosen = detect(first_lines(reader), options.formats).format.name, False
        elif options.format is not None:
            source.format, source.format_chosen = options.format, True
        source.time_zone = options.time_zone or source.time_zone
        tune(store)
        with store.transaction() as connection, withdrawn(connection, source_id):
            connection.execute(
                "UPDATE sources SET format = ?, format_chosen = ?, time_zone = ? WHERE source_id = ?",
                [source.format, source.format_chosen, source.time_zone, source_id],
            )
            _take_again(_Within(connection, store.url, read_only=False), reader, source, options)
    return Reparsed(source_id, source.path, source.format, before, _counts(store, source_id))


def _counts(store: Store, source_id: int) -> tuple[int, int]:
    [(events, rejects)] = store.execute(
        "SELECT coalesce(sum(events), 0)::BIGINT, coalesce(sum(rejects), 0)::BIGINT FROM ledger WHERE source_id = ?",
        [source_id],
    )
    return events, rejects


def _refuse_expired(store: Store, source: Source) -> None:
    [(rows,)] = store.execute(
        "SELECT coalesce(sum(events + rejects), 0)::BIGINT FROM expired WHERE source_id = ?", [source.source_id]
    )
    if rows:
        raise InputError(
            f"{source.path}: retention has removed {rows:,} of its rows, and they would come back",
            remedy="only sources that are still whole can be read again",
            reason="expired",
        )


def _verified_file(store: Store, source: Source) -> str:
    """The path at which all that was read of the source stands."""
    [(head,)] = store.execute("SELECT head FROM sources WHERE source_id = ?", [source.source_id])
    path = file_of(source.path, source.identity, head)
    if path is None:
        raise InputError(
            f"{source.path}: the file of source {source.source_id} is not there any more",
            remedy="put it back under its name, or leave the source as it is",
            reason="missing",
        )
    problems, _ = check_file(store, source.source_id, path)
    if problems:
        raise InputError(
            f"{path} does not hold what was read of source {source.source_id}: {problems[0].detail}",
            remedy="what is stored is all there is of it, and stays",
            reason=problems[0].reason,
        )
    return path


def _take_again(store: Store, reader: Reader, source: Source, options: Options) -> None:
    end = source.offset
    source.offset, source.tail_hash, source.ranges, source.segment = source.copied_bytes, None, [], None
    file = LogFile(source.path, source.family, source.device or 0, source.inode or 0, end, source.modified_ns)
    intake = _Again(store, replace(options, format=source.format), Summary(), lambda _: None, Telemetry())
    portion = Portion(reader, source, file, Ending(whole_record=True, whole_line=True))
    intake.take([portion])
    if portion.error is not None:
        raise portion.error
    if source.offset != end:
        raise InputError(
            f"{reader.path}: only {source.offset:,} of {end:,} bytes could be read again",
            remedy="nothing was changed; run the command again",
            reason="file_changed",
        )


class _Bounded(Reader):
    """A file as far as it was read before."""

    def __init__(self, path: str, compression: Compression | None, end: int) -> None:
        super().__init__(path, compression)
        self._bound = end

    def size(self) -> int:
        return self._bound

    def hole(self, position: int) -> int | None:
        hole = super().hole(position)
        return hole if hole is None else min(hole, self._bound - position)

    def _read_some(self, buffer: memoryview) -> int:
        left = max(0, self._bound - self.position)
        return super()._read_some(buffer[:left]) if left else 0


class _Within(Store):
    """A store inside a transaction that somebody else ends."""

    @contextmanager
    def transaction(self, *, beside: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:  # noqa: ARG002 - there is one
        with translated(self.url):
            yield self.connection


class _Again(Intake):
    """Loads one batch after the other: they share a transaction, which an error ends."""

    def _take(self, portions: Sequence[Portion]) -> None:
        self._take_once(portions)

    def _loaded(self, batches: Iterator[Batch]) -> Iterator[Sequence[Entry]]:
        for batch in batches:
            cells = self._converter.count([batch.uncounted])
            with self._store.transaction() as connection:
                insert(connection, batch)
                rollup.add(connection, cells)
            yield [batch.entry]
