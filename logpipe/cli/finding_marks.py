"""`logpipe findings mute|unmute|resolve|ack|note`: what people say of a finding, kept by later runs."""

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, checked_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from logpipe.store import Store
    from logpipe_analysis.finding import Finding

MarkedId = Annotated[
    str, typer.Argument(metavar="ID", help="As `logpipe findings` prints it; an incident's means all its findings.")
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; `logpipe explain` shows it.", show_default=False)]


def mute(
    marked_id: MarkedId,
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
    with _marked(db, marked_id) as (store, found):
        for finding in _problems(found):
            marks.mute(store, finding, reason, until, now)
    output.note(f"muted {f'until {until:%Y-%m-%d %H:%M} UTC' if until else 'for good'}: {_named(found, marked_id)}")


def unmute(marked_id: MarkedId, db: Database = DEFAULT_DATABASE) -> None:
    """Take a mute back."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    with _marked(db, marked_id) as (store, found):
        were_muted = [marks.unmute(store, finding, datetime.now(UTC)) for finding in _problems(found)]
    output.note(f"{'no longer' if any(were_muted) else 'was not'} muted: {_named(found, marked_id)}")


def resolve(marked_id: MarkedId, reason: Reason = None, db: Database = DEFAULT_DATABASE) -> None:
    """Close a finding: no later run opens it again. The same problem, when it sets in anew, is a new finding."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    with _marked(db, marked_id) as (store, found):
        for finding in found:
            marks.resolve(store, finding, reason, datetime.now(UTC))
    output.note(f"resolved: {_named(found, marked_id)}")


def ack(
    marked_id: MarkedId,
    by: Annotated[
        str | None, typer.Option("--by", help="Who is at it, or what is done.", metavar="TEXT", show_default=False)
    ] = None,
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Say that somebody is at it: channels are told, and nobody else is called. What is resolved needs none."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    with _marked(db, marked_id) as (store, found):
        were_open = [marks.acknowledge(store, finding, by, datetime.now(UTC)) for finding in found]
    said = "acknowledged" if any(were_open) else f"{found[0].status}, and needs nobody"
    output.note(f"{said}: {_named(found, marked_id)}")


def note(
    marked_id: MarkedId,
    text: Annotated[str, typer.Argument(help="What `logpipe explain` is to show with it.")],
    db: Database = DEFAULT_DATABASE,
) -> None:
    """Keep a text with a finding."""
    from logpipe.cli import output
    from logpipe_analysis import marks

    if not text.strip():
        raise typer.BadParameter("a note says something; this one is empty")
    with _marked(db, marked_id) as (store, found):
        for finding in found:
            marks.note(store, finding, text, datetime.now(UTC))
    output.note(f"noted: {_named(found, marked_id)}")


@contextmanager
def _marked(db: str, marked_id: str) -> "Iterator[tuple[Store, Sequence[Finding]]]":
    """The finding of that id, or all of the incident."""
    from logpipe.store import Store
    from logpipe_analysis.findings import load_one
    from logpipe_analysis.incidents import members

    with Store.open(db, create=False, through_owner=True) as store:
        yield store, members(store, marked_id) or [load_one(store, marked_id)]


def _problems(found: "Sequence[Finding]") -> "Iterable[Finding]":
    """One finding of each fingerprint: a mute is of all that have it."""
    return {one.fingerprint: one for one in found}.values()


def _named(found: "Sequence[Finding]", marked_id: str) -> str:
    from logpipe.cli import output

    return output.one_line(found[0].title) if len(found) == 1 else f"{len(found)} findings of incident {marked_id}"
