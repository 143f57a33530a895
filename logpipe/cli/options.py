"""Options that several commands share."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from logpipe.store import Store
    from logpipe_analysis.settings import Settings

Database = Annotated[str, typer.Option("--db", envvar="LOGPIPE_DB", help="The database file.", metavar="FILE")]
DEFAULT_DATABASE = "logs.duckdb"

_NAMED = 10
"""Services that are named where another was asked for."""

SHARE_AFTER_S = 1.0
"""A command that writes for longer than this lets others use the database meanwhile."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    MARKDOWN = "markdown"


RowFormat = Annotated[
    Format | None,
    typer.Option("--format", help="How rows are written; else by the name of the output file, else as a table."),
]
OutputFile = Annotated[
    str, typer.Option("-o", "--output", help="Write to FILE; - is standard output.", metavar="FILE", show_default=False)
]
RowLimit = Annotated[
    int | None,
    typer.Option("--limit", min=0, help="At most so many rows; 0 for all. A table shows 1000.", show_default=False),
]


def _checked_time(text: str | None) -> str | None:
    """A time that cannot be read is wrong usage; what it counts back from is known only once the store is open."""
    from logpipe.cli.times import parse_time
    from logpipe.errors import QueryError

    try:
        if text is not None:
            parse_time(text, datetime.now(UTC))
    except QueryError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def checked_span(text: str | None) -> str | None:
    """A span that cannot be read is wrong usage."""
    from logpipe.cli.times import parse_span
    from logpipe.errors import QueryError

    try:
        if text is not None:
            parse_span(text)
    except QueryError as error:
        raise typer.BadParameter(str(error)) from None
    return text


Bucket = Annotated[
    str | None,
    typer.Option(
        "--bucket",
        callback=checked_span,
        help="The resolution, else 1m: shorter for short ranges.",
        metavar="SPAN",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    str | None,
    typer.Option(
        "--settings", help="Settings of the detectors that differ, as TOML.", metavar="FILE", show_default=False
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        callback=_checked_time,
        help="From this time on: 2026-01-31, 2026-01-31T12:00:00Z, or 2h, 1d before the newest event.",
        metavar="TIME",
        show_default=False,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", callback=_checked_time, help="Up to, not including, this time.", metavar="TIME", show_default=False
    ),
]


def detector_settings(path: str | None, bucket: str | None) -> "Settings":
    """The settings of a file, else the defaults; --bucket goes before the file.

    Raises:
        SettingError: the file cannot be read, or says what is no setting.
    """
    from dataclasses import replace

    from logpipe.cli.times import parse_span
    from logpipe_analysis.settings import Settings
    from logpipe_analysis.settings_file import load

    settings = load(path) if path else Settings()
    return replace(settings, bucket=parse_span(bucket)) if bucket else settings


def stretch(store: "Store", since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The times that --since and --until name; a span counts back from the newest event of the store."""
    from logpipe.cli.times import parse_time
    from logpipe_analysis.reports import newest_event

    now = newest_event(store)
    start, end = (None if text is None else parse_time(text, now) for text in (since, until))
    if start is not None and end is not None and start >= end:
        raise typer.BadParameter("--since is not before --until")
    return start, end


def known_service(store: "Store", name: str | None) -> None:
    """Say on standard error where the store has no such service, and which it has."""
    from logpipe.cli import output

    if name is None or store.execute("SELECT 1 FROM rollup_minute WHERE service = ? LIMIT 1", [name]):
        return
    known = [service for (service,) in store.execute("SELECT DISTINCT service FROM rollup_minute ORDER BY 1")]
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    there = f"; there are {', '.join(map(output.one_line, known[:_NAMED]))}{more}" if known else ""
    output.note(f"note: there is no service {name!r} in this store{there}")


Service = Annotated[
    str | None, typer.Option("--service", help="Of this service only.", metavar="NAME", show_default=False)
]
