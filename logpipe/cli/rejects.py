"""`logpipe rejects`: the lines that are no events."""

from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json


def rejects(
    db: Database = DEFAULT_DATABASE,
    reason: Annotated[str | None, typer.Option("--reason", help="Only these.", metavar="REASON")] = None,
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

    After mending them, ingest the mended file: logpipe rejects -o lines.log, edit it, logpipe ingest lines.log
    """
    from logpipe.cli import output
    from logpipe.cli.atomic_file import open_output
    from logpipe.ingest.rejects import count_by_reason, rejected
    from logpipe.store import Store

    with Store.open(db, read_only=True) as store:
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
            ("file:byte", "reason", "line"),
            [
                (f"{output.place(line.path)}:{line.source_pos}", line.detail or line.reason, line.raw[:200])
                for line in lines
            ],
        )
