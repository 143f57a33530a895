"""What an ingest would make of a file, without a database: its format, why that one, and its first records."""

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from logpipe.ingest.files.admission import refuse_what_is_no_log
from logpipe.ingest.files.discovery import refuse_what_is_no_file, service_of
from logpipe.ingest.files.first_lines import DETECTION_BYTES, first_bytes, first_lines
from logpipe.ingest.files.reader import TRANSCODED, Reader, compression_of
from logpipe.ingest.formats import Detection, Format, detect, format_named, shares
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.record import COLUMNS
from logpipe.store import Store

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Preview:
    """What was found out about a file."""

    format: Format
    explanation: str
    detection: Detection
    shares: dict[str, float]
    """Of the first lines, by format: those that claim any, the most first."""
    events: list[Row]
    """The first records, as the table would hold them; what is NULL is left out."""
    rejects: list[Row]
    lines: int
    """Of those that were read for it."""


def preview(path: str, options: Options, records: int) -> Preview:
    """Read the beginning of a file, plain or compressed, as an ingest would.

    Raises:
        InputError: the file cannot be read, or is no log.
    """
    if not os.path.isdir(path):
        refuse_what_is_no_file(path, "formats -")
    with Reader(path, compression_of(path)) as reader:
        lines, head, modified = first_lines(reader), first_bytes(reader), reader.stat().st_mtime
    refuse_what_is_no_log(path, head, named=options.format is not None)
    found = detect(lines, options.formats)
    format_ = format_named(options.format, options.formats) if options.format else None
    explanation = f"{format_.name} ({format_.title}): as was asked for" if format_ else found.explanation
    claimed = sorted(shares(lines, options.formats).items(), key=lambda pair: -pair[1])
    # Its copy stands in another folder, after which a service may be named.
    as_there = replace(options, following=False, service=options.service or service_of(os.path.abspath(path)))
    events, rejects, count = _taken(_name(path), _whole_lines(head), modified, as_there, records)
    by_share = {name: share for name, share in claimed if share}
    return Preview(format_ or found.format, explanation, found, by_share, events, rejects, count)


def _whole_lines(head: bytes) -> bytes:
    return head if len(head) < DETECTION_BYTES else head[: head.rfind(b"\n") + 1] or head


def _name(path: str) -> str:
    """Of the decompressed file: the service is named after it."""
    plain = Path(path)
    return plain.stem if compression_of(path) not in (None, *TRANSCODED) and plain.suffix else plain.name


def _taken(name: str, head: bytes, modified: float, options: Options, records: int) -> tuple[list[Row], list[Row], int]:
    """Through the ingest itself, into a database in memory."""
    with tempfile.TemporaryDirectory(prefix="logpipe-") as folder, Store.open(":memory:") as store:
        copy = Path(folder) / name
        copy.write_bytes(head)
        os.utime(copy, (modified, modified))
        summary = ingest(store, [str(copy)], options)
        if summary.errors:
            raise summary.errors[0]
        columns = (*COLUMNS, "severity", "attributes")
        events = _rows(store, f"SELECT {', '.join(columns)} FROM events ORDER BY source_pos LIMIT ?", records)
        rejects = _rows(store, "SELECT reason, raw FROM rejects ORDER BY source_pos LIMIT ?", records)
        return events, rejects, summary.lines


def _rows(store: Store, sql: str, limit: int) -> list[Row]:
    with store.rows(sql, [limit]) as found:
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
