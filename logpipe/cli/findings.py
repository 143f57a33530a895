"""`logpipe findings`: list what was found, and say of it what later runs keep to."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.finding_marks import ack, mute, note, resolve, unmute
from logpipe.cli.options import DEFAULT_DATABASE, Database, Json, known_service

if TYPE_CHECKING:
    from logpipe_analysis.finding import Finding, Kind, Severity
    from logpipe_analysis.marks import InForce


app = typer.Typer(help="What was found.")
app.command()(mute)
app.command()(unmute)
app.command()(resolve)
app.command()(ack)
app.command()(note)


@app.callback(invoke_without_command=True)
def findings(
    context: typer.Context,
    db: Database = DEFAULT_DATABASE,
    status: Annotated[str | None, typer.Option(help="open, resolved or muted.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only findings of this kind.")] = None,
    service: Annotated[str | None, typer.Option(help="Only findings of this service.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only findings of this severity.")] = None,
    muted: Annotated[bool, typer.Option("--muted", help="Also those that are muted.")] = False,
    json: Json = False,
) -> None:
    """List stored findings, the newest onset first, those of one incident under its line."""
    if context.invoked_subcommand is not None:
        return
    from logpipe.cli import output
    from logpipe.cli.incidents import show_grouped
    from logpipe.store import Store
    from logpipe_analysis import marks
    from logpipe_analysis.findings import load

    if status not in (None, "open", "resolved", "muted"):
        raise typer.BadParameter(f"{status!r} is no status; give open, resolved or muted")
    if kind:
        known_kinds([kind])
    known_severity(severity)
    with Store.open(db, read_only=True) as store:
        found = load(store, kind=kind, service=service, severity=severity)
        said = marks.in_force(store, datetime.now(UTC))
        listed = [one for one in found if _wanted(one, said, status, muted=muted)]
        known_service(store, service)
        if not json:
            show_grouped(store, listed, said)
    if json:
        output.json_lines(rows(listed, said))
    else:
        hidden = len(found) - len(listed) if status is None else 0
        more = f"; {hidden:,} muted, listed with --muted" if hidden else ""
        output.note(f"{counted(listed)}{more}; explain one with: logpipe explain ID --db {db}")


def _wanted(finding: "Finding", said: "InForce", status: str | None, *, muted: bool) -> bool:
    """Whether it is listed; among the muted are those that were over before they were muted."""
    if status == "muted":
        return said.told(finding) == "muted"
    return finding.status == status if status else muted or finding.status != "muted"


def counted(found: "Sequence[Finding]") -> str:
    """How many, in words."""
    return "1 finding" if len(found) == 1 else f"{len(found)} findings"


def as_row(finding: "Finding") -> dict[str, object]:
    """The fields of a finding, for JSON."""
    return asdict(finding)


def rows(found: "Iterable[Finding]", said: "InForce") -> "Iterable[dict[str, object]]":
    """The fields of findings, and as `mark` what people said of each: muted, resolved by hand, or null."""
    return ({**as_row(one), "mark": said.told(one)} for one in found)


def known_kinds(kinds: Sequence[str]) -> "list[Kind] | None":
    """The kinds that were asked for, None for all; a name that is none is a usage error."""
    from logpipe_analysis.finding import KINDS

    for name in kinds:
        if name not in KINDS:
            raise typer.BadParameter(f"{name!r} is no kind of finding; the kinds are {', '.join(KINDS)}")
    return [name for name in KINDS if name in kinds] or None


def known_severity(name: str | None) -> "Severity | None":
    """The severity that was asked for; a name that is none is a usage error."""
    from logpipe_analysis.finding import SEVERITIES

    for severity in SEVERITIES:
        if name == severity:
            return severity
    if name is None:
        return None
    raise typer.BadParameter(f"{name!r} is no severity; give {', '.join(SEVERITIES)}")


def show(found: "Sequence[Finding]", said: "InForce", indent: int = 0) -> None:
    """A list for people: one block a finding, its sentence under its facts."""
    from rich.text import Text

    from logpipe.cli.output import one_line, wrapped
    from logpipe_analysis import phrases

    colours = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
    for finding in found:
        lasted = phrases.duration(finding.ended_at - finding.started_at) if finding.ended_at else "ongoing"
        head = Text.assemble(
            " " * indent,
            (f"{finding.severity:<8}", colours[finding.severity]),
            f"  {finding.kind:<13}  {finding.started_at:%Y-%m-%d %H:%M:%S}  {lasted:<12}  ",
            (finding.finding_id, "bold"),
            f"  {phrases.shortened(one_line(finding.service))}",
            (f"  {mark}" if (mark := said.told(finding)) else "", "yellow"),
        )
        wrapped(head)
        wrapped(one_line(finding.explanation), 10 + indent)
