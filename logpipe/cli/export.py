"""`logpipe export`: metrics for Prometheus, events for Loki."""

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, OutputFile, Since, Until, stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from logpipe_shippers.loki import Payload, Refusal, Stock

app = typer.Typer(no_args_is_help=True, help="Metrics for Prometheus, events for Loki.")

_MAX_REASONS = 5
_PROGRESS_AFTER_S = 0.5


@app.command()
def prometheus(
    output: OutputFile = "-",
    max_operations: Annotated[
        int,
        typer.Option(min=0, help="Routes, queries and events of a service that keep their names; the rest is 'other'."),
    ] = 100,
    max_sources: Annotated[
        int, typer.Option(min=0, help="Log files that keep their names; the rest is 'other'.")
    ] = 100,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Write metrics in Prometheus' text format, as for node_exporter's textfile collector.

    Example: logpipe export prometheus -o /var/lib/prometheus/node-exporter/logpipe.prom
    """
    from logpipe.cli import output as terminal
    from logpipe.cli.atomic_file import open_output
    from logpipe.store import Store
    from logpipe_shippers.prometheus import Limits, exposition

    with Store.open(db, read_only=True) as store:
        text = exposition(store, Limits(operations=max_operations, sources=max_sources))
    with open_output(output) as file:
        file.write(text)
    samples = sum(not line.startswith(b"#") for line in text.splitlines())
    terminal.note(f"{samples:,} samples, {len(text):,} bytes")


@app.command()
def loki(
    context: typer.Context,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="Write the payloads to FILE, one a line, whole or not at all; - is standard output.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Push to this server: http://localhost:3100.",
            envvar="LOGPIPE_LOKI_URL",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            help="The tenant to push to, as X-Scope-OrgID.",
            envvar="LOGPIPE_LOKI_TENANT",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    service: Annotated[
        list[str] | None,
        typer.Option(help="Of this service only; may be given again.", metavar="NAME", show_default=False),
    ] = None,
    batch_bytes: Annotated[
        int, typer.Option(min=262_144, help="The most bytes of JSON in one payload.", metavar="BYTES")
    ] = 1_000_000,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Write events as payloads of Loki's push API, or push them to a server.

    Without --url, the payloads go to FILE or standard output, each on one line that can be posted as it is.

    Example: logpipe export loki --since 1d --url http://localhost:3100
    """
    from logpipe.store import Store
    from logpipe_shippers.loki import Scope, entries, payloads, stock

    if output is not None:
        if url is not None and _given(context, "url"):
            raise typer.BadParameter("--output and --url exclude each other")
        url = None
    with Store.open(db, read_only=True) as store:
        scope = Scope(*stretch(store, since, until), tuple(service or ()))
        there = stock(store, scope)
        with _progress(there.events) as advance:
            batches = payloads(entries(store, scope), batch_bytes)
            if url is None:
                _write(batches, output or "-", there, advance)
            else:
                _push(batches, url, tenant, there, advance)


def _given(context: typer.Context, name: str) -> bool:
    """Whether the option stands on the command line, and not in a variable."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _write(batches: "Iterable[Payload]", output: str, there: "Stock", advance: "Callable[[int], None]") -> None:
    from logpipe.cli.atomic_file import open_output

    written = size = lines = 0
    with open_output(output) as file:
        for payload in batches:
            file.write(payload.body)
            file.write(b"\n")
            written, size, lines = written + 1, size + len(payload.body) + 1, lines + payload.lines
            advance(payload.lines)
    _summary(f"{written:,} payloads, {lines:,} lines, {size:,} bytes", there)


def _push(
    batches: "Iterable[Payload]", url: str, tenant: str | None, there: "Stock", advance: "Callable[[int], None]"
) -> None:
    from logpipe_shippers.loki import Pusher

    pushed = size = 0
    with Pusher(url, tenant=tenant) as pusher:
        for payload in batches:
            pusher.push(payload)
            pushed, size = pushed + 1, size + len(payload.body)
            advance(payload.lines)
    _summary(f"{pushed:,} payloads, {pusher.pushed_lines:,} lines taken, {size:,} bytes of JSON", there)
    _fail_on(pusher.refusals)


def _summary(sentence: str, there: "Stock") -> None:
    from logpipe.cli import output

    output.note(sentence)
    if there.without_time:
        output.warning(f"{there.without_time:,} events have no time between 1970 and 2262 and were not exported")


def _fail_on(refusals: "Sequence[Refusal]") -> None:
    """Each reason on standard error; then exit code 1, if there is one."""
    from logpipe.cli import output

    if not refusals:
        return
    for refusal in refusals[:_MAX_REASONS]:
        output.warning(
            f"{refusal.payloads:,} payloads with {refusal.lines:,} lines were refused "
            f"with {refusal.status}: {refusal.reason}"
        )
    if len(refusals) > _MAX_REASONS:
        output.warning(f"and for {len(refusals) - _MAX_REASONS} more reasons")
    output.error(
        f"{sum(refusal.lines for refusal in refusals):,} lines were in refused payloads, and at most so many are "
        "missing, since Loki keeps those it accepts; see the limits in docs/export.md"
    )
    raise typer.Exit(1)


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[int], None]]":
    """A bar of lines on standard error, if that is a terminal and it takes longer than half a second."""
    if not sys.stderr.isatty():
        yield lambda _lines: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from logpipe.cli import output

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        "lines",
        TimeRemainingColumn(),
        console=output.console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=total)
    begun = time.monotonic()

    def advance(lines: int) -> None:
        bar.advance(task, lines)
        if time.monotonic() - begun > _PROGRESS_AFTER_S:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
