"""`logpipe emit`: the application's side."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import Json

if TYPE_CHECKING:
    from logpipe.emit.check import Check, Trouble
    from logpipe.emit.routes import Route

app = typer.Typer(no_args_is_help=True, help="The application's side: how a process would log.")


@app.callback()
def emit() -> None:
    """The application's side: how a process would log."""


@app.command()
def check(
    file: Annotated[
        str | None, typer.Argument(help="A dictConfig as .json or .toml, applied last.", metavar="FILE")
    ] = None,
    imports: Annotated[
        list[str] | None,
        typer.Option("--import", help="Import MODULE first, and call MODULE:FUNCTION.", metavar="MODULE[:FUNCTION]"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also loggers that do what their parents do.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when there is a warning.")] = False,
    as_json: Json = False,
) -> None:
    """Show what setup_logging would do here: each setting and its origin, the files, and what speaks against them.

    With --import or FILE the application's own set-up is done first, in this process: then also where the records of
    each logger go, and what loses them in silence. Files of setup_logging are redirected, and nothing is written to the
    real ones; whatever else the module does when it is imported, it does.
    """
    from logpipe.cli import output
    from logpipe.emit.check import check as check_settings
    from logpipe.emit.levels import LEVELS
    from logpipe.emit.rehearsal import rehearsal
    from logpipe.emit.routes import routes, troubles

    found_routes: tuple[Route, ...] = ()
    found_troubles: tuple[Trouble, ...] = ()
    with rehearsal() as rehearsed:
        for target in imports or ():
            rehearsed.call(target)
        if file is not None:
            rehearsed.configure(file)
        if imports or file is not None:
            level = rehearsed.level
            found_routes, found_troubles = routes(), troubles(None if level is None else LEVELS[level])
    found = check_settings(rehearsed.given or {})
    called = rehearsed.given is not None
    warnings = (*found.troubles, *found_troubles)
    if as_json:
        row = asdict(found) | {"setup_called": called if found_routes else None, "loggers": found_routes}
        output.json_lines([row | {"troubles": warnings}])
    else:
        _show(found, found_routes, every=every)
        if found_routes and not called:
            output.note("setup_logging was not called; the settings are those of a call without arguments")
        for trouble in warnings:
            output.warning(f"{trouble.words}; {trouble.remedy}")
    if strict and warnings:
        raise typer.Exit(1)


def _show(found: "Check", routes: "tuple[Route, ...]", *, every: bool) -> None:
    from logpipe.cli import output
    from logpipe.cli.sizes import shown_size

    rows = [(one.name, "–" if one.value is None else str(one.value), one.origin) for one in found.settings]
    output.table(("setting", "value", "from"), rows)
    typer.echo()
    streams = [
        (one.stream, output.place(str(one.path)), one.bytes, one.rotated, one.rotated_bytes)
        for one in found.folder.streams
    ]
    output.table(("stream", "file", "bytes", "rotated", "their bytes"), streams)
    free = "" if found.folder.free_bytes is None else f"; {shown_size(found.folder.free_bytes)} free on its volume"
    typer.echo(f"\nthe folder can {'' if found.folder.writable else 'not '}be written{free}")
    typer.echo(f"plain records are rendered {'by compiled code' if found.native else 'in Python'}")
    if not routes:
        return
    typer.echo()
    shown = [route for route in routes if every or route.own]
    output.table(("logger", "level", "filters", "goes to"), [_route_row(route) for route in shown])
    if len(shown) < len(routes):
        output.note(f"{plural(len(routes) - len(shown), 'more logger')} as their parents; --all shows them")


def _route_row(route: "Route") -> tuple[object, ...]:
    targets = ", ".join(
        target.handler.rpartition(".")[2]
        + (f" ({target.destination})" if target.destination else "")
        + (f" from {target.level}" if target.level != "NOTSET" else "")
        + (f" of {target.logger}" if target.logger != route.logger else "")
        for target in route.targets
    )
    return (
        route.logger,
        route.level,
        route.filters or None,
        "nowhere: disabled" if route.disabled else targets or "nowhere",
    )
