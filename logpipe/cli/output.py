"""Writing for people and for programs: data on standard output, all else on standard error."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from rich.console import Console


def _colour_system(stream_is_terminal: bool) -> bool:
    """Whether to colour: NO_COLOR, then FORCE_COLOR, then whether it is a terminal (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream_is_terminal


def console(*, stderr: bool = False) -> "Console":
    """A Rich console that follows the colour rules; for tables and short texts, not for bulk lines."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    coloured = _colour_system(stream.isatty())
    width = None if stream.isatty() else 140
    return Console(
        file=stream,
        no_color=not coloured,
        force_terminal=coloured or None,
        highlight=False,
        width=width,
        soft_wrap=False,
    )


def error(sentence: str) -> None:
    """One sentence on standard error."""
    _line("error", sentence, "red")


def note(sentence: str) -> None:
    """A sentence on standard error that is neither data nor an error."""
    _line(None, sentence, None)


def warning(sentence: str) -> None:
    """A warning on standard error."""
    _line("warning", sentence, "yellow")


def json_lines(rows: Iterable[Mapping[str, object]]) -> None:
    """One JSON object a line; times as RFC 3339 in UTC."""
    for row in rows:
        sys.stdout.buffer.write(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
    sys.stdout.buffer.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table for people; numbers to the right, times without the zone (all are UTC)."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    view = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], (int, float)) for row in rows)
        view.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        view.add_row(*(Text(_cell(value)) for value in row))
    console().print(view)


def _cell(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}"
        case int():
            return f"{value:,}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", "backslashreplace")
    return harmless(str(value))


def harmless(text: str) -> str:
    """Text without control characters: a log line must not move the cursor or recolour the terminal."""
    return "".join(character if character.isprintable() or character in "\n\t" else "�" for character in text)


def _line(label: str | None, sentence: str, style: str | None) -> None:
    text = harmless(sentence)
    if label and style and _colour_system(sys.stderr.isatty()):
        code = {"red": "31", "yellow": "33"}[style]
        label = f"\x1b[{code}m{label}\x1b[0m"
    sys.stderr.write(f"{label}: {text}\n" if label else f"{text}\n")
    sys.stderr.flush()
