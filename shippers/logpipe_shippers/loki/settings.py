"""How a Loki is shipped to; limits are Loki's defaults, see `limits_config` of its configuration."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from logpipe.errors import SettingError
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.configuration import check_interval

FORMATS: Final = ("protobuf", "json")
_MOST_METADATA_ENTRIES: Final = 1024


@dataclass(frozen=True, kw_only=True)  # no slots, of which a class may inherit from one base only
class Limits:
    """What Loki takes; of a Loki that was told otherwise, say the same here."""

    max_age: timedelta = timedelta(days=7)
    """An older line is refused (`reject_old_samples_max_age`)."""
    max_ahead: timedelta = timedelta(minutes=10)
    """A line that is further in the future is refused (`creation_grace_period`)."""
    max_behind: timedelta = timedelta(hours=1)
    """A line that is further behind the newest one of its stream goes to another stream (half of `max_chunk_age`)."""
    max_line_bytes: int = 262_144
    """A longer line is cut and says so (`max_line_size`)."""
    max_metadata_bytes: int = 65_536
    """Names and values of a line; what has no room is counted (`max_structured_metadata_size`)."""
    max_metadata_entries: int = 128
    """The same (`max_structured_metadata_entries_count`)."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("max_line_bytes", 256, 1 << 30),
            ("max_metadata_bytes", 256, 1 << 30),
            ("max_metadata_entries", 2, _MOST_METADATA_ENTRIES),
        ):
            if not least <= getattr(self, name) <= most:
                raise SettingError(
                    f"{name} is {getattr(self, name)}, not from {least} to {most}", reason="setting_value"
                )


@dataclass(frozen=True, kw_only=True)
class LokiSettings(Limits, Access):
    """How a Loki is spoken to, what it takes, and of what."""

    tenant: str | None = None
    format: str = "protobuf"
    """`protobuf`, compressed with snappy, or `json`, with gzip."""
    since: timedelta = timedelta(days=7)
    """So far back a new target begins; older events are left out."""
    services: tuple[str, ...] = ()
    """Only theirs; of all where empty."""
    interval: timedelta = timedelta(seconds=1)
    """Between looks for something new."""
    batch_events: int = 20_000
    """Read, sent and settled together, at most."""
    batch_bytes: int = 1_000_000
    """Of a request before compression, at most, but for a longer line alone."""

    def __post_init__(self) -> None:
        Access.__post_init__(self)
        Limits.__post_init__(self)
        check_interval(self.interval)
        if self.format not in FORMATS:
            raise SettingError(f"format is {self.format!r}, not {' or '.join(FORMATS)}", reason="setting_value")
        for name in ("batch_events", "batch_bytes"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} is {getattr(self, name)}, not 1 or more", reason="setting_value")
