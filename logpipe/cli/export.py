"""`logpipe export`: metrics for Prometheus."""

from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, OutputFile

app = typer.Typer(no_args_is_help=True, help="Metrics for Prometheus.")


@app.callback()
def _group() -> None:
    """A group, though it has one command."""


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
