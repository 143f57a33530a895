"""Torn and foreign lines in a file of records: what a full disk and a second writer leave behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOREIGN: Final = (
    b"libpng warning: iCCP: known incorrect sRGB profile\n",
    b"cp: error writing '/var/log/shop/archive.tar': No space left on device\n",
    b"<jemalloc>: Unsupported system page size\n",
    b"/usr/bin/nightly-dump: line 41: 30412 Killed\n",
)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes are of the damaged file."""

    torn: tuple[int, ...]
    """Where the lines begin that end in the middle of a record; each is a record lost."""
    fused: tuple[int, ...]
    """Where the lines begin that hold the beginning of one record and then another; each is two records lost."""
    foreign: tuple[int, ...]
    """Where the lines begin that another program wrote."""
    invalid_utf8: tuple[int, ...]
    """Where the records begin that hold a byte of Latin-1; they are whole, and stay records."""

    @property
    def rejects(self) -> int:
        """Lines that are no records."""
        return len(self.torn) + len(self.fused) + len(self.foreign)

    @property
    def lost(self) -> int:
        """Records that can no longer be read."""
        return len(self.torn) + 2 * len(self.fused)


def damage(path: Path, first_timestamp: bytes) -> Damage:
    """Damage lines from the first record at or after that time on; the same file is always damaged alike."""
    lines = path.read_bytes().splitlines(keepends=True)
    begin = next(index for index, line in enumerate(lines) if line[14 : 14 + len(first_timestamp)] >= first_timestamp)
    kinds: dict[str, list[int]] = {"torn": [], "fused": [], "foreign": [], "invalid_utf8": []}
    damaged: list[bytes] = []
    at = sum(map(len, lines[:begin]))

    def put(line: bytes, kind: str | None = None) -> None:
        nonlocal at
        if kind:
            kinds[kind].append(at)
        damaged.append(line)
        at += len(line)

    rest = iter(lines[begin:])
    for step, line in enumerate(rest):
        match step:
            case 0 | 7 | 15 | 21:
                put(_beginning(line, 2 + step % 3) + b"\n", "torn")
            case 3 | 18:
                put(_beginning(line, 3) + next(rest), "fused")
            case 5 | 9 | 10 | 25:
                put(FOREIGN[len(kinds["foreign"])], "foreign")
                put(line)
            case 13:
                put(
                    line.replace(b'"environment":"production"', b'"environment":"production","city":"K\xf6ln"'),
                    "invalid_utf8",
                )
            case 30:
                put(line)
                break
            case _:
                put(line)
    damaged += rest
    path.write_bytes(b"".join([*lines[:begin], *damaged]))
    return Damage(**{kind: tuple(places) for kind, places in kinds.items()})


def _beginning(line: bytes, divisor: int) -> bytes:
    """A share of what stands before the process id, whose digits are more or fewer from run to run."""
    return line[: line.index(b'"process":') // divisor]
