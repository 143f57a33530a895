"""`logpipe analyze`: look for findings and store them."""

from typing import Annotated

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
        typer.Option(help="Exit with 3 if an open or new finding is as severe as this.", metavar="SEVERITY"),
    ] = None,
) -> None:
    """Look for error spikes, slow queries, latency rises, new patterns and silences; store what is found."""
    from logpipe.cli import findings, output
    from logpipe.cli.incidents import show_grouped
    from logpipe.store import Store
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
        if not json:
            show_grouped(store, heard)
    if json:
        output.json_lines(map(findings.as_row, heard))
    for note in analysis.notes:
        output.note(f"note: {note}")
    changes = analysis.changes
    output.note(
        f"{findings.counted(heard)}: {len(changes.new)} new, {len(changes.updated)} updated, "
        f"{len(changes.resolved)} resolved, {len(changes.unchanged)} unchanged"
        + (f"; {muted:,} muted" if (muted := len(analysis.findings) - len(heard)) else "")
    )
    severe = SEVERITIES[SEVERITIES.index(least) :] if least else ()
    alarming = (one for one in heard if one.status == "open" or one in changes.new)
    if any(finding.severity in severe for finding in alarming):
        raise typer.Exit(3)
