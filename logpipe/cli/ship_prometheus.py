"""`logpipe ship prometheus`: metrics to be scraped, to a file, or to a Pushgateway."""

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, checked_span
from logpipe.cli.shipping import CaFile, Follow, PasswordFile, TokenFile, User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logpipe_shippers.delivery.access import Access
    from logpipe_shippers.prometheus import Limits
    from logpipe_shippers.prometheus.objectives import Objective


def prometheus(
    listen: Annotated[
        str | None,
        typer.Option(
            help="Serve /metrics, /metrics/json and /health here until Ctrl-C; what it does where nothing else is "
            "asked for, at 127.0.0.1:9464.",
            envvar="LOGPIPE_METRICS_LISTEN",
            metavar="HOST:PORT",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            help="Write them to FILE, whole or not at all; - is standard output.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    pushgateway: Annotated[
        str | None,
        typer.Option(help="Push them: http://localhost:9091.", metavar="URL", show_default=False),
    ] = None,
    follow: Follow = False,
    interval: Annotated[
        str,
        typer.Option(callback=checked_span, help="How often, with --follow.", metavar="SPAN"),
    ] = "15s",
    objectives: Annotated[
        str | None,
        typer.Option(
            help="Service level objectives, as TOML.",
            envvar="LOGPIPE_OBJECTIVES",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    job: Annotated[str, typer.Option(help="Of what is pushed.", metavar="NAME")] = "logpipe",
    user: User = None,
    password_file: PasswordFile = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    max_operations: Annotated[
        int,
        typer.Option(min=0, help="Routes, queries and events of a service that keep their names; the rest is 'other'."),
    ] = 100,
    max_sources: Annotated[
        int, typer.Option(min=0, help="Log files that keep their names; the rest is 'other'.")
    ] = 100,
    max_patterns: Annotated[
        int, typer.Option(min=0, help="Patterns of errors of a service that keep their names; the rest is 'other'.")
    ] = 100,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Metrics for Prometheus: to be scraped, as a file for node_exporter, or pushed to a Pushgateway.

    Example: logpipe ship prometheus --listen 127.0.0.1:9464
    """
    from logpipe.cli.shipping import access
    from logpipe.cli.times import parse_span
    from logpipe_shippers.prometheus import Limits
    from logpipe_shippers.prometheus.objectives import load

    if (output is not None) + (pushgateway is not None) > 1:
        raise typer.BadParameter("--output and --pushgateway exclude each other")
    limits = Limits(operations=max_operations, sources=max_sources, patterns=max_patterns)
    slos = load(objectives) if objectives else []
    every_s = parse_span(interval).total_seconds()
    if output is not None:
        if follow:
            _rewrite(db, output, limits, slos, every_s)
        else:
            _write(db, output, limits, slos)
    elif pushgateway is not None:
        receiver = access(pushgateway, user, password_file, token_file, ca_file)
        _push(db, receiver, job, objectives, limits, every_s, follow=follow)
    else:
        _serve(db, listen or "127.0.0.1:9464", limits, slos)


def _serve(db: str, listen: str, limits: "Limits", objectives: "Sequence[Objective]") -> None:
    from logpipe.cli import output as terminal
    from logpipe.cli.interruption import request
    from logpipe_shippers.prometheus.scrapes import Scrapes
    from logpipe_shippers.prometheus.server import address, serving

    stop = threading.Event()
    request(stop)
    with serving(Scrapes(db, limits, objectives), *address(listen)) as url:
        terminal.note(f"metrics at {url}/metrics; Ctrl-C ends it")
        stop.wait()


def _write(db: str, output: str, limits: "Limits", objectives: "Sequence[Objective]") -> None:
    from logpipe.cli import output as terminal
    from logpipe.cli.atomic_file import open_output
    from logpipe.store import Store
    from logpipe_shippers.prometheus import exposition

    with Store.open(db, read_only=True) as store:
        text = exposition(store, limits, objectives)
    with open_output(output) as file:
        file.write(text)
    samples = sum(not line.startswith(b"#") for line in text.splitlines())
    terminal.note(f"{samples:,} samples, {len(text):,} bytes")


def _rewrite(db: str, output: str, limits: "Limits", objectives: "Sequence[Objective]", every_s: float) -> None:
    from logpipe.cli import output as terminal
    from logpipe.cli.atomic_file import open_output
    from logpipe.cli.interruption import request
    from logpipe_shippers.prometheus.textfile import rewrite

    if output == "-":
        raise typer.BadParameter("--follow needs a file to rewrite")

    def write(text: bytes) -> None:
        with open_output(output) as file:
            file.write(text)

    stop = threading.Event()
    request(stop)
    terminal.note(f"writing {output} every {every_s:g} s; Ctrl-C ends it")
    rewrite(db, write, limits, objectives, interval_s=every_s, stop=stop)


def _push(
    db: str, access: "Access", job: str, objectives: str | None, limits: "Limits", every_s: float, *, follow: bool
) -> None:
    from datetime import timedelta

    from logpipe.cli.shipping import of_target, ship
    from logpipe_shippers.prometheus.pushgateway import Pushgateway, Settings

    settings = of_target(
        Settings,
        access,
        job=job,
        interval=timedelta(seconds=every_s),
        objectives=objectives,
        max_operations=limits.operations,
        max_sources=limits.sources,
        max_patterns=limits.patterns,
    )
    ship([Pushgateway("cli", settings)], db, follow=follow)
