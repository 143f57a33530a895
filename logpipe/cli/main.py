"""The `logpipe` command."""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from logpipe.cli import emit, findings, formats, notify, patterns, rejects, rollup, ship
from logpipe.cli.analyze import analyze
from logpipe.cli.backtest import backtest
from logpipe.cli.compact import compact
from logpipe.cli.cost import cost
from logpipe.cli.diff import diff
from logpipe.cli.explain import explain
from logpipe.cli.gaps import gaps
from logpipe.cli.gate import gate
from logpipe.cli.incidents import incidents
from logpipe.cli.ingest import ingest
from logpipe.cli.query import query
from logpipe.cli.reparse import reparse
from logpipe.cli.report import report
from logpipe.cli.retain import retain
from logpipe.cli.sources import sources
from logpipe.cli.stats import stats
from logpipe.cli.verify import verify
from logpipe.errors import LogpipeError

_USAGE = frozenset(
    (
        "bad_command",
        "bad_url",
        "merged_already",
        "same_pattern",
        "unknown_format",
        "unknown_pattern",
        "unknown_report",
        "unknown_time_zone",
    )
)
"""Reasons of errors that are slips on the command line."""

app = typer.Typer(
    name="logpipe",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # errors are one sentence; --debug shows the traceback
    help="Log files into DuckDB, exactly once; findings, reports and exports out of it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"logpipe {metadata.version('logpipe')}")
        raise typer.Exit


_WITHOUT_PANDAS = frozenset(
    (
        "compact",
        "cost",
        "findings",
        "gaps",
        "incidents",
        "ingest",
        "notify",
        "patterns",
        "query",
        "rejects",
        "reparse",
        "report",
        "retain",
        "rollup",
        "ship",
        "sources",
        "stats",
        "verify",
    )
)
"""Commands that have no use for it."""


@app.callback()
def options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    if debug:
        os.environ["LOGPIPE_DEBUG"] = "1"
    if context.invoked_subcommand in _WITHOUT_PANDAS:
        from logpipe.store.without_pandas import without_pandas

        context.with_resource(without_pandas())


app.command()(ingest)
app.command()(verify)
app.command()(sources)
app.command()(stats)
app.command()(reparse)
app.command()(retain)
app.command()(gaps)
app.command()(compact)
app.command()(query)
app.command()(cost)
app.command()(report)
app.command()(analyze)
app.command()(explain)
app.command()(incidents)
app.command()(diff)
app.command()(gate)
app.command()(backtest)
app.add_typer(formats.app, name="formats")
app.add_typer(emit.app, name="emit")
app.add_typer(findings.app, name="findings")
app.add_typer(notify.app, name="notify")
app.add_typer(patterns.app, name="patterns")
app.add_typer(rejects.app, name="rejects")
app.add_typer(rollup.app, name="rollup")
app.add_typer(ship.app, name="ship")


def main() -> None:
    """Run the command line.

    Exit code 0 done, 1 failed, 2 usage, 3 findings, 4 rejects, 5 not enough data, 6 rollback failed, 130 interrupted.
    """
    from logpipe.cli import interruption, output

    try:
        with interruption.immediate():
            app()
    except LogpipeError as error:
        if os.environ.get("LOGPIPE_DEBUG"):
            raise
        output.error(str(error))
        sys.exit(2 if error.reason in _USAGE else 1)
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        # The reader of a pipe has seen enough. The command line takes that for a failure; what is still buffered has
        # nowhere to go.
        _drop_output()
        sys.exit(0)
    except OSError as error:
        if os.environ.get("LOGPIPE_DEBUG"):
            raise
        output.error(f"{error.filename or 'standard output'}: {(error.strerror or str(error)).lower()}")
        _drop_output()
        sys.exit(1)


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
