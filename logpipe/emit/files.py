"""Which files a service's records are written to, by the setting `layout`."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from logpipe.emit.own_file import OwnFile
from logpipe.emit.settings import PERIODS, Settings
from logpipe.record import EMITTED_STREAMS

_ELSEWHERE: Final = frozenset(
    {
        0x6969,  # NFS
        0x517B,  # SMB
        0xFF534D42,  # CIFS
        0xFE534D42,  # SMB2
        0x65735546,  # FUSE
        0x01021997,  # 9P
        0x00C36400,  # Ceph
        0x0BD00BD0,  # Lustre
        0x47504653,  # GPFS
        0x5346414F,  # AFS
        0x786F4256,  # VirtualBox
        0x01161970,  # GFS2
        0x7461636F,  # OCFS2
    }
)
"""File systems of several machines, or whose mapped memory may not be shared, by Linux's include/uapi/linux/magic.h."""

Lost = Callable[[Sequence[bytes], OSError], None]


class StreamFile(Protocol):
    """One stream's file, whose lines are whole and in the order in which they were appended."""

    @property
    def path(self) -> Path:
        """The file that is written at present."""

    def append(self, line: bytes) -> bool:
        """Whether the file was rotated before. Raises OSError where the line is lost and nobody was told."""

    def open(self) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


def open_files(
    settings: Settings, folder: Path, *, lost: Callable[[str, Sequence[bytes], OSError], None]
) -> dict[str, StreamFile]:
    """The file of each stream, none of which is made yet.

    lost: called with a stream, the lines of it that could not be written though no call raised, and why
    """
    return {
        stream: stream_file(
            folder / f"{stream}.jsonl",
            max_bytes=settings.max_bytes,
            period_s=PERIODS[settings.rotate_every],
            layout=settings.layout,
            lost=partial(lost, stream),
        )
        for stream in EMITTED_STREAMS
    }


def stream_file(path: Path, *, max_bytes: int, period_s: int, layout: str, lost: Lost) -> StreamFile:
    """A file that processes share, or one of this process's own beside `path`."""
    if layout == "shared" or (layout == "auto" and can_share(path.parent)):
        from logpipe.emit._native import SharedFile

        return SharedFile(path, max_bytes=max_bytes, period_s=period_s)
    return OwnFile(path, max_bytes=max_bytes, period_s=period_s, lost=lost)


def can_share(folder: Path) -> bool:
    """Whether processes can share files there: on a file system of this machine, and by the extension in C."""
    try:
        from logpipe.emit._native import file_system
    except ImportError:
        return False
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return file_system(os.fspath(folder)) not in _ELSEWHERE
    except OSError:
        return True
