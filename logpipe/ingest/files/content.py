"""What files hold, compared with what was read of sources, and with each other."""

from logpipe.errors import InputError
from logpipe.ingest.files.discovery import LogFile
from logpipe.ingest.files.fingerprint import TAIL_BYTES, Segment, digest
from logpipe.ingest.files.open_files import OpenFiles
from logpipe.ingest.files.reader import HEAD_BYTES, Reader, Replaced
from logpipe.ingest.files.source import Source

_PIECE = 1 << 20


def holds(reader: Reader, file: LogFile, source: Source) -> bool | None:
    """Whether the file holds all that was read of the source: None if not, else whether the inode is the same too.

    That it begins as the source does is known already.
    """
    same_inode = file.identity == source.identity
    compression = reader.compression
    if (compression is None and file.size < source.offset) or (not source.head_bytes and not same_inode):
        return None
    if same_inode and compression is None and source.tail_hash is not None:
        start = max(0, source.offset - TAIL_BYTES)
        reader.seek(start)
        return True if digest(_read(reader, source.offset - start)) == source.tail_hash else None
    return same_inode if _holds_ranges(reader, source) else None


def _holds_ranges(reader: Reader, source: Source) -> bool:
    if source.offset and not source.ranges:
        return False  # nothing proves nothing
    return all(_hashed(reader, start, end).digest() == range_hash for start, end, range_hash in source.ranges)


def beginning(reader: Reader, length: int) -> bytes:
    """`digest` of the first bytes of a file."""
    return _hashed(reader, 0, length).digest()


def _hashed(reader: Reader, start: int, end: int) -> Segment:
    """A stretch of a file, which may end earlier."""
    segment = Segment(start)
    reader.seek(start)
    while segment.end < end and (piece := _read(reader, min(_PIECE, end - segment.end))):
        segment.add(piece)
    return segment


def _read(reader: Reader, size: int) -> bytes:
    buffer = bytearray(min(size, max(_PIECE, HEAD_BYTES)))
    return bytes(memoryview(buffer)[: reader.read_into(memoryview(buffer))])


def common_beginning(files: OpenFiles, file: LogFile, other: LogFile, limit: int) -> Segment | None:
    """What two files begin with alike, up to `limit` bytes, if it is all that one of them has, hashed.

    Raises:
        Replaced: one of them is not there any more.
    """
    shared = Segment(0)
    try:
        with files.reader(file) as one, files.reader(other) as two:
            one.seek(0)
            two.seek(0)
            while shared.end < limit:
                size = min(_PIECE, limit - shared.end)
                left, right = _read(one, size), _read(two, size)
                length = min(len(left), len(right))
                if left[:length] != right[:length]:
                    return None
                shared.add(left[:length])
                if length < size:
                    break
    except Replaced:
        raise
    except InputError:
        return None
    return shared
