"""`logpipe ingest`: log files into the database."""

import os
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, SHARE_AFTER_S, Database, Json
from logpipe.cli.retention import policy_of_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logpipe.errors import LogpipeError
    from logpipe.ingest.housekeeping import Housekeeping
    from logpipe.ingest.options import Options, Summary
    from logpipe.store import Store


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
        str | None,
        typer.Option(
            "--format", help="The format of new files, instead of detecting it: a name, or a TOML file.", metavar="NAME"
        ),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone", help="The zone of times that name none, for good, in new files; else UTC.", metavar="ZONE"
        ),
    ] = None,
    notifications: Annotated[
        bool,
        typer.Option(
            "--notifications/--no-notifications",
            help="With --follow: wake on file-system events, or only look once a second.",
        ),
    ] = True,
    retain: Annotated[
        list[str] | None,
        typer.Option(
            "--retain",
            help="With --follow, what is kept: stream:NAME=SPAN, level:NAME=SPAN, all=SPAN, rejects=SPAN, "
            "max-size=SIZE or min-free=SIZE; may be repeated.",
            metavar="RULE",
        ),
    ] = None,
    log_file: Annotated[
        str | None,
        typer.Option(
            "--log-file",
            help="With --follow, where to write what it does, as JSON lines; by default beside the database, "
            "with .ingest.log added to its name. It is never ingested.",
            metavar="FILE",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 4 when lines were rejected.")] = False,
    as_json: Json = False,
) -> None:
    """Bring log files into the database, each line exactly once.

    What is there already is not read again, whatever the file is called by now. Lines that are no events are kept as
    rejects: see them with logpipe rejects.
    """
    from logpipe.cli import interruption, output
    from logpipe.cli.log_formats import chosen
    from logpipe.cli.own_log import logging_to
    from logpipe.cli.progress import Bar
    from logpipe.ingest.files.own_files import log_of
    from logpipe.ingest.housekeeping import Housekeeping
    from logpipe.ingest.ingest import ingest as ingest_paths
    from logpipe.ingest.options import Options
    from logpipe.ingest.stdin import STDIN
    from logpipe.store import Store

    name, formats = chosen(log_format)
    policy = policy_of_rules(retain or [])
    if not (policy.empty or follow):
        raise typer.BadParameter("--retain goes with --follow; else run logpipe retain")
    if log_file is not None and not follow:
        raise typer.BadParameter("--log-file goes with --follow")
    interruption.explain("what was committed stays, and the same command goes on from there")
    if not (follow or STDIN in paths or os.path.exists(db)):
        _refuse_what_is_nowhere(paths, db, as_json=as_json)
    with Store.open(db) as store:
        if follow or STDIN in paths:
            own_log = (log_file or log_of(db)) if follow and db != ":memory:" else log_file
            options = Options(service, name, time_zone, following=True, formats=formats, own_log=own_log)
            house = Housekeeping(policy)
            with logging_to(own_log):
                summary = _follow(store, paths, options, house, quietly=not follow, notifications=notifications)
        else:
            with Bar(paths, quiet=as_json) as bar:  # on a terminal it looks into all folders, which may take long
                store.share(after_s=SHARE_AFTER_S)  # loading makes its settings first, and must have begun by then
                options = Options(service, name, time_zone, formats=formats)
                summary = ingest_paths(store, paths, options, bar.show)
    for warning in summary.warnings:
        output.warning(str(warning))
    _report(summary, db, as_json=as_json)
    if summary.errors:
        raise typer.Exit(1)
    if strict and summary.rejects:
        raise typer.Exit(4)


def _refuse_what_is_nowhere(paths: list[str], db: str, *, as_json: bool) -> None:
    """No database is begun for nothing but slips of the pen."""
    from logpipe.ingest.files.discovery import find
    from logpipe.ingest.options import Summary

    files, errors = find(paths)
    if not files and errors:
        _report(Summary(errors=[*errors]), db, as_json=as_json)
        raise typer.Exit(1)


def _follow(
    store: "Store",
    paths: list[str],
    options: "Options",
    house: "Housekeeping",
    *,
    quietly: bool,
    notifications: bool,
) -> "Summary":
    """Until Ctrl-C; `quietly`, and where there is nothing else to follow, until standard input ends."""
    from logpipe.cli import interruption, output
    from logpipe.ingest.follow import follow
    from logpipe.ingest.ingest import Ingester
    from logpipe.ingest.stdin import STDIN, Spool

    errors: list[LogpipeError] = []
    stop = threading.Event()
    only_input = quietly or paths == [STDIN]
    spool = Spool(ends=stop if only_input else None) if STDIN in paths else None
    ingester = Ingester(store, options if spool is None else replace(options, spool=str(spool.path)))
    interruption.request(stop)
    _share(store)
    if not quietly:
        names = ", ".join("standard input" if path == STDIN else path for path in paths)
        output.note(f"following {names}" + ("" if spool else "; Ctrl-C ends it"))
    with spool or nullcontext():
        files = [str(spool.path) if spool and path == STDIN else path for path in paths]
        complain = errors.append if quietly else _warn
        follow(ingester, files, stop, complain, notifications=notifications, between=lambda: house.step(store))
        if spool is not None and spool.error is not None:
            raise spool.error
        if quietly and spool is not None and not spool.ended:
            interruption.leave()
    ingester.summary.errors = errors
    return ingester.summary


def _share(store: "Store") -> None:
    """Let the other commands work meanwhile; where that cannot be, this one works all the same."""
    from logpipe.cli import output
    from logpipe.errors import StoreError

    try:
        store.share()
    except StoreError as error:
        output.warning(str(error))


def _warn(error: "LogpipeError") -> None:
    from logpipe.cli import output

    output.warning(str(error))


def _report(summary: "Summary", db: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from logpipe.cli import output
    from logpipe.cli.sizes import shown_size

    for error in summary.errors:
        output.error(str(error))
    if as_json:
        figures = asdict(summary) | {
            "errors": _sentences(summary.errors),
            "warnings": _sentences(summary.warnings),
            "database": db,
        }
        output.json_lines([figures])
        return
    rate = f", {summary.lines / summary.seconds:,.0f} lines/s" if summary.seconds > 0.5 else ""
    parts = [plural(summary.events, "event")]
    parts += _rest(summary)
    parts += [f"{plural(len(summary.errors), 'file')} with errors"] if summary.errors else []
    kinds = [f"{summary.new_files:,} new"]
    kinds += [plural(summary.copies, "copy", "copies")] if summary.copies else []
    sentence = (
        f"{plural(summary.files, 'file')} ({', '.join(kinds)}), {plural(summary.lines, 'line')}, "
        f"{shown_size(summary.bytes)}"
        f"{rate}: {', '.join(parts)} -> {db}"
    )
    output.note(sentence)
    if summary.rejects:
        output.note(f"see the rejected lines with: logpipe rejects --db {db}")
    if summary.gaps:
        output.note(f"see what was lost, or may have been, with: logpipe gaps --db {db}")
    if summary.waiting_bytes:
        waiting = plural(summary.waiting_bytes, "byte waits", "bytes wait")
        output.note(f"{waiting} for the end of the line (or for the file to rest a few seconds)")
    sys.stderr.flush()


def _sentences(troubles: "Sequence[LogpipeError]") -> list[str]:
    return [str(trouble) for trouble in troubles]


def _rest(summary: "Summary") -> list[str]:
    counted = [
        (summary.joined, "joined line", "joined lines"),
        (summary.blanks, "blank", "blank"),
        (summary.rejects, "rejected", "rejected"),
        (summary.lost_bytes, "byte lost", "bytes lost"),
        (summary.gaps, "gap", "gaps"),
    ]
    return [plural(count, one, many) for count, one, many in counted if count]
