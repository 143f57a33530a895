"""Which files a service's records are written to, by the setting `layout`."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from logpipe.emit.append_file import AppendFile
from logpipe.emit.own_file import OwnFile
from logpipe.emit.settings import PERIODS, Settings
from logpipe.record import EMITTED_STREAMS


class StreamFile(Protocol):
    """One stream's file, whose lines are whole and in the order in which they were appended."""

    @property
    def path(self) -> Path:
        """The file that is written at present."""

    def append(self, line: bytes) -> bool | None:
        """Whether the file was rotated before. Raises OSError where the line is lost and nobody was told."""

    def open(self) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...
    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


def open_files(
    settings: Settings,
    folder: Path,
    *,
    lost: Callable[[str, Sequence[bytes], OSError], None],
    rotated: Callable[[], None],
) -> dict[str, StreamFile]:
    """The file of each stream, none of which is made yet.

    lost:    called with a stream, the lines of it that could not be written, and why
    rotated: called after a rotation, if `append` does not tell
    """
    period_s = PERIODS[settings.rotate_every]
    files: dict[str, StreamFile] = {}
    for stream in EMITTED_STREAMS:
        path, lose = folder / f"{stream}.jsonl", partial(lost, stream)
        if settings.layout == "per_process":
            files[stream] = OwnFile(path, max_bytes=settings.max_bytes, period_s=period_s, lost=lose)
        else:
            files[stream] = AppendFile(
                path, max_bytes=settings.max_bytes, period_s=period_s, lost=lose, rotated=rotated
            )
    return files
