"""`logpipe formats`: what is read, what a file was found to be, and formats of one's own."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from logpipe.cli.options import Json

if TYPE_CHECKING:
    from logpipe.ingest.formats import Format
    from logpipe.ingest.preview import Preview


class _Group(TyperGroup):
    """`logpipe formats FILE` is `logpipe formats show FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Group, help="The formats that are read; what a file is in, and why; formats of one's own.")


@app.command()
def show(
    file: Annotated[
        str | None,
        typer.Argument(help="A log, plain or compressed, or - for standard input.", show_default=False),
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option("--format", help="Read it so: a name, or a TOML file that defines one.", metavar="NAME"),
    ] = None,
    records: Annotated[int, typer.Option("--records", min=0, help="Show so many records.")] = 3,
    time_zone: Annotated[str, typer.Option("--time-zone", help="The zone of times that name none.", metavar="ZONE")] = (
        "UTC"
    ),
    as_json: Json = False,
) -> None:
    """List the formats; with FILE, say which it is in and why, and show its first records. `show` may be left out.

    Nothing is stored. A file named like a command is ./show or ./test.
    """
    from logpipe.cli.log_formats import chosen
    from logpipe.ingest.options import Options

    name, formats = chosen(log_format)
    if file is None:
        _list(formats, as_json=as_json)
        return
    found = _preview(file, Options(None, name, time_zone, formats=formats), records)
    _show_json(file, found) if as_json else _show(found)


@app.command("test")
def check(
    definition: Annotated[str, typer.Argument(help="A TOML file that defines a format.", metavar="FILE.toml")],
    log: Annotated[
        str | None, typer.Argument(help="A log to read by it, or - for standard input.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a definition and its samples; with LOG, say also how much of it the format claims.

    Exit code 1 when the definition has a mistake, a sample fails, or less than nine in ten of the log's lines match.
    """
    from logpipe.cli import output
    from logpipe.ingest.formats import NEEDED_SHARE
    from logpipe.ingest.formats.own import read_format, with_own
    from logpipe.ingest.options import Options
    from logpipe.ingest.sampling import check_samples

    format_ = read_format(definition)
    outcomes = list(check_samples(format_))
    failed = [outcome for outcome in outcomes if outcome.differences]
    found = _preview(log, Options(None, format_.name, formats=with_own([format_])), 3) if log else None
    share = found.shares.get(format_.name, 0.0) if found else None
    if as_json:
        rows = [
            {"sample": number, "line": outcome.sample.line, "passed": not outcome.differences, "got": outcome.got}
            | {"differences": outcome.differences}
            for number, outcome in enumerate(outcomes, 1)
        ]
        output.json_lines([{"format": format_.name, "samples": rows, "log": log, "share": share}])
    else:
        for number, outcome in enumerate(outcomes, 1):
            typer.echo(f"sample {number}: {'passed' if not outcome.differences else 'FAILED'}")
            for difference in outcome.differences:
                typer.echo(f"  {output.harmless(difference)}")
        typer.echo(f"{format_.name}: {len(outcomes) - len(failed)} of {len(outcomes)} samples pass")
        if found is not None and share is not None:
            typer.echo(f"{log}: {share:.0%} of the first {found.detection.lines} lines match")
            _records(found)
    if failed or (share is not None and share < NEEDED_SHARE):
        raise typer.Exit(1)


def _list(formats: "dict[str, Format]", *, as_json: bool) -> None:
    from logpipe.cli import output
    from logpipe.cli.log_formats import described

    rows = [described(format_) for format_ in formats.values()]
    if as_json:
        output.json_lines(rows)
        return
    columns = ("name", "title", "kind", "lines")
    output.table(columns, [[row[column] for column in columns] for row in rows])
    output.note("in this order each is asked; the first that claims nine in ten of a file's first 200 lines has it")


def _preview(file: str, options: Any, records: int) -> "Preview":
    import shutil
    import sys
    import tempfile
    from pathlib import Path

    from logpipe.ingest.preview import preview

    if file != "-":
        return preview(file, options, records)
    with tempfile.TemporaryDirectory(prefix="logpipe-") as folder:
        path = Path(folder) / "standard input"
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        return preview(str(path), options, records)


def _show_json(file: str, found: "Preview") -> None:
    from logpipe.cli import output

    output.json_lines(
        [
            {
                "file": file,
                "format": found.format.name,
                "title": found.format.title,
                "explanation": found.explanation,
                "lines": found.detection.lines,
                "shares": found.shares,
                "events": [_with_object(event) for event in found.events],
                "rejects": [_readable(reject) for reject in found.rejects],
            }
        ]
    )


def _show(found: "Preview") -> None:
    from logpipe.cli import output

    typer.echo(output.harmless(found.explanation))
    if found.shares:
        rows = [(name, f"{share:.1%}") for name, share in found.shares.items()]
        output.table(("format", "share of the lines"), rows[:_MOST_SHARES])
    _records(found)


_MOST_SHARES = 8


def _records(found: "Preview") -> None:
    from logpipe.cli import output

    for number, row in enumerate((*found.events, *map(_readable, found.rejects)), 1):
        typer.echo(f"── {'reject' if 'reason' in row else number} ──")
        indent = max(map(len, row)) + 2
        for name, value in row.items():
            text = output.harmless(str(value)).replace("\n", "\n" + " " * indent)
            typer.echo(name.ljust(indent) + text)


def _with_object(event: "dict[str, object]") -> "dict[str, object]":
    text = event.get("attributes")
    return event | {"attributes": json.loads(text)} if isinstance(text, str) else event


def _readable(reject: "dict[str, object]") -> "dict[str, object]":
    raw = reject.get("raw")
    return reject | {"raw": raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw}
