"""`logpipe reparse`: read sources again, after a parser was mended or a wrong format was detected."""

from typing import Annotated

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, Database, Json


def reparse(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Numbers or paths, as logpipe sources shows them; else all.", show_default=False),
    ] = None,
    db: Database = DEFAULT_DATABASE,
    log_format: Annotated[
        str | None, typer.Option("--format", help="The format to read them in from now on.", metavar="NAME")
    ] = None,
    detect: Annotated[bool, typer.Option("--detect", help="Detect their format again.")] = False,
    time_zone: Annotated[
        str | None,
        typer.Option("--time-zone", help="The zone of times that name none, from now on.", metavar="ZONE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read sources again from their files, and replace their events, rejects and counts.

    The files must still hold what was read, which their hashes tell; else nothing is changed. A source is replaced at
    once or not at all, keeps its number, and running this twice changes nothing more. Sources of which retention has
    removed rows are left as they are, and so is what was standard input.
    """
    from dataclasses import asdict

    from logpipe.cli import interruption, output
    from logpipe.cli.log_formats import chosen
    from logpipe.errors import InputError
    from logpipe.ingest.options import Options
    from logpipe.ingest.repair.reparse import reparse as read_again
    from logpipe.ingest.repair.reparse import sources_named
    from logpipe.store import Store

    if detect and log_format is not None:
        raise typer.BadParameter("--detect and --format exclude each other")
    interruption.explain("the source at work is as it was, and those before it are done")
    name, formats = chosen(log_format)
    options = Options(None, name, time_zone, formats=formats)
    failed, piped = False, 0
    with Store.open(db, create=False) as store:
        for source_id in sources_named(store, sources or []):
            try:
                done = read_again(store, source_id, options, detect_format=detect)
            except InputError as error:
                if error.reason in ("unknown_format", "unknown_time_zone"):
                    raise
                if error.reason == "standard_input" and not sources:
                    piped += 1
                    continue
                output.error(str(error))
                failed = True
                continue
            if as_json:
                output.json_lines([asdict(done)])
                continue
            (events_before, rejects_before), (events, rejects) = done.before, done.after
            output.note(
                f"{output.place(done.path)} (source {source_id}, {done.format}): {plural(events, 'event')} and "
                f"{plural(rejects, 'reject')}, before {events_before:,} and {rejects_before:,}"
            )
    if piped:
        output.note(f"{plural(piped, 'source')} left alone: standard input, of which no file was kept")
    if failed:
        raise typer.Exit(1)
