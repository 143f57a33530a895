"""The journal of systemd as `journalctl -o export` writes it: a field a line, a binary field with its length.

https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-export-format · an entry is read as `journalctl -o json` would have
written it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from logpipe.ingest.formats.journald_json import JOURNALD_COLUMNS
from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.parts import Part

_FIRST: Final = "__CURSOR="
"""What an entry begins with."""

_NAME: Final = re.compile(rb"[A-Z0-9_]+")
_SIZE_BYTES: Final = 8


class JournaldExport(JsonFormat):
    """A format of entries, not of lines."""

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`: all of it, for binary fields may hold lines of any kind."""
        begun = bool(lines) and lines[0].startswith(_FIRST)
        return float(begun and any(line.startswith("__REALTIME_TIMESTAMP=") for line in lines))

    def continues(self, line: str, _before: str, /) -> str | None:
        """See `Format`."""
        return f"NOT starts_with({line}, '{_FIRST}')"

    def parts(self, entry: bytes, /) -> list[Part]:
        """See `Divided`: the entry as one object; none where it is torn."""
        try:
            found: dict[str, list[str | list[int]]] = {}
            for name, value in _fields(entry):
                found.setdefault(name, []).append(_told(value))
        except ValueError:
            return []
        entries = {name: values[0] if len(values) == 1 else values for name, values in found.items()}
        return [Part(0, json.dumps(entries, ensure_ascii=False).encode())]


def _fields(entry: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(entry):
        end = entry.find(b"\n", at)
        line = entry[at : end if end >= 0 else len(entry)]
        name, equals, value = line.partition(b"=")
        at += len(line) + 1
        if not line.strip():
            continue
        if not _NAME.fullmatch(name):
            raise ValueError(name)
        if not equals:
            size = int.from_bytes(entry[at : at + _SIZE_BYTES], "little")
            start, at = at + _SIZE_BYTES, at + _SIZE_BYTES + size + 1
            value = entry[start : at - 1]
            if at - 1 > len(entry) or entry[at - 1 : at] not in (b"", b"\n"):
                raise ValueError(name)
        yield name.decode(), value


def _told(value: bytes) -> str | list[int]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return list(value)


JOURNALD_EXPORT = JournaldExport(
    name="journald_export", title="the journal of systemd, exported", columns=JOURNALD_COLUMNS
)
