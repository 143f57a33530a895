"""`logpipe analyze`: look for findings and store them."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from logpipe.cli.options import (
    DEFAULT_DATABASE,
    SHARE_AFTER_S,
    Bucket,
    Database,
    Json,
    SettingsFile,
    Since,
    Until,
    detector_settings,
    stretch,
)

if TYPE_CHECKING:
    from logpipe_analysis.analysis import Analysis

_STALE_AFTER: Final = timedelta(minutes=15)
"""The newest event is older by the clock: the analysis may be right, and yet tell nothing of now."""


def analyze(
    db: Database = DEFAULT_DATABASE,
    since: Since = None,
    until: Until = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only findings of this kind; may be given again.")] = None,
    bucket: Bucket = None,
    settings_file: SettingsFile = None,
    json: Json = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="Exit with 3 if a finding that is open, or that no earlier run has found, is as severe as this.",
            metavar="SEVERITY",
        ),
    ] = None,
) -> None:
    """Look for error spikes, slow queries, latency rises, new patterns and silences; store what is found."""
    from logpipe.cli import findings, output
    from logpipe.cli.incidents import show_grouped
    from logpipe.store import Store
    from logpipe_analysis import marks
    from logpipe_analysis.analysis import analyze as analyse
    from logpipe_analysis.finding import SEVERITIES

    kinds = findings.known_kinds(kind or [])
    least = findings.known_severity(fail_on)
    settings = detector_settings(settings_file, bucket)
    with Store.open(db, create=False, through_owner=True) as store:
        if not store.attached:
            store.share(writable=False, after_s=SHARE_AFTER_S)
        analysis = analyse(store, *stretch(store, since, until), kinds, settings)
        heard = [one for one in analysis.findings if one.status != "muted"]
        said = marks.in_force(store, datetime.now(UTC))
        if not json:
            show_grouped(store, heard, said)
    if json:
        output.json_lines(findings.rows(heard, said))
    for note in analysis.notes:
        output.note(f"note: {note}")
    changes = analysis.changes
    output.note(
        f"{findings.counted(heard)}: {len(changes.new)} new, {len(changes.updated)} updated, "
        f"{len(changes.resolved)} resolved, {len(changes.unchanged)} unchanged"
        + (f"; {muted:,} muted" if (muted := len(analysis.findings) - len(heard)) else "")
        + _judged(analysis)
        + (_age(analysis, datetime.now(UTC)) if until is None else "")
    )
    severe = SEVERITIES[SEVERITIES.index(least) :] if least else ()
    alarming = (one for one in heard if one.status == "open" or one in changes.new)
    if any(finding.severity in severe for finding in alarming):
        raise typer.Exit(3)


def _judged(analysis: "Analysis") -> str:
    """The stretch that the findings are of; nothing where it holds no events."""
    since, until = analysis.since, analysis.until
    return f"; judged {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}" if since and until and since < until else ""


def _age(analysis: "Analysis", now: datetime) -> str:
    """How long ago the events end, where that is not of now: what should bring newer ones may stand still."""
    from logpipe_analysis import phrases

    until = analysis.until
    if until is None or now - until <= _STALE_AFTER:
        return ""
    return f"; events until {until:%Y-%m-%d %H:%M}, {phrases.duration(now - until)} ago"
