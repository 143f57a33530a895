"""`logpipe cost`: what the log costs, and what less of it would have saved and lost."""

from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import (
    DEFAULT_DATABASE,
    Database,
    Json,
    RowLimit,
    Service,
    Since,
    Until,
    known_service,
    stretch,
)

if TYPE_CHECKING:
    from logpipe_analysis.cost import Cost, Saving

_ROWS = 10


def cost(
    since: Since = None,
    until: Until = None,
    service: Service = None,
    by_pattern: Annotated[bool, typer.Option("--by-pattern", help="By message pattern, not by line of code.")] = False,
    sample: Annotated[
        list[str] | None,
        typer.Option(help="Play this rule of setup_logging(sample=…) through.", metavar="LOGGER@LEVEL=RATE"),
    ] = None,
    demote: Annotated[
        list[str] | None,
        typer.Option(help="Play through that this line logs at DEBUG.", metavar="MODULE:FUNCTION:LINE"),
    ] = None,
    limit: RowLimit = _ROWS,
    json: Json = False,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Show which lines of code write most, and what sampling them, or taking them down to DEBUG, would save and lose.

    Example: logpipe cost --since 7d --sample shop.http@INFO=0.01
    """
    from dataclasses import asdict

    from logpipe.cli import output
    from logpipe.store import Store
    from logpipe_analysis import cost as costs
    from logpipe_analysis.reports import Scope

    with Store.open(db, read_only=True) as store:
        scope = Scope(*stretch(store, since, until), service, limit or None)
        known_service(store, service)
        found = costs.cost(store, scope, by_pattern=by_pattern, sample=sample or (), demote=demote or ())
    lines = found.lines[: limit or None]
    if json:
        output.json_lines([{"type": "line", **asdict(line)} for line in lines])
        output.json_lines([{"type": "saving", **asdict(saving)} for saving in found.savings])
        return
    _show(found, limit)
    for rule in sample or ():
        if not any(saving.what == rule.rpartition("=")[0] for saving in found.savings):
            output.note(f"note: nothing was logged that the rule {rule} is about")


def _show(found: "Cost", limit: int | None) -> None:
    from datetime import timedelta

    from logpipe.cli import output
    from logpipe.cli.sizes import shown_size
    from logpipe_analysis import phrases

    lines = found.lines[: limit or None]
    lasted = phrases.duration(timedelta(days=found.days))
    typer.echo(f"{shown_size(round(found.bytes_a_day))} a day, by {lasted} of log\n")
    columns = ("service", "line", "level", "bytes/day", "share", "events/day", "example")
    output.table(
        columns,
        [
            (
                line.service,
                line.place,
                line.level,
                shown_size(round(line.bytes_a_day)),
                f"{line.byte_share:.1%}",
                round(line.events_a_day),
                (line.example or "")[:40],
            )
            for line in lines
        ],
    )
    for saving in found.savings:
        typer.echo(f"\n{output.harmless(_told(saving))}")
    if found.settings:
        typer.echo()
    for call in found.settings.values():
        typer.echo(output.harmless(call))


def _told(saving: "Saving") -> str:
    from logpipe.cli.sizes import shown_size

    way = f"take {saving.what} down to DEBUG" if saving.how == "demote" else f"sample {saving.what} at {saving.rate:g}"
    ratio = f" (1:{1 / saving.rate:.0f})" if saving.how == "sample" and 0 < saving.rate <= 0.5 else ""
    errors = f"{saving.lost_errors_a_day:,.0f} errors" if saving.lost_errors_a_day else "no error"
    lost = [f"{saving.lost_events_a_day:,.0f} events a day, {errors}"]
    if saving.requests:
        lost.append(f"all of them in {saving.requests * (1 - saving.rate):,.0f} of {saving.requests:,} requests")
    if saving.lost_of_failed_requests_a_day:
        kept = ' (kept by tail="DEBUG")'
        lost.append(f"{saving.lost_of_failed_requests_a_day:,.1f} a day in requests that failed{kept}")
    lost.append(f"{saving.lost_of_findings:,.1f} lines that show findings")
    size = shown_size(round(saving.bytes_a_day))
    return f"{saving.service}: {way}{ratio} saves {size} a day, {saving.byte_share:.1%}\n  loses {'; '.join(lost)}"
