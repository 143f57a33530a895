"""The exception tree.

LogpipeError
 ├─ InputError        a file, line or folder cannot be read as logs
 ├─ StoreError        the database cannot be opened, written or is not one of ours
 │   ├─ StoreLocked   another process owns the file
 │   └─ StoreFull     no room left on the volume
 ├─ QueryError        a statement or its arguments were refused
 ├─ ReceiverError     a receiver of exports refused or could not be reached
 └─ SettingError      a setting or its variable has a value that cannot be used

An error is one sentence, lower case, that names the input, the limit, the value and what to do next.
Only the command line prints it.
"""

import re

_LONE_BYTE = re.compile("[\udc80-\udcff]")
"""As Python has the bytes of a file name that are no UTF-8 (PEP 383); no JSON can hold them."""


class LogpipeError(Exception):
    """Base of every error that logpipe raises on purpose.

    `reason` is a stable snake_case code, also used as a metric label; `remedy` is the next thing to do or run.
    """

    reason = "error"

    def __init__(self, message: str, *, remedy: str | None = None, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = _readable(message)
        self.remedy = remedy and _readable(remedy)
        if reason is not None:
            self.reason = reason

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


def _readable(sentence: str) -> str:
    """With each byte of a name that is no UTF-8 as `\\xff`."""
    return _LONE_BYTE.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", sentence)


class InputError(LogpipeError):
    """A file, line or folder cannot be read as logs."""

    reason = "input"


class StoreError(LogpipeError):
    """The database cannot be opened or written, or is not one of ours."""

    reason = "store"


class StoreLocked(StoreError):  # noqa: N818 - a state, as the field says it; the tree above shows that it is an error
    """Another process owns the database file."""

    reason = "store_locked"


class StoreFull(StoreError):  # noqa: N818 - as above
    """The volume of the database has no room left; what was committed is safe."""

    reason = "store_full"


class QueryError(LogpipeError):
    """A statement, or the name or arguments of a report, was refused."""

    reason = "query"


class ReceiverError(LogpipeError):
    """A receiver of exports refused the data or could not be reached."""

    reason = "receiver"


class SettingError(LogpipeError):
    """A setting, given as an argument or by a variable, has a value that cannot be used."""

    reason = "setting"
