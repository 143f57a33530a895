"""`logpipe ingest`: log files into the database."""

import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from logpipe.errors import InputError
    from logpipe.ingest.ingest import Ingester
    from logpipe.ingest.intake import Summary


def ingest(
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders or globs, plain or .gz .zst .bz2 .xz; - is standard input.")
    ],
    db: Database = DEFAULT_DATABASE,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the files grow and rotate.")] = False,
    service: Annotated[
        str | None, typer.Option("--service", help="The service of records that name none.", metavar="NAME")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--format", help="The format of new files, instead of detecting it.", metavar="NAME")
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="The zone of times that name none.", metavar="ZONE")
    ] = "UTC",
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when lines were rejected.")] = False,
    as_json: Json = False,
) -> None:
    """Bring log files into the database, each line exactly once.

    What is there already is not read again, whatever the file is called by now. Lines that are no events are kept as
    rejects: see them with logpipe rejects.
    """
    from logpipe.cli import output
    from logpipe.cli.progress import Bar
    from logpipe.ingest.ingest import Ingester
    from logpipe.ingest.ingest import ingest as ingest_paths
    from logpipe.ingest.intake import Options
    from logpipe.ingest.stdin import STDIN, spooled
    from logpipe.store import Store

    grows = follow or STDIN in paths
    options = Options(service, log_format, time_zone, grows)
    stop = threading.Event()
    # Standard input is followed until it ends, which ends all when nothing else is to be followed.
    ended = stop if not follow or paths == [STDIN] else threading.Event()
    with Store.open(db) as store, spooled(paths, ended) as files:
        if grows:
            if follow:
                output.note(f"following {', '.join(paths)}; Ctrl-C ends it")
            errors: list[InputError] = []
            ingester = Ingester(store, options)
            _follow(ingester, files, stop, _warn if follow else errors.append)
            summary = ingester.summary
            summary.errors = errors
        else:
            with Bar(files, quiet=as_json) as bar:
                summary = ingest_paths(store, files, options, bar.show)
    for error in summary.errors:
        output.error(str(error))
    _report(summary, db, as_json=as_json)
    if summary.errors:
        raise typer.Exit(1)
    if strict and summary.rejects:
        raise typer.Exit(4)


def _follow(
    ingester: "Ingester", paths: list[str], stop: threading.Event, complain: "Callable[[InputError], None]"
) -> None:
    from logpipe.ingest.follow import follow

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    follow(ingester, paths, stop, complain)


def _warn(error: "InputError") -> None:
    from logpipe.cli import output

    output.warning(str(error))


def _report(summary: "Summary", db: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from logpipe.cli import output

    if as_json:
        figures = asdict(summary) | {"errors": [str(error) for error in summary.errors], "database": db}
        output.json_lines([figures])
        return
    rate = f", {summary.lines / summary.seconds:,.0f} lines/s" if summary.seconds > 0.5 else ""
    parts = [f"{summary.events:,} events"]
    parts += [f"{count:,} {name}" for count, name in _rest(summary) if count]
    sentence = (
        f"{summary.files:,} files ({summary.new_files:,} new), {summary.lines:,} lines, {summary.bytes / 1e6:,.1f} MB"
        f"{rate}: {', '.join(parts)} -> {db}"
    )
    output.note(sentence)
    if summary.rejects:
        output.note(f"see the rejected lines with: logpipe rejects --db {db}")
    if summary.waiting_bytes:
        output.note(
            f"{summary.waiting_bytes:,} bytes wait for the end of their line (or for the file to rest a few seconds)"
        )
    sys.stderr.flush()


def _rest(summary: "Summary") -> list[tuple[int, str]]:
    return [
        (summary.joined, "joined lines"),
        (summary.blanks, "blank"),
        (summary.rejects, "rejected"),
        (summary.lost_bytes, "bytes lost to overwriting"),
        (len(summary.errors), "files with errors"),
    ]
