"""Where a record of each logger of this process would go: its level, the handlers it reaches, and what loses it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from logpipe.emit.check import Trouble
from logpipe.emit.stdlib import LogpipeHandler


@dataclass(frozen=True, slots=True)
class Target:
    """A handler that a record reaches."""

    logger: str
    """The one that it is attached to."""
    handler: str
    """Its class."""
    level: str
    filters: int
    destination: str | None
    """The file or stream, where the handler tells."""
    ours: bool
    """Whether `setup_logging` made it."""


@dataclass(frozen=True, slots=True)
class Route:
    """What becomes of the records of one logger."""

    logger: str
    level: str
    """The lowest that it lets through."""
    own: bool
    """Whether it differs from its parent in anything: level, handlers, filters, propagation."""
    disabled: bool
    filters: int
    targets: tuple[Target, ...]
    """In the order in which they get a record."""
    ends_at: str
    """The logger behind which nothing is asked any more: `root`, or one with `propagate=False`."""


def routes(manager: logging.Manager = logging.Logger.manager) -> tuple[Route, ...]:
    """Of each logger that exists, the root first, then by name."""
    loggers = [one for _, one in sorted(manager.loggerDict.items()) if isinstance(one, logging.Logger)]
    return tuple(_route(logger) for logger in (manager.root, *loggers))


def troubles(level: int | None, manager: logging.Manager = logging.Logger.manager) -> tuple[Trouble, ...]:
    """What loses records in silence, or has them written twice.

    level: the one that `setup_logging` was asked for; None where it was not called, and so nothing is compared with it
    """
    found = list(_of_all(level, manager)) if level is not None else []
    for route in routes(manager):
        logger = manager.root if route.logger == "root" else manager.getLogger(route.logger)
        found += _of_one(logger, route, level)
    return tuple(found)


def _route(logger: logging.Logger) -> Route:
    chain = list(_chain(logger))
    own = bool(logger.handlers or logger.filters or logger.level or logger.disabled or not logger.propagate)
    return Route(
        logger=logger.name,
        level=logging.getLevelName(logger.getEffectiveLevel()),
        own=own or logger.parent is None,
        disabled=logger.disabled,
        filters=len(logger.filters),
        targets=tuple(_target(one, handler) for one in chain for handler in one.handlers),
        ends_at=chain[-1].name,
    )


def _chain(logger: logging.Logger) -> Iterator[logging.Logger]:
    """The loggers whose handlers a record reaches."""
    one: logging.Logger | None = logger
    while one is not None:
        yield one
        one = one.parent if one.propagate else None


def _target(logger: logging.Logger, handler: logging.Handler) -> Target:
    kind = type(handler)
    ours = isinstance(handler, LogpipeHandler)
    return Target(
        logger=logger.name,
        handler="setup_logging" if ours else f"{kind.__module__}.{kind.__qualname__}",
        level=logging.getLevelName(handler.level),
        filters=len(handler.filters),
        destination=None if ours else _destination(handler),
        ours=ours,
    )


def _destination(handler: logging.Handler) -> str | None:
    file = getattr(handler, "baseFilename", None)
    if isinstance(file, str):
        return file
    name = getattr(getattr(handler, "stream", None), "name", None)
    return name if isinstance(name, str) else None


def _of_all(level: int | None, manager: logging.Manager) -> Iterator[Trouble]:
    if not any(isinstance(handler, LogpipeHandler) for handler in manager.root.handlers):
        yield Trouble(
            "removed",
            None,
            "the root logger has lost the handler of setup_logging: logging.config.dictConfig with a root removes it",
            "call setup_logging after it",
        )
    if manager.disable:
        name = logging.getLevelName(manager.disable)
        yield Trouble("all_disabled", None, f"logging.disable({name}) drops all records up to it", "take it back")
    if level is not None and manager.root.level > level:
        words = f"the root logger's level was changed to {logging.getLevelName(manager.root.level)}"
        yield Trouble("root_level", "root", words, "set the level by setup_logging alone")


def _of_one(logger: logging.Logger, route: Route, level: int | None) -> Iterator[Trouble]:
    if logger.disabled:
        yield Trouble(
            "disabled",
            logger.name,
            f"{logger.name} is disabled: its records are dropped without a word",
            "give dictConfig disable_existing_loggers=False",
        )
    elif not route.targets and route.ends_at != "root":
        words = f"{logger.name} has no handler and, by propagate=False of {route.ends_at}, gets none from above"
        yield Trouble("no_handler", logger.name, words, "let it propagate")
    elif level is not None and route.ends_at != "root" and not any(target.ours for target in route.targets):
        words = f"records of {logger.name} end at the handlers of {route.ends_at}, which does not propagate"
        yield Trouble("not_written", logger.name, words, _own_way(route.ends_at))
    if sum(target.ours for target in route.targets) > 1:
        words = f"a record of {logger.name} is written {sum(target.ours for target in route.targets)} times"
        yield Trouble("written_twice", logger.name, words, "keep the handler of the root logger alone")
    if level is not None and logger.parent is not None and logger.level > level:
        words = f"the level of {logger.name}, {route.level}, keeps out what setup_logging asks for"
        yield Trouble("level", logger.name, words, "set it to NOTSET, unless that is meant")


def _own_way(name: str) -> str:
    """How a program that sets up its own loggers is told not to."""
    if name.partition(".")[0] == "uvicorn":
        return "start uvicorn with log_config=None"
    return "take its handlers away and let it propagate"
