"""Whether a file ends where it ends now: then its last line is taken without a newline."""

import time
from dataclasses import dataclass

from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.source import Source

FINAL_AFTER_S = 5.0
"""A last line without a newline is taken once its file has been left alone for this long."""

FOLLOWED_FINAL_AFTER_S = 3600.0
"""The same of a followed file whose writer may still be at it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of the end of a file."""

    whole_record: bool
    """The last record will not go on in further lines."""
    whole_line: bool
    """The last line is taken without its newline."""


def ending(source: Source, file: LogFile, *, following: bool, last: bool, superseded: bool) -> Ending:
    """What is known of a file's end; `last` says that this is the end of the following, too.

    The file of a source that is `superseded` is no longer written to by whoever follows its name.
    """
    if not following:
        return Ending(whole_record=True, whole_line=left_alone(file))
    if last and file.away:
        return Ending(whole_record=True, whole_line=True)  # nobody will have it open after this
    rested = unchanged(source, file, following=True) or (last and left_alone(file))  # as ended standard input is
    long_rested = time.monotonic() - source.changed_at >= FOLLOWED_FINAL_AFTER_S
    return Ending(whole_record=rested, whole_line=(rested and (file.away or superseded)) or long_rested)


def unchanged(source: Source, file: LogFile, *, following: bool) -> bool:
    """Whether a file has not been written to for a moment. While following no clock is asked that may be set."""
    return time.monotonic() - source.changed_at >= FINAL_AFTER_S if following else left_alone(file)


def left_alone(file: LogFile) -> bool:
    """Whether a file has not been written to for a while, so that its last line is whole."""
    return time.time() - file.modified_ns / 1e9 >= FINAL_AFTER_S
