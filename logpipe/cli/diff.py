"""`logpipe diff A B`: what is different between two stretches of time."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json, Service, known_service

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from logpipe.store import Store
    from logpipe_analysis.difference import Comparison, Difference, Shift
    from logpipe_analysis.sides import Stretch

_LIMIT = 10
_ALSO = 4


def diff(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="A stretch: 2026-01-31T10:00/11:00, 10:00/30m, 1h (the last one); or an id."),
    ],
    b: Annotated[
        str | None,
        typer.Argument(
            metavar="B", help="The same, or 1d: so long before A. Else the time before A.", show_default=False
        ),
    ] = None,
    service: Service = None,
    all_services: Annotated[
        bool, typer.Option("--all-services", help="Also with a finding, whose own service is looked at otherwise.")
    ] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Of errors only: ERROR and above, or status 500.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many of each kind.")] = _LIMIT,
    db: Database = DEFAULT_DATABASE,
    json: Json = False,
) -> None:
    """Tell which values, messages and figures one stretch of time has more of than another.

    Example: logpipe diff 2026-01-31T10:00/11:00 2026-01-30T10:00/11:00 --service shop
    """
    from logpipe.cli import output
    from logpipe.store.reading import open_sealed
    from logpipe_analysis.difference import compare
    from logpipe_analysis.sides import Scope

    with open_sealed(db) as store:
        asked = _asked(store, a, b)
        known_service(store, service)
        of_service = None if all_services else service or asked.service
        found = compare(store, asked.a, asked.b, Scope(of_service, errors))
    if json:
        output.json_lines(_rows(found))
    else:
        _show(found, of_service, limit)
    for note in found.notes:
        output.note(f"note: {note}")


class _Asked(NamedTuple):
    a: "Stretch"
    b: "Stretch"
    service: str | None


def _asked(store: "Store", a: str, b: str | None) -> _Asked:
    from logpipe_analysis import stretches

    first, service = _stretch(store, a)
    if b is None:
        return _Asked(first, stretches.before(store, first), service)
    return _Asked(first, _length_before(first, b) or _stretch(store, b)[0], service)


def _length_before(first: "Stretch", text: str) -> "Stretch | None":
    """What so long a time before a stretch is; None where the text is no length of time."""
    from logpipe.cli.times import parse_span
    from logpipe.errors import QueryError
    from logpipe_analysis.sides import Stretch

    try:
        return Stretch(first.since - parse_span(text), first.since)
    except (QueryError, OverflowError):
        return None


def _stretch(store: "Store", text: str) -> "tuple[Stretch, str | None]":
    """A stretch that is named by its ends, a finding or an incident; and the service of these."""
    from logpipe.cli.times import parse_range
    from logpipe.errors import QueryError
    from logpipe_analysis import stretches
    from logpipe_analysis.reports import newest_event
    from logpipe_analysis.sides import Stretch

    newest = newest_event(store)
    if known := stretches.of_id(store, text, newest):
        return known
    try:
        return Stretch(*parse_range(text, newest)), None
    except QueryError as error:
        raise typer.BadParameter(f"{error}; or the id of a finding or an incident") from None


def _rows(found: "Comparison") -> "Iterable[dict[str, object]]":
    for difference in found.differences:
        yield {"what": "share", **asdict(difference)}
    for shift in found.shifts:
        yield {"what": "median", **asdict(shift)}


def _show(found: "Comparison", service: str | None, limit: int) -> None:
    _head(found, service)
    for name, more_in_a in (("A", True), ("B", False)):
        certain = [one for one in found.differences if one.certain and one.more_in_a == more_in_a]
        _section(f"More in {name}", [_told(one) for one in certain], limit)
    _section("Other medians", [_moved(one) for one in found.shifts], limit)
    uneven = [one for one in found.differences if not one.certain]
    _section("Uneven over time, which may be chance", [_told(one) + _when(one) for one in uneven], max(limit // 2, 1))
    if not (found.differences or found.shifts) and all(found.rows):  # else a note says that a side is empty
        _section("No difference that is more than chance", [[]], limit)


def _head(found: "Comparison", service: str | None) -> None:
    from logpipe.cli import output
    from logpipe_analysis import phrases

    screen = output.console()
    for name, stretch, rows in zip("AB", (found.a, found.b), found.rows, strict=True):
        rate = rows / (stretch.length.total_seconds() / 60)
        screen.print(
            f"{name}  {stretch.since:%Y-%m-%d %H:%M:%S} to {stretch.until:%Y-%m-%d %H:%M:%S}"
            f" ({phrases.duration(stretch.length)}): {rows:,} events, {phrases.number(rate)} a minute"
        )
    of_service = f" of {output.harmless(service)}" if service else ""
    screen.print(f"{found.tests:,} values and figures{of_service} looked at")


def _section(title: str, blocks: "Sequence[list[str]]", limit: int) -> None:
    from rich.text import Text

    from logpipe.cli import output

    if not blocks:
        return
    screen = output.console()
    screen.print(Text(f"\n{title}", style="bold"))
    for block in blocks[:limit]:
        for index, line in enumerate(block):
            screen.print(Text(output.harmless(line if index == 0 else f"{'':12}{line}")), soft_wrap=True)
    if len(blocks) > limit:
        screen.print(Text(f"and {len(blocks) - limit} more; --limit shows them", style="dim"))


def _told(one: "Difference") -> list[str]:
    from logpipe_analysis import phrases

    more, less = ("A", "B") if one.more_in_a else ("B", "A")
    first, second = (0, 1) if one.more_in_a else (1, 0)
    factor = f"×{phrases.number(one.ratio)}" if one.rows[second] else f"only {more}"
    shares = f"{one.rows[first]:,} events, {phrases.percent(one.share[first])} of {more}"
    if one.rows[second]:
        shares += f"; {one.rows[second]:,}, {phrases.percent(one.share[second])} of {less}"
        if one.certain:
            shares += f" (×{phrases.number(one.low)} to ×{phrases.number(one.high)})"
    lines = [f"{factor:<12}{' and '.join(_named(*value) for value in one.values)}", shares]
    lines += [f"the same events: {_named(*value)}" for value in one.also[:_ALSO]]
    return lines


def _named(key: str, value: str) -> str:
    from logpipe_analysis import phrases

    return f"{key} {phrases.shortened(value, 100)}"


def _when(one: "Difference") -> list[str]:
    from datetime import timedelta

    from logpipe_analysis import phrases

    second = timedelta(seconds=1)
    return [f"nine in ten of them {phrases.span(one.mostly.since, one.mostly.until, second)}"]


def _moved(one: "Shift") -> list[str]:
    from logpipe_analysis import phrases

    figure = phrases.milliseconds if one.key.startswith("duration_ms") else phrases.number
    medians = f"{figure(one.median[1])} in B → {figure(one.median[0])} in A (×{one.low:.2f} to ×{one.high:.2f})"
    return [
        f"×{phrases.number(one.ratio):<11}{phrases.shortened(one.key, 110)}",
        f"{medians}; {one.rows[1]:,} and {one.rows[0]:,} events",
    ]
