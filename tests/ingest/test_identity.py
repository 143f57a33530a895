"""The rule of identity against a model: random writing, rotation and truncation between polls.

Every line that stood in a file at the time of some poll is in the store, once.
"""

import os
import random
import shutil
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import find
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import line, sequences

SEEDS = int(os.environ.get("LOGPIPE_IDENTITY_SEEDS", "4"))
POLLS = 25
KEPT = 4
HEADER = 9_999_999
"""The seq of the lines that every file begins with alike; they are not counted."""


class Folder:
    """A log that rotates, in the hands of an unkind administrator."""

    def __init__(self, path: Path, header: bytes, generator: random.Random) -> None:
        self.log = path / "app.jsonl"
        self._header = header
        self._random = generator
        self._next = 0
        self._uncut = False
        """Whether the log was copied and is yet to be truncated."""

    def act(self) -> None:
        """Do one thing to the files."""
        if self._uncut:
            self._uncut = False
            os.truncate(self.log, 0)
            return
        actions = [self.append] * 5 + [self.rename, self.copy, self.copy_and_truncate, self.recreate]
        self._random.choice(actions)()

    def append(self) -> None:
        """Some lines more, of a file that begins with the header."""
        with self.log.open("ab") as file:
            if file.tell() == 0:
                file.write(self._header)
            for _ in range(self._random.choice((1, 2, 5, 60))):
                file.write(line(self._next))
                self._next += 1

    def rename(self) -> None:
        """Rotation as logging.handlers does it."""
        self._make_room()
        if self.log.exists():
            self.log.rename(self._rotated(1))

    def copy(self) -> None:
        """The first half of copytruncate; a poll, and more lines, may come before the other."""
        if self.log.exists():
            self._make_room()
            shutil.copyfile(self.log, self._rotated(1))
            self._uncut = True

    def copy_and_truncate(self) -> None:
        """Rotation as logrotate does it with copytruncate."""
        self.copy()
        if self._uncut:
            self.act()

    def recreate(self) -> None:
        """The file is deleted, and a new one may get its inode."""
        self.log.unlink(missing_ok=True)
        self.append()

    def lines(self) -> set[int]:
        """What stands in the files now."""
        files = [path for path in self.log.parent.iterdir() if path.is_file()]
        return {int(text.split(b'"seq":')[1].rstrip(b"}")) for path in files for text in path.read_bytes().splitlines()}

    def _make_room(self) -> None:
        self._rotated(KEPT).unlink(missing_ok=True)
        for number in reversed(range(1, KEPT)):
            if self._rotated(number).exists():
                self._rotated(number).rename(self._rotated(number + 1))

    def _rotated(self, number: int) -> Path:
        return self.log.with_name(f"app.jsonl.{number}")


@pytest.mark.parametrize("header", [b"", line(HEADER, message="x" * 1500)], ids=["no header", "the same header"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_line_seen_at_a_poll_is_stored_once(logs: Path, seed: int, header: bytes) -> None:
    """Whatever happened to the files between polls."""
    generator = random.Random(seed)
    folder = Folder(logs, header, generator)
    seen: set[int] = set()
    with Store.open(":memory:") as store:
        ingester = Ingester(store, Options(following=True))
        for _ in range(POLLS):
            for _ in range(generator.randrange(7)):
                folder.act()
            seen |= folder.lines()
            ingester.sweep(find([str(logs)])[0])
        ingester.close()
        assert not ingester.summary.errors
        stored = [number for number in sequences(store) if number != HEADER]
        assert sorted(seen - {HEADER} - set(stored)) == []
        assert len(stored) == len(set(stored))  # and some that no poll saw: of files that went while they were open
        assert not verify(store).problems
