"""The first lines of a file, by which its format is known."""

from typing import Final

from logpipe.ingest.files.flow import CHUNK_BYTES
from logpipe.ingest.files.reader import Reader

DETECTION_BYTES: Final = 512 << 10


def first_bytes(reader: Reader) -> bytes:
    """The beginning of the file: at least one whole line, however long, as far as a line may be."""
    size = DETECTION_BYTES
    begin = reader.hole(0) or 0
    while True:
        buffer = memoryview(bytearray(size))
        reader.seek(begin)
        head = bytes(buffer[: reader.read_into(buffer)])
        if b"\n" in head or len(head) < size or size >= CHUNK_BYTES:
            return head[: max(DETECTION_BYTES, head.find(b"\n") + 1)]
        size = min(8 * size, CHUNK_BYTES)


def first_lines(reader: Reader) -> list[str]:
    """The lines of it that are whole and not blank; what there is where none is whole."""
    text = first_bytes(reader).decode("utf-8", "replace").lstrip("\ufeff\0")
    whole = text.rpartition("\n")[0] or text
    return [line.removesuffix("\r") for line in whole.split("\n") if line.strip()]
