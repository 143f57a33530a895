"""`logpipe notify`: whether people can be reached, and who would be told of what."""

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from logpipe_analysis.finding import Finding
    from logpipe_shippers.notify import Notifier
    from logpipe_shippers.notify.routing import Routing

_WAITS_S = 3.0

app = typer.Typer(no_args_is_help=True, help="People: their channels, and what goes to whom.")

Configuration = Annotated[
    str, typer.Option("--config", envvar="LOGPIPE_SHIP_CONFIG", help="The channels, as TOML.", metavar="FILE")
]


@app.command(name="test")
def try_out(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Channels; else all.", show_default=False)
    ] = None,
    config: Configuration = "ship.toml",
) -> None:
    """Send a message that says that it is a test to each channel; exit code 1 where one did not take it.

    Example: logpipe notify test oncall --config ship.toml
    """
    from logpipe.cli import output
    from logpipe.errors import ReceiverError
    from logpipe_shippers.notify import load

    failed = False
    for channel in _chosen(load(config), names):
        name = output.one_line(channel.channel.name)
        try:
            with _said_to_wait(name):
                channel.test()
            typer.echo(f"{name}: sent")
        except ReceiverError as error:
            failed = True
            output.error(f"{name}: {error}")
        finally:
            channel.close()
    if failed:
        raise typer.Exit(1)


@contextmanager
def _said_to_wait(name: str) -> "Iterator[None]":
    """A word on standard error where a service takes its time, as one does that no network leads to."""
    from logpipe.cli import output

    timer = threading.Timer(_WAITS_S, output.note, [f"{name}: waiting for the service; Ctrl-C ends it"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@app.command()
def routes(config: Configuration = "ship.toml", db: Database = DEFAULT_DATABASE, json: Json = False) -> None:
    """Show where each open finding goes, and where it would go unless somebody acknowledged it; nothing is sent.

    Example: logpipe notify routes --config ship.toml
    """
    from datetime import UTC, datetime

    from logpipe.cli import output
    from logpipe.store import Store
    from logpipe_analysis.findings import load as load_findings
    from logpipe_shippers.delivery.configuration import read
    from logpipe_shippers.notify import attended, routing

    ways = routing(read(config), config)
    with Store.open(db, read_only=True) as store:
        at_it = attended(store, datetime.now(UTC))
        rows = [_row(one, ways, at_it) for one in load_findings(store, status="open")]
    if json:
        output.json_lines(rows)
        return
    output.table(
        ("finding", "severity", "service", "kind", "to", "unless acknowledged"),
        [
            (
                row["finding_id"],
                row["severity"],
                row["service"],
                row["kind"],
                _listed(row["to"]),
                _acknowledged(row) if row["acknowledged"] else _steps(row["escalate"]),
            )
            for row in rows
        ],
    )
    lost = sum(not row["to"] for row in rows)
    output.note(f"{len(rows)} open, of which {lost} go to nobody" if lost else f"{len(rows)} open")


def _chosen(channels: "Sequence[Notifier]", names: list[str] | None) -> "Sequence[Notifier]":
    known = {one.channel.name: one for one in channels}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"{name!r} is no channel; there are {', '.join(known)}")
    return [known[name] for name in names] if names else channels


def _row(finding: "Finding", routing: "Routing", attended: "Mapping[str, str | None]") -> dict[str, object]:
    taken, acknowledged = routing.of(finding), finding.finding_id in attended
    return {
        "finding_id": finding.finding_id,
        "severity": finding.severity,
        "service": finding.service,
        "kind": finding.kind,
        "environment": finding.environment,
        "to": list(dict.fromkeys(name for route in taken for name in route.match.to)),
        "acknowledged": acknowledged,
        "acknowledged_by": attended.get(finding.finding_id),
        "escalate": [
            {"after_s": step.after.total_seconds(), "to": list(step.to)}
            for route in taken
            for step in route.steps
            if not acknowledged
        ],
    }


def _listed(names: object) -> str:
    return ", ".join(names) if isinstance(names, list) and names else "nobody"


def _acknowledged(row: "Mapping[str, object]") -> str:
    return f"acknowledged by {row['acknowledged_by']}" if row["acknowledged_by"] else "acknowledged"


def _steps(steps: object) -> str:
    from datetime import timedelta

    from logpipe_analysis import phrases

    assert isinstance(steps, list)
    return "; ".join(
        f"{_listed(one['to'])} after {phrases.duration(timedelta(seconds=one['after_s']))}" for one in steps
    )
