"""Options that say what is kept, for `logpipe retain` and `logpipe ingest --follow`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

if TYPE_CHECKING:
    from logpipe.store.retention import Policy

Streams = Annotated[
    list[str] | None,
    typer.Option("--stream", help="Keep the events of a stream so long; may be repeated.", metavar="STREAM=SPAN"),
]
Levels = Annotated[
    list[str] | None,
    typer.Option("--level", help="Keep the events of a level so long; may be repeated.", metavar="LEVEL=SPAN"),
]
All = Annotated[
    str | None, typer.Option("--all", help="Keep so long what no --stream or --level names.", metavar="SPAN")
]
Rejects = Annotated[
    str | None, typer.Option("--rejects", help="Keep rejected lines so long after they were read.", metavar="SPAN")
]
MaxSize = Annotated[
    str | None,
    typer.Option(
        "--max-size",
        help="Remove the oldest events while the database holds more: 500MB, 20GB, 20GiB.",
        metavar="SIZE",
    ),
]
MinFree = Annotated[
    str | None,
    typer.Option(
        "--min-free",
        help="Remove the oldest events while the volume, with what is free in the file, has less left.",
        metavar="SIZE",
    ),
]

_LONGEST: Final = timedelta(days=365_000)
"""A thousand years: a time before the year 1 cannot be told."""

T = TypeVar("T")


def policy_of(
    streams: list[str] | None,
    levels: list[str] | None,
    everything: str | None,
    rejects: str | None,
    max_size: str | None,
    min_free: str | None,
    *,
    option: str = "--",
) -> "Policy":
    """The policy that the options describe, each of which is called as it is behind `option`.

    Raises:
        typer.BadParameter: one of them cannot be read.
    """
    from logpipe.cli.sizes import parse_size
    from logpipe.record import SEVERITY_BY_LEVEL, STREAMS
    from logpipe.store.retention import Policy

    by_stream = _limits(f"{option}stream", streams)
    if unknown := set(by_stream) - set(STREAMS):
        raise typer.BadParameter(f"{option}stream: {unknown.pop()} is none of {', '.join(STREAMS)}")
    by_level = {name.upper(): span for name, span in _limits(f"{option}level", levels).items()}
    if unknown := set(by_level) - set(SEVERITY_BY_LEVEL):
        raise typer.BadParameter(f"{option}level: {unknown.pop()} is none of {', '.join(SEVERITY_BY_LEVEL)}")
    return Policy(
        by_stream,
        by_level,
        None if everything is None else _read(f"{option}all", everything, _parse_span),
        None if rejects is None else _read(f"{option}rejects", rejects, _parse_span),
        None if max_size is None else _read(f"{option}max-size", max_size, parse_size),
        None if min_free is None else _read(f"{option}min-free", min_free, parse_size),
    )


def policy_of_rules(rules: list[str]) -> "Policy":
    """The policy of rules such as `stream:performance=7d`, `all=90d` and `max-size=20GB`.

    Raises:
        typer.BadParameter: one of them cannot be read.
    """
    named: dict[str, list[str]] = {"stream": [], "level": []}
    single: dict[str, str] = {}
    for rule in rules:
        key, _, value = rule.partition("=")
        kind, colon, name = key.partition(":")
        if colon and kind in named:
            named[kind].append(f"{name}={value}")
        elif value and key in ("all", "rejects", "max-size", "min-free"):
            single[key] = value
        else:
            raise typer.BadParameter(f"--retain {rule}: write it as level:DEBUG=2d, all=90d or max-size=20GB")
    return policy_of(
        named["stream"],
        named["level"],
        single.get("all"),
        single.get("rejects"),
        single.get("max-size"),
        single.get("min-free"),
        option="--retain ",
    )


def _limits(option: str, given: list[str] | None) -> Mapping[str, timedelta]:

    limits = {}
    for text in given or ():
        name, equals, span = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{option} {text}: write it as NAME=SPAN, for example performance=7d")
        limits[name] = _read(option, span, _parse_span)
    return limits


def _read(option: str, text: str, parse: Callable[[str], T]) -> T:
    from logpipe.errors import QueryError

    try:
        return parse(text)
    except QueryError as error:
        raise typer.BadParameter(f"{option}: {error}") from None


def _parse_span(text: str) -> timedelta:
    from logpipe.cli.times import parse_span
    from logpipe.errors import QueryError

    span = parse_span(text)
    if span > _LONGEST:
        raise QueryError(
            f"{text} is longer than {_LONGEST.days:,} days", remedy="without this rule they are kept for ever"
        )
    return span
