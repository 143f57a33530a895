"""`logpipe analyze`: look for findings and store them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json


def analyze(
    db: Database = DEFAULT_DATABASE,
    since: Annotated[
        str | None, typer.Option(help="Look from here on: RFC 3339, a date, or how long ago (2h, 1d).", metavar="TIME")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Look up to here, the same forms.", metavar="TIME")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only findings of this kind; may be given again.")] = None,
    bucket: Annotated[str, typer.Option(help="The resolution: shorter than 1m for short ranges.")] = "1m",
    json: Json = False,
    fail_on: Annotated[
        str | None,
        typer.Option(help="Exit with 3 if an open or new finding is as severe as this.", metavar="SEVERITY"),
    ] = None,
) -> None:
    """Look for error spikes, slow queries, latency rises, new patterns and silences; store what is found."""
    from logpipe.cli import findings, output
    from logpipe.cli.times import parse_time
    from logpipe.store import Store
    from logpipe_analysis.analyze import analyze as analyse
    from logpipe_analysis.finding import SEVERITIES
    from logpipe_analysis.settings import Settings
    from logpipe_analysis.timerange import parse_duration

    now = datetime.now(UTC)
    kinds = findings.known_kinds(kind or [])
    least = findings.known_severity(fail_on)
    start, end = (parse_time(text, now) if text else None for text in (since, until))
    with Store.open(db) as store:
        analysis = analyse(store, start, end, kinds, Settings(bucket=parse_duration(bucket)))
    if json:
        output.json_lines(map(findings.as_row, analysis.findings))
    else:
        findings.show(analysis.findings)
    for note in analysis.notes:
        output.note(f"note: {note}")
    changes = analysis.changes
    output.note(
        f"{findings.counted(analysis.findings)}: {len(changes.new)} new, {len(changes.updated)} updated, "
        f"{len(changes.resolved)} resolved, {len(changes.unchanged)} unchanged"
    )
    severe = SEVERITIES[SEVERITIES.index(least) :] if least else ()
    alarming = (one for one in analysis.findings if one.status == "open" or one in changes.new)
    if any(finding.severity in severe for finding in alarming):
        raise typer.Exit(3)
