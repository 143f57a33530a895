"""`logpipe verify`: the proof that nothing is missing."""

from dataclasses import asdict

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, Database, Json


def verify(
    db: Database = DEFAULT_DATABASE,
    strict: bool = typer.Option(
        False, "--strict", help="Exit with 1 also when numbers of records are missing, or stand in the files twice."
    ),
    as_json: Json = False,
) -> None:
    """Check that every byte read is an event, a joined line, a blank or a reject, and that no row stands twice.

    Files that are still there are read again and compared with what was stored. Exit code 1 when anything disagrees.

    Records of logpipe's emitter are numbered, so it also tells what was lost before it could be read: per process the
    numbers that are missing, were dropped as the emitter says itself, stand twice or stand out of order.
    """
    from logpipe.cli import numbering, output
    from logpipe.cli.sizes import shown_size
    from logpipe.ingest.audit.verify import verify as verify_store
    from logpipe.store import Store

    with Store.open(db, read_only=True) as store:
        verdict = verify_store(store)
    if as_json:
        output.json_lines([asdict(verdict)])
    else:
        output.note(
            f"{plural(verdict.sources, 'source')}, {plural(verdict.files_read, 'file')} read again "
            f"({shown_size(verdict.bytes_read)})"
        )
        more = f" + {verdict.divided:,} more records in them" if verdict.divided else ""
        print_line = (
            f"{plural(verdict.lines, 'line')}{more} = {plural(verdict.events, 'event')} + {verdict.joined:,} joined + "
            f"{verdict.blanks:,} blank + {verdict.rejects:,} rejected"
        )
        typer.echo(print_line)
        if verdict.expired_events or verdict.expired_rejects:
            output.note(
                f"of these, retention has removed {plural(verdict.expired_events, 'event')} and "
                f"{plural(verdict.expired_rejects, 'reject')}"
            )
        if verdict.lost_bytes:
            output.warning(f"{plural(verdict.lost_bytes, 'byte is', 'bytes are')} known to be lost: logpipe gaps")
        if verdict.open_gaps:
            output.warning(f"{plural(verdict.open_gaps, 'gap')} without an end: logpipe gaps")
        numbering.show(verdict.numbering)
        for problem in verdict.problems:
            place = f"{output.place(problem.path)}: " if problem.path else ""
            output.error(f"{place}{problem.reason}: {problem.detail}")
        if not verdict.problems:
            typer.echo("every line is accounted for, and none stands twice")
    lost = verdict.numbering.missing or verdict.numbering.repeated
    if verdict.problems or (strict and lost):
        raise typer.Exit(1)
