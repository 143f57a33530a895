"""How to ingest, and what came of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from logpipe.errors import InputError, LogpipeError
from logpipe.ingest.formats import FORMATS, format_named
from logpipe.ingest.formats.base import Format


@dataclass(frozen=True, slots=True)
class Options:
    """How to ingest."""

    service: str | None = None
    """For records that name none; by default the beginning of the file's name."""
    format: str | None = None
    """The format of new files; by default detected."""
    time_zone: str | None = None
    """Of times that name no zone, in new files; by default UTC."""
    following: bool = False
    """Whether files are watched: then a last line without a newline, and a record that may go on, wait."""
    formats: Mapping[str, Format] = field(default_factory=lambda: FORMATS)
    """By name, in the order in which they are asked."""
    spool: str | None = None
    """The file into which standard input goes, which is deleted in the end."""
    own_log: str | None = None
    """Where this ingest writes what it does, so that it does not read that."""

    def check(self) -> None:
        """Refuse what names nothing.

        Raises:
            InputError: there is no such format, or no such time zone.
        """
        if self.format is not None and format_named(self.format, self.formats) is None:
            raise InputError(
                f"there is no format called {self.format}",
                remedy=_like(self.format, self.formats) or "see them all with: logpipe formats",
                reason="unknown_format",
            )
        try:
            ZoneInfo(self.time_zone or "UTC")
        except (KeyError, ValueError, OSError) as error:
            raise InputError(
                f"there is no time zone called {self.time_zone}",
                remedy="use a name such as UTC or Europe/Berlin",
                reason="unknown_time_zone",
            ) from error


def _like(name: str, names: Iterable[str]) -> str | None:
    """A question about what may have been meant."""
    near = get_close_matches(name, names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else None


@dataclass(slots=True)
class Summary:
    """What an ingest did."""

    files: int = 0
    new_files: int = 0
    copies: int = 0
    """Files that hold nothing but what another of their family has, and that were not read for it."""
    bytes: int = 0
    lines: int = 0
    events: int = 0
    joined: int = 0
    blanks: int = 0
    rejects: int = 0
    waiting_bytes: int = 0
    """In last lines without a newline, of files written to a moment ago."""
    lost_bytes: int = 0
    """Seen once, and gone before they were read."""
    gaps: int = 0
    """Places where bytes were lost, or may have been: rows of `gaps`."""
    seconds: float = 0.0
    errors: list[LogpipeError] = field(default_factory=list)
    warnings: list[LogpipeError] = field(default_factory=list)
    """What was lost, and files left alone: what is no log and was not named, and what logpipe itself writes."""


Progress = Callable[[Summary], None]
