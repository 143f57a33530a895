"""`logpipe patterns`: what the events say, counted."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import (
    DEFAULT_DATABASE,
    SHARE_AFTER_S,
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
    from collections.abc import Sequence

    from logpipe.store import Store
    from logpipe_analysis.pattern_choices import Choice
    from logpipe_analysis.pattern_listing import Listed, Whole

app = typer.Typer(help="What the events say, counted.")

_ROWS = 20
_DONE: "dict[Choice, str]" = {"pin": "pinned", "merge": "merged into", "name": "named", "mute": "muted"}
_UNDONE: "dict[Choice, str]" = {
    "pin": "no longer pinned",
    "merge": "no longer merged by choice",
    "name": "no longer named",
    "mute": "no longer muted",
}
_NOTHING: "dict[Choice, str]" = {
    "pin": "was not pinned",
    "merge": "was not merged by choice",
    "name": "had no name",
    "mute": "was not muted by this id",
}

Id = Annotated[str, typer.Argument(metavar="ID", help="As `logpipe patterns` prints it.")]
Off = Annotated[bool, typer.Option("--off", help="Undo it.")]


@app.callback(invoke_without_command=True)
def patterns(
    context: typer.Context,
    db: Database = DEFAULT_DATABASE,
    since: Since = None,
    until: Until = None,
    service: Service = None,
    min_severity: Annotated[
        str | None, typer.Option(help="Only patterns that came at this level or a worse one.", metavar="LEVEL")
    ] = None,
    limit: RowLimit = _ROWS,
    json: Json = False,
) -> None:
    """List the patterns of a range, the most frequent first; every event is counted under one.

    A pattern is what a message says without what varies; those that turn out to be one statement are merged.
    """
    if context.invoked_subcommand is not None:
        return
    from logpipe.cli import output
    from logpipe_analysis.pattern_listing import listed
    from logpipe_analysis.patterns import mine
    from logpipe_analysis.reports import Scope

    least = _severity(min_severity)
    with _opened(db) as store:
        mine(store)
        found = listed(store, Scope(*stretch(store, since, until), service), least)
        known_service(store, service)
    shown = found[:limit] if limit else found
    if json:
        output.json_lines(map(asdict, shown))
    else:
        _show_list(shown)
    of_all = f" of {len(found):,}" if len(shown) < len(found) else ""
    output.note(f"{plural(len(shown), 'pattern')}{of_all}; one whole: logpipe patterns show ID --db {db}")


@app.command()
def show(pattern_id: Id, db: Database = DEFAULT_DATABASE, json: Json = False) -> None:
    """Show a pattern whole: counts, trend, examples, and the values behind each wildcard."""
    from logpipe.cli import output
    from logpipe_analysis.pattern_listing import whole

    with _opened(db) as store:
        found = whole(store, pattern_id)
    if json:
        output.json_lines([asdict(found)])
    else:
        _show_whole(found)


@app.command()
def pin(pattern_id: Id, db: Database = DEFAULT_DATABASE, off: Off = False) -> None:
    """Keep a pattern by itself, whatever mining would merge it with; members are told by `show`."""
    _choose(db, pattern_id, "pin", None, off)


@app.command()
def merge(
    pattern_id: Id,
    into: Annotated[str | None, typer.Argument(metavar="INTO", help="The id of the other pattern.")] = None,
    db: Database = DEFAULT_DATABASE,
    off: Off = False,
) -> None:
    """Count a pattern, and all that is merged with it, under another one."""
    _choose(db, pattern_id, "merge", into, off)


@app.command()
def name(
    pattern_id: Id,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="What people call it.")] = None,
    db: Database = DEFAULT_DATABASE,
    off: Off = False,
) -> None:
    """Give a pattern a name, which lists show beside its template."""
    _choose(db, pattern_id, "name", text, off)


@app.command()
def mute(pattern_id: Id, db: Database = DEFAULT_DATABASE, off: Off = False) -> None:
    """Have no findings made of a pattern: it is not reported as new, surging or vanished."""
    _choose(db, pattern_id, "mute", None, off)


def _choose(db: str, pattern_id: str, choice: "Choice", value: str | None, off: bool) -> None:
    from logpipe.cli import output
    from logpipe_analysis import phrases
    from logpipe_analysis.pattern_choices import choose, told, undo

    if choice in ("merge", "name") and (not (value or "").strip()) is not off:
        raise typer.BadParameter("give the other id or the name, or --off")
    with _opened(db) as store:
        if off:
            done = _UNDONE[choice] if undo(store, pattern_id, choice) else _NOTHING[choice]
        else:
            choose(store, pattern_id, choice, value)
            done = _DONE[choice]
        pattern = told(store, pattern_id)
    alike = f", with {plural(pattern.ids - 1, 'other id')}" if pattern.ids > 1 else ""
    still = "; it is muted by another id" if off and choice == "mute" and pattern.muted else ""
    of_name = f" “{value}”" if choice == "name" and value else ""
    output.note(
        f"{done}{of_name}: {phrases.shortened(pattern.template)} ({plural(pattern.events, 'event')}{alike}{still})"
    )


def _opened(db: str) -> "Store":
    from logpipe.store import Store

    store = Store.open(db, create=False, through_owner=True)
    if not store.attached:
        store.share(writable=False, after_s=SHARE_AFTER_S)
    return store


def _severity(level: str | None) -> int:
    from logpipe.record import SEVERITY_BY_LEVEL

    if level is None:
        return 0
    if level.upper() not in SEVERITY_BY_LEVEL:
        raise typer.BadParameter(f"{level!r} is no level; give {', '.join(SEVERITY_BY_LEVEL)}")
    return SEVERITY_BY_LEVEL[level.upper()]


def _level(severity: int) -> str:
    from logpipe.record import SEVERITY_BY_LEVEL

    return next((name for name, number in reversed(SEVERITY_BY_LEVEL.items()) if severity >= number), "–")


def _show_list(found: "Sequence[Listed]") -> None:
    """One block a pattern: what it says under its figures, whole, for that is what one looks for."""
    from rich.text import Text

    from logpipe.cli.output import one_line, wrapped

    for one in found:
        marks = "  ".join([*one.marks, *(["muted"] if one.muted else [])])
        head = Text.assemble(
            f"{one.events:>11,}  {one.event_share:>6.1%}  {_level(one.severity):<8}  ",
            (one.pattern_id, "bold"),
            f"  {one.first_seen:%Y-%m-%d %H:%M} – {one.last_seen:%Y-%m-%d %H:%M}  {one_line(', '.join(one.services))}",
            ("  " + marks if marks else "", "yellow"),
        )
        wrapped(head)
        named = f"{one.name}: " if one.name else ""
        wrapped(f"{named}{one.template}", 13)


def _show_whole(found: "Whole") -> None:
    from datetime import timedelta

    from logpipe.cli import output
    from logpipe_analysis import phrases

    _show_list([found.pattern])
    if len(found.members) > 1:
        output.table(("merged of", "template"), found.members)
    output.table(("service", "events"), found.services)
    output.table(
        (f"from (steps of {phrases.duration(timedelta(seconds=found.step_s))})", "events"),
        found.trend,
    )
    total = found.pattern.events
    of_events = f"the newest {found.sampled:,} of {total:,} events" if found.sampled < total else plural(total, "event")
    for values in found.values:
        seen = f"{plural(values.distinct, 'value')} in {of_events}"
        output.wrapped(f"\nplace {values.place}, after “{values.after}”: {seen}")
        output.table(("value", "events"), values.counts)
    for line in found.lines:
        place = f"{output.place(line.path)}:{line.source_pos}"
        output.wrapped(f"{place}\n    {phrases.shortened(line.text, 500)}")
