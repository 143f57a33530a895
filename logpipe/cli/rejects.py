"""`logpipe rejects`: the lines that are no events."""

from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from logpipe.store import Store

app = typer.Typer(help="The lines that are no events.")

TimeZone = Annotated[
    str | None,
    typer.Option("--time-zone", help="The zone of times that name none, not that of their file.", metavar="ZONE"),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Only these.", metavar="REASON")]


@app.callback(invoke_without_command=True)
def rejects(
    context: typer.Context,
    db: Database = DEFAULT_DATABASE,
    reason: Reason = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Show at most this many lines.")] = 20,
    output_file: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Write all lines, as they stood, to a file (- is standard output).", metavar="FILE"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the lines that were kept as rejects, with the file, the byte and the reason.

    After mending them, ingest the mended file: logpipe rejects -o lines.log, edit it, logpipe ingest lines.log. After
    mending the format: logpipe rejects retry
    """
    if context.invoked_subcommand is not None:
        return
    from logpipe.cli import output
    from logpipe.cli.atomic_file import open_output
    from logpipe.ingest.audit.rejects import count_by_reason, rejected
    from logpipe.store import Store

    with Store.open(db, read_only=True) as store:
        _check_reason(store, reason)
        if output_file is not None:
            with open_output(output_file) as file:
                for line in rejected(store, reason=reason):
                    file.write(line.raw + b"\n")
            return
        lines = rejected(store, reason=reason, limit=limit)
        if as_json:
            output.json_lines(
                {
                    "path": line.path,
                    "source_id": line.source_id,
                    "source_pos": line.source_pos,
                    "bytes": line.length,
                    "reason": line.reason,
                    "detail": line.detail,
                    "raw": line.raw.decode("utf-8", "backslashreplace"),
                }
                for line in lines
            )
            return
        counts = count_by_reason(store, reason)
        if not counts:
            output.note("no line was rejected" + (f" as {reason}" if reason else ""))
            return
        output.table(
            ("file", "reason", "lines", "first at byte"),
            [(output.place(path), why, count, first) for path, why, count, first in counts],
        )
        output.table(
            ("file:byte", "reason", "detail", "line"),
            [
                (f"{output.place(line.path)}:{line.source_pos}", line.reason, line.detail, line.raw[:200])
                for line in lines
            ],
        )


@app.command()
def retry(
    db: Database = DEFAULT_DATABASE,
    log_format: Annotated[
        str | None,
        typer.Option("--format", help="Read them in this format, not in that of their file.", metavar="NAME"),
    ] = None,
    reason: Reason = None,
    time_zone: TimeZone = None,
    as_json: Json = False,
) -> None:
    """Parse the rejected lines again, as after a format was mended: those that are events by now become events.

    Each keeps its file and byte, and its reject goes. What fails again stays a reject. Again and again changes nothing.
    """
    from dataclasses import asdict

    from logpipe.cli import interruption, output
    from logpipe.cli.log_formats import chosen
    from logpipe.ingest.options import Options
    from logpipe.ingest.repair.retry import retry as parse_again
    from logpipe.store import Store

    interruption.explain("what became events so far is committed, and the same command goes on with the rest")
    name, formats = chosen(log_format)
    with Store.open(db, create=False) as store:
        _check_reason(store, reason)
        done = parse_again(store, Options(None, name, time_zone, formats=formats), reason)
    if as_json:
        output.json_lines([asdict(done)])
        return
    are = "is an event" if done.events == 1 else "are events"
    output.note(f"{plural(done.tried, 'rejected line')} tried again: {done.events:,} {are} now")
    if done.not_lines:
        output.note(f"{plural(done.not_lines, 'line was', 'lines were')} not tried: not all of it is kept")


def _check_reason(store: "Store", reason: str | None) -> None:
    from logpipe.ingest.audit.rejects import REASONS, reasons_in

    known = reasons_in(store)
    if reason is not None and reason not in (*REASONS, *known):
        raise typer.BadParameter(f"--reason: {reason} is none of {', '.join(known or REASONS)}")
