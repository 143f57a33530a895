"""Rotated files are replaced by compressed ones, which appear whole or not at all."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, Final

from logpipe.emit.file_names import SUFFIXES

PART: Final = ".part"
_GZIP_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3
_PIECE: Final = 1 << 20
_TRIES: Final = 3


def has_zstd() -> bool:
    """Whether this Python can write zstd."""
    try:
        _zstd_file()
    except ImportError:
        return False
    return True


def replace_by_compressed(path: Path, compression: str) -> None:
    """Leaves `<path>.gz` or `<path>.zst` where `path` was.

    Should somebody still write to the file, it is compressed again, and left for another time if that goes on.
    """
    part = path.with_name(f".{path.name}{PART}")
    try:
        for _ in range(_TRIES):
            if _replaced(path, part, compression):
                return
    except FileNotFoundError:  # deleted meanwhile, by hand or by an external retention
        return
    finally:
        part.unlink(missing_ok=True)


def _replaced(path: Path, part: Path, compression: str) -> bool:
    with path.open("rb") as source, part.open("wb") as sink:
        status = os.fstat(source.fileno())
        with _compressor(sink, compression) as compressed:
            while piece := source.read(_PIECE):  # compressed without the interpreter's lock
                compressed.write(piece)
        sink.flush()
        os.fsync(sink.fileno())
    os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))
    if not _unchanged(path, status):
        return False
    part.rename(path.with_name(f"{path.name}{SUFFIXES[compression]}"))
    if not _unchanged(path, status):
        return False
    path.unlink()
    return True


def _unchanged(path: Path, status: os.stat_result) -> bool:
    now = path.stat()
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (status.st_ino, status.st_size, status.st_mtime_ns)


def _compressor(sink: IO[bytes], compression: str) -> AbstractContextManager[Any]:  # Any: what both are has no name
    if compression == "zstd":
        return _zstd_file()(sink, "wb", level=_ZSTD_LEVEL)
    import gzip

    return gzip.GzipFile("", "wb", _GZIP_LEVEL, sink, mtime=0)


def _zstd_file() -> Callable[..., AbstractContextManager[Any]]:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdFile
    else:
        from backports.zstd import ZstdFile
    return ZstdFile
