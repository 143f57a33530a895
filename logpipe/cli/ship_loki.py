"""`logpipe ship loki`: events to a Loki, or into a file of what would be sent."""

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Since, Until, stretch
from logpipe.cli.shipping import CaFile, Follow, PasswordFile, TokenFile, User, access, beginning, of_target, ship

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logpipe.store import Store
    from logpipe_shippers.delivery.shipper import Refusal
    from logpipe_shippers.loki import LokiShipper
    from logpipe_shippers.loki.export import Scope

_PROGRESS_AFTER_S = 0.5


def loki(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(
            help="The server: http://localhost:3100.", envvar="LOGPIPE_LOKI_URL", metavar="URL", show_default=False
        ),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(
            help="The tenant, as X-Scope-OrgID.", envvar="LOGPIPE_LOKI_TENANT", metavar="NAME", show_default=False
        ),
    ] = None,
    user: User = None,
    password_file: PasswordFile = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    name: Annotated[
        str, typer.Option(help="Of the target, whose cursor the database keeps as loki:NAME.", metavar="NAME")
    ] = "main",
    payload_format: Annotated[
        str, typer.Option("--format", help="protobuf, with snappy, or json, with gzip.", metavar="FORMAT")
    ] = "protobuf",
    follow: Follow = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what Loki would refuse, and why; nothing is sent.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="Write payloads of JSON to FILE, one a line, whole or not at all; - is standard output.",
            metavar="FILE",
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
        int, typer.Option(min=1_000, help="The most bytes in one payload, before compression.", metavar="BYTES")
    ] = 1_000_000,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Bring events to Loki, each once, from where the last run ended; a new target begins 7 days back, or at --since.

    With -o, write those of a range of time to a file instead.

    Example: logpipe ship loki --url http://localhost:3100 --follow
    """
    from logpipe.store import Store
    from logpipe_shippers.loki import LokiSettings, LokiShipper
    from logpipe_shippers.loki.export import Scope

    _check(context, output, url, until, follow, dry_run)
    services = tuple(service or ())
    if output is not None:
        with Store.open(db, read_only=True) as store:
            start, end = stretch(store, since, until)
            _write(store, Scope(start, end, services), batch_bytes, output)
        return
    settings = of_target(
        LokiSettings,
        access(url or "http://localhost:3100", user, password_file, token_file, ca_file),
        tenant=tenant,
        format=payload_format,
        services=services,
        batch_bytes=batch_bytes,
    )
    shipper = LokiShipper(name, settings, beginning(db, since))
    if dry_run:
        _preview(shipper, db)
    else:
        ship([shipper], db, follow=follow)


def _check(
    context: typer.Context, output: str | None, url: str | None, until: str | None, follow: bool, dry_run: bool
) -> None:
    """Options that make no sense together are wrong usage."""
    source = context.get_parameter_source("url")
    if output is not None and (follow or dry_run or (source is not None and source.name == "COMMANDLINE")):
        raise typer.BadParameter("--output excludes --url, --follow and --dry-run")
    if output is None and until is not None:
        raise typer.BadParameter("--until goes with --output")
    if follow and dry_run:
        raise typer.BadParameter("--follow and --dry-run exclude each other")
    if output is None and url is None and not dry_run:
        raise typer.BadParameter("give --url, or --output for a file")


def _preview(shipper: "LokiShipper", db: str) -> None:
    """Counts by reason on standard output, with a row of each; exit code 1 where something would be refused."""
    from contextlib import closing

    from logpipe.cli import output
    from logpipe.cli.shipping_progress import ShippingProgress
    from logpipe.store import Store
    from logpipe_shippers.loki.push import kind_of

    counts: dict[str, int] = {}
    examples: dict[str, tuple[Refusal, str]] = {}
    accepted = 0
    with ShippingProgress(), closing(shipper), Store.open(db, read_only=True) as store:
        for lines, refusals in shipper.preview(store):
            accepted += lines
            for refusal in refusals:
                kind = kind_of(refusal.reason)
                counts[kind] = counts.get(kind, 0) + 1
                if kind not in examples:
                    examples[kind] = refusal, _path(store, refusal.source_id)
    output.wrapped(f"{accepted:,} would be sent, {sum(counts.values()):,} would be refused")
    for kind, (refusal, path) in examples.items():
        place = f"{output.place(path)} at byte {refusal.source_pos:,}"
        output.wrapped(f"{counts[kind]:,}: {refusal.reason}; as {place}", 2)
    if counts:
        raise typer.Exit(1)


def _path(store: "Store", source_id: int) -> str:
    rows = store.execute("SELECT path FROM sources WHERE source_id = ?", [source_id])
    return str(rows[0][0]) if rows else f"source {source_id}"


def _write(store: "Store", scope: "Scope", batch_bytes: int, target: str) -> None:
    from logpipe.cli import output
    from logpipe.cli.atomic_file import open_output
    from logpipe_shippers.loki.export import bodies, stock

    there = stock(store, scope)
    written = size = lines = 0
    with _progress(there.events) as advance, open_output(target) as file:
        for body, count in bodies(store, scope, batch_bytes):
            file.write(body)
            file.write(b"\n")
            written, size, lines = written + 1, size + len(body) + 1, lines + count
            advance(count)
    output.note(f"{written:,} payloads, {lines:,} lines, {size:,} bytes")
    if there.without_time:
        output.warning(f"{there.without_time:,} events have no time between 1970 and 2262 and were not written")


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
