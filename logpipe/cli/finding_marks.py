"""`logpipe findings mute|unmute|resolve|note`: what people say of a finding, kept by later runs."""

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, checked_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logpipe.store import Store
    from logpipe_analysis.finding import Finding

FindingId = Annotated[str, typer.Argument(metavar="ID", help="As `logpipe findings` prints it.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; `logpipe explain` shows it.", show_default=False)]


def mute(
    finding_id: FindingId,
    span: Annotated[
        str | None,
        typer.Option(
            "--for",
            callback=checked_span,
            help="How long, from now; else for good.",
            metavar="SPAN",
            show_default=False,
        ),
    ] = None,
    reason: Reason = None,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Have this problem make no alarm: findings of its kind, service and subject are stored as `muted`.

    An error spike has no subject: to mute one mutes the error spikes of that service.
    """
    from logpipe.cli import output
    from logpipe.cli.times import parse_span
    from logpipe_analysis import marks

    now = datetime.now(UTC)
    until = now + parse_span(span) if span else None
    with _finding(db, finding_id) as (store, finding):
        marks.mute(store, finding, reason, until, now)
    output.note(
        f"muted {f'until {until:%Y-%m-%d %H:%M} UTC' if until else 'for good'}: {output.one_line(finding.title)}"
    )


def unmute(finding_id: FindingId, db: Database = DEFAULT_DATABASE) -> None:
    """Take a mute back."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    with _finding(db, finding_id) as (store, finding):
        was_muted = marks.unmute(store, finding, datetime.now(UTC))
    output.note(f"{'no longer' if was_muted else 'was not'} muted: {output.one_line(finding.title)}")


def resolve(finding_id: FindingId, reason: Reason = None, db: Database = DEFAULT_DATABASE) -> None:
    """Close a finding: no later run opens it again. The same problem, when it sets in anew, is a new finding."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    with _finding(db, finding_id) as (store, finding):
        marks.resolve(store, finding, reason, datetime.now(UTC))
    output.note(f"resolved: {output.one_line(finding.title)}")


def note(
    finding_id: FindingId,
    text: Annotated[str, typer.Argument(help="What `logpipe explain` is to show with it.")],
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Keep a text with a finding."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    if not text.strip():
        raise typer.BadParameter("a note says something; this one is empty")
    with _finding(db, finding_id) as (store, finding):
        marks.note(store, finding, text, datetime.now(UTC))
    output.note(f"noted: {output.one_line(finding.title)}")


@contextmanager
def _finding(db: str, finding_id: str) -> "Iterator[tuple[Store, Finding]]":
    from logpipe.store import Store
    from logpipe_analysis.findings import load_one

    with Store.open(db, create=False, through_owner=True) as store:
        yield store, load_one(store, finding_id)
