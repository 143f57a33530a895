"""The settings of a channel `[notify.NAME]`."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from logpipe.errors import SettingError
from logpipe_shippers.delivery.access import check_timeout
from logpipe_shippers.delivery.secrets import Secret
from logpipe_shippers.notify.template import check

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
GROUPS: Final = ("incident", "service", "finding")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a channel leads, and how often it may be heard."""

    url: Secret
    """Of the service; what is in it is for that service alone."""
    secret: Secret | None = None
    """Signs what goes to a webhook."""
    ca_file: str | None = None
    """Certificates to trust in place of the system's."""
    timeout_s: float = 30.0
    group: str = "incident"
    """What is put into one message: the findings of an incident, those of a service, or each alone."""
    update_every: timedelta = timedelta(minutes=10)
    """Between a message and the one that says what has come to it since; what is critical does not wait."""
    cool_down: timedelta = timedelta(minutes=30)
    """After the last word on a problem, before it is a new one."""
    messages_per_hour: int = 20
    """Beyond these, one message counts what else there is."""
    quiet_hours: str | None = None
    """As 22:00-07:00: only what is critical is told."""
    time_zone: str = "UTC"
    """Of the quiet hours, and of the times in messages."""
    title: str | None = None
    """A template in place of the usual one."""
    body: str | None = None
    link: str | None = None
    """Where people see findings: a message links to `/findings/ID` below it."""

    def __post_init__(self) -> None:
        check_timeout(self.timeout_s)
        if self.group not in GROUPS:
            raise _wrong("group", self.group, f"one of {', '.join(GROUPS)}")
        if self.messages_per_hour < 1:
            raise _wrong("messages_per_hour", self.messages_per_hour, "1 or more")
        if self.quiet_hours is not None and not _HOURS.fullmatch(self.quiet_hours):
            raise _wrong("quiet_hours", self.quiet_hours, "two times of the day, as 22:00-07:00")
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise _wrong("time_zone", self.time_zone, "a time zone, as Europe/Berlin") from error
        for name in ("title", "body"):
            if (text := getattr(self, name)) is not None:
                check(name, text)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def is_quiet(self, now: datetime) -> bool:
        """Whether it is within the quiet hours, by the clock on the wall; those that pass midnight have two parts."""
        if self.quiet_hours is None:
            return False
        found = _HOURS.fullmatch(self.quiet_hours)
        assert found is not None
        begin, end = (time(int(found[one]), int(found[one + 1])) for one in (1, 3))
        clock = now.astimezone(self.zone).time()
        return begin <= clock < end if begin <= end else clock >= begin or clock < end


def _wrong(name: str, value: object, wanted: str) -> SettingError:
    return SettingError(f"{name} is {value!r}, not {wanted}", reason="setting_value")
