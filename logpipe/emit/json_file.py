"""A handler for one file of JSON lines, rotated by size: the log of a tool, where an application has four streams."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final

from logpipe.emit.files import stream_file
from logpipe.emit.formatter import JsonFormatter

_MAX_BYTES: Final = 10 << 20


class JsonFileHandler(logging.Handler):
    """Writes the record to `path`; of the files that it was rotated to the last `keep` stay."""

    def __init__(self, path: Path, *, service: str, keep: int = 5, max_bytes: int = _MAX_BYTES) -> None:
        """Raises OSError where the file cannot be made."""
        super().__init__()
        self.lost = 0
        """Lines that could not be written."""
        self._path, self._keep = path, keep
        self._file = stream_file(path, max_bytes=max_bytes, period_s=0, layout="auto", lost=self._lose)
        self._file.open()
        self.setFormatter(JsonFormatter(service=service))

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; never raises."""
        try:
            if self._file.append(self.format(record).encode() + b"\n"):
                self._prune()
        except OSError:
            self.lost += 1
        except Exception:  # noqa: BLE001 - as every handler: logging must not end what it is about
            self.handleError(record)

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()
        super().close()

    def _lose(self, lines: Sequence[bytes], error: OSError) -> None:  # noqa: ARG002 - one cause is as good as another
        self.lost += len(lines)

    def _prune(self) -> None:
        """Delete the oldest of the rotated files; their names sort by time."""
        rotated = sorted(self._path.parent.glob(f"{escape(self._path.stem)}.*Z-*{escape(self._path.suffix)}"))
        for path in rotated[: -self._keep or None]:
            with suppress(OSError):
                path.unlink()
