"""How much room the database takes, and how much is left for it."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from logpipe.store.database import Store


@dataclass(frozen=True, slots=True)
class Volume:
    """Bytes of a database and of the volume it stands on."""

    file: int
    """The database file and its write-ahead log."""
    used: int
    """Of these, what holds data: the rest is taken again by what comes next, and given back by compaction."""
    free: int | None
    """What the volume has left; None for a database that is no file."""

    @property
    def room(self) -> int | None:
        """What may still come before the volume is full: its free bytes, and those within the file."""
        return None if self.free is None else self.free + self.file - self.used


def measure(store: Store) -> Volume:
    """The room that the store takes now. What was deleted counts as used until the next checkpoint."""
    [(block, used)] = store.execute(
        "SELECT block_size, used_blocks FROM pragma_database_size() WHERE database_name = current_database()"
    )
    path = Path(store.url)
    if not path.is_file():
        return Volume(block * used, block * used, None)
    written = 0
    with suppress(FileNotFoundError):  # a checkpoint, perhaps of a client, removes it
        written = os.stat(f"{store.url}.wal").st_size
    return Volume(path.stat().st_size + written, block * used + written, free_bytes(store.url))


def free_bytes(url: str) -> int:
    """What the volume of a database has left; 0 where it is on none."""
    try:
        volume = os.statvfs(Path(url).parent)
    except OSError:
        return 0
    return volume.f_bavail * volume.f_frsize
