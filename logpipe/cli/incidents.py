"""`logpipe incidents`: findings of one cause, as one."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json, Service, known_service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from logpipe.store import Store
    from logpipe_analysis.finding import Finding
    from logpipe_analysis.incidents import Incident
    from logpipe_analysis.marks import InForce

_COLOURS = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


def incidents(
    incident_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Show this one, or the one that this finding is in.", show_default=False),
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that last.")] = False,
    service: Service = None,
    db: Database = DEFAULT_DATABASE,
    json: Json = False,
) -> None:
    """List incidents, the newest onset first: findings put together by what links them, and what probably happened."""
    from logpipe.cli import output
    from logpipe.store import Store
    from logpipe_analysis import incidents as kept
    from logpipe_analysis import marks

    with Store.open(db, read_only=True) as store:
        found = kept.load(store) if incident_id is None else [kept.find(store, incident_id, db)]
        said = marks.in_force(store, datetime.now(UTC))
        known_service(store, service)
    found = [one for one in found if (one.open or not only_open) and service in (None, *one.services)]
    if json:
        output.json_lines(map(_row, found))
        return
    for one in found:
        _head(one, counted=incident_id is None)
        if incident_id is not None:
            _whole(one, said)
    if incident_id is None:
        counted = "1 incident" if len(found) == 1 else f"{len(found)} incidents"
        output.note(f"{counted}; show one with: logpipe incidents ID --db {db}")


def show_grouped(store: "Store", found: "Sequence[Finding]", said: "InForce") -> None:
    """A list of findings for people: those of one incident under its line, where the worst of them would stand."""
    from logpipe.cli.findings import show
    from logpipe_analysis import incidents as kept

    listed = {one.finding_id: one for one in found}
    groups = {each.finding_id: one for one in kept.load(store) for each in one.findings}
    while listed:
        first = next(iter(listed.values()))
        group = groups.get(first.finding_id)
        own = [listed.pop(each.finding_id) for each in group.findings if each.finding_id in listed] if group else []
        listed.pop(first.finding_id, None)
        if group and len(own) > 1:
            _head(group, counted=False)
        show(own or [first], said, indent=2 if len(own) > 1 else 0)


def _head(one: "Incident", *, counted: bool) -> None:
    """The line of an incident, and what probably happened under it."""
    from rich.text import Text

    from logpipe.cli.output import one_line, wrapped
    from logpipe_analysis import phrases

    lasted = phrases.duration(one.ended_at - one.started_at) if one.ended_at else "ongoing"
    count = f"  {len(one.findings)} finding{'s'[: len(one.findings) > 1]}" if counted else ""
    head = Text.assemble(
        (f"{one.severity:<8}", _COLOURS[one.severity]),
        f"  {'incident':<13}  {one.started_at:%Y-%m-%d %H:%M:%S}  {lasted:<12}  ",
        (one.incident_id, "bold"),
        f"  {one_line(', '.join(one.services))}{count}",
    )
    wrapped(head)
    wrapped(one_line(one.title), 10)


def _whole(one: "Incident", said: "InForce") -> None:
    """Its findings, and what links them."""
    from logpipe.cli.findings import show
    from logpipe.cli.output import one_line, wrapped

    show(one.findings, said, indent=2)
    for link in one.links:
        wrapped(one_line(f"{link.one} and {link.other}: {link.reason}"), 2)


def _row(one: "Incident") -> dict[str, object]:
    return {
        "incident_id": one.incident_id,
        "title": one.title,
        "severity": one.severity,
        "status": "open" if one.open else "resolved",
        "services": one.services,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "finding_ids": [each.finding_id for each in one.findings],
        "links": [asdict(link) for link in one.links],
    }
