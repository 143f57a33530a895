"""Writing for people and for programs: data on standard output, all else on standard error."""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


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
    told = stream.isatty() or os.environ.get("COLUMNS", "").isdigit()  # Rich asks the terminal, or the variable
    width = None if told else 140
    return Console(
        file=stream,
        no_color=not coloured,
        force_terminal=coloured or None,
        highlight=False,
        width=width,
        soft_wrap=False,
    )


def place(path: str) -> str:
    """A file's path as a person would type it here: relative where the file is below the working folder.

    Control characters are escaped, so that it stays on its line.
    """
    from logpipe.ingest.stdin import was_standard_input

    if was_standard_input(path):
        return "standard input"
    relative = os.path.relpath(path)
    shown = path if relative.startswith("..") else relative
    return one_line(shown)


def one_line(text: str) -> str:
    """Text of a program, as a name, with control characters escaped: so that it stays on its line."""
    return _CONTROL_IN_LINE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def wrapped(text: "str | Text", indent: int = 0) -> None:
    """A text on standard output, wrapped where it is longer than a line; no line ends in blanks."""
    from rich.padding import Padding
    from rich.text import Text

    screen = console()
    with screen.capture() as drawn:
        screen.print(Padding(text if isinstance(text, Text) else Text(harmless(text)), (0, 0, 0, indent)))
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))


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


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    numeric: Sequence[bool] | None = None,
) -> None:
    """A table for people; numbers to the right, times without the zone (all are UTC).

    Where the columns do not fit side by side, each row is a block of lines, one a column. `numeric` tells the columns
    of numbers that are already text; else the values tell.
    """
    values = [list(row) for row in rows]
    if numeric is None:
        numeric = [any(_is_number(row[index]) for row in values) for index in range(len(columns))]
    texts = [[_cell(value) for value in row] for row in values]
    screen = console()
    if _needed_width(columns, texts, numeric) > screen.width:
        _blocks(columns, texts, title)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    view = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, is_numeric in zip(columns, numeric, strict=True):
        view.add_column(Text(harmless(name)), justify="right" if is_numeric else "left", overflow="fold")
    for row in texts:
        view.add_row(*(Text(text) for text in row))
    with screen.capture() as drawn:
        screen.print(view)
    sys.stdout.write("\n".join(line.rstrip() for line in drawn.get().strip("\n").splitlines()) + "\n")


_FOLDED_WIDTH = 16
"""The width to which a column of text may shrink before rows become blocks."""


def _needed_width(columns: Sequence[str], texts: list[list[str]], numeric: Sequence[bool]) -> int:
    needed = 0
    for index, name in enumerate(columns):
        longest = max((len(row[index]) for row in texts), default=0)
        needed += 3 + max(len(name), longest if numeric[index] else min(longest, _FOLDED_WIDTH))
    return needed


def _blocks(columns: Sequence[str], texts: list[list[str]], title: str | None) -> None:
    indent = max(len(name) for name in columns) + 2
    lines = [title] if title else []
    for number, row in enumerate(texts, 1):
        lines.append(f"── {number} ──")
        for name, text in zip(columns, row, strict=True):
            lines.append(harmless(name).ljust(indent) + text.replace("\n", "\n" + " " * indent))
    sys.stdout.write("\n".join(lines) + "\n")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return _figure(value)
        case int():
            return f"{value:,}"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S") + (
                f".{value.microsecond // 1000:03}" if value.microsecond else ""
            )
        case date():
            return value.isoformat()
        case bytes():
            return harmless(value.decode("utf-8", "backslashreplace"))
    return harmless(str(value))


def _figure(value: float) -> str:
    """Two decimals, none from a thousand up, and three figures below a tenth."""
    if not isfinite(value) or value == 0:
        return f"{value:g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_IN_LINE = re.compile(rf"{_CONTROL.pattern}|[\t\n]")


def harmless(text: str) -> str:
    """Text that cannot move the cursor, recolour the terminal or turn the direction of writing."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _line(label: str | None, sentence: str, style: str | None) -> None:
    text = harmless(sentence)
    if label and style and _colour_system(sys.stderr.isatty()):
        code = {"red": "31", "yellow": "33"}[style]
        label = f"\x1b[{code}m{label}\x1b[0m"
    sys.stderr.write(f"{label}: {text}\n" if label else f"{text}\n")
    sys.stderr.flush()
