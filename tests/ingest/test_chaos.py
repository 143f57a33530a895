"""Random actions of writers, of rotation and of fate, against the rule that every line comes in once.

`make chaos` runs a thousand seeds of it.
"""

import bz2
import gzip
import lzma
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from backports import zstd
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import find
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.loading import loader
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import line, sequences

SEEDS = int(os.environ.get("LOGPIPE_CHAOS_SEEDS", "8"))
STEPS = int(os.environ.get("LOGPIPE_CHAOS_STEPS", "15"))
KEPT = 4
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}
DECOMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
    "zst": zstd.decompress,
}


class Killed(BaseException):
    """What ends the process in the middle of a transaction."""


Action = Callable[..., None]


def action(**arguments: st.SearchStrategy[Any]) -> Callable[[Action], Action]:
    """Something that befalls the log, after its writer wrote some more of it, or nothing."""

    def made(act: Action) -> Action:
        @wraps(act)
        def written_first(self: "Chaos", lines: int = 0, **drawn: object) -> None:
            self.append(lines)
            act(self, **drawn)

        befall: Callable[[Action], Action] = rule(lines=st.sampled_from((0, 1, 5, 60)), **arguments)  # type: ignore[call-overload] # `targets` is no strategy
        return befall(written_first)

    return made


class Chaos(RuleBasedStateMachine):
    """One log that rotates through numbered files, some compressed, and its ingester, which dies now and then."""

    totals: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.log = self.folder / "app.jsonl"
        self.store = Store.open(":memory:")
        self.ingester = Ingester(self.store, Options(following=True))
        self.seen: set[int] = set()
        self.next = 0

    def append(self, count: int) -> None:
        with self.log.open("ab") as file:
            file.writelines(line(number) for number in range(self.next, self.next + count))
        self.next += count

    @action()
    def rename(self) -> None:
        self._make_room()
        self.log.rename(self._rotated(1))

    @action(polled=st.booleans(), late=st.booleans())
    def copy_and_truncate(self, polled: bool, late: bool) -> None:
        """With a look, or more lines, between the two."""
        self._make_room()
        shutil.copyfile(self.log, self._rotated(1))
        if late:
            self.append(3)
        if polled:
            self.poll()
        os.truncate(self.log, 0)

    @action()
    def delete(self) -> None:
        self.log.unlink()

    @action(number=st.integers(1, KEPT), suffix=st.sampled_from(sorted(COMPRESSIONS)), polled=st.booleans())
    def compress(self, number: int, suffix: str, polled: bool) -> None:
        """As gzip does it: both stand side by side for a moment."""
        plain = self._rotated(number)
        if plain.exists():
            plain.with_name(f"{plain.name}.{suffix}").write_bytes(COMPRESSIONS[suffix](plain.read_bytes()))
            if polled:
                self.poll()
            plain.unlink()

    @action()
    def poll(self) -> None:
        visible = self._lines()
        self.ingester.sweep(find([str(self.folder)])[0])
        self.seen |= visible

    @action()
    def kill(self) -> None:
        """Between two transactions: all that was in memory is gone."""
        self.ingester.files.close_all()
        self.ingester = Ingester(self.store, Options(following=True))

    @action()
    def kill_in_a_transaction(self) -> None:
        """The first that has rows is rolled back, as DuckDB does when it opens the file again."""
        with patch.object(loader, "_enter", side_effect=Killed):
            try:
                self.ingester.sweep(find([str(self.folder)])[0])
            except Killed:
                self.kill()

    @action()
    def restart(self) -> None:
        self.ingester.sweep(find([str(self.folder)])[0], last=True)
        self.ingester.close()
        self.ingester = Ingester(self.store, Options(following=True))

    @action()
    def freeze(self) -> None:
        """The process was stopped: it cannot claim to have watched."""
        for source in self.ingester._sources:
            source.looked_at = None

    def teardown(self) -> None:
        try:
            self.poll()
            self.ingester.close()
            stored = Counter(sequences(self.store))
            lost = self.seen - set(stored)
            repeated = {number for number, times in stored.items() if times > 1}
            [(unaccounted,)] = self.store.execute(_UNACCOUNTED)
            figures = {"seeds": 1, "lines": len(stored), "lost": len(lost), "repeated": len(repeated)}
            Chaos.totals.update(figures | {"bytes": unaccounted})
            assert not lost
            assert not repeated
            assert not unaccounted
            assert not verify(self.store).problems
            assert not self.ingester.summary.errors
        finally:
            self.ingester.files.close_all()
            self.store.close()
            shutil.rmtree(self.folder)

    def _make_room(self) -> None:
        for path in self._all(KEPT):
            path.unlink()
        for number in reversed(range(1, KEPT)):
            for path in self._all(number):
                path.rename(self.folder / path.name.replace(f".jsonl.{number}", f".jsonl.{number + 1}"))

    def _all(self, number: int) -> list[Path]:
        return [self._rotated(number)] * self._rotated(number).exists() + sorted(
            self.folder.glob(f"app.jsonl.{number}.*")
        )

    def _rotated(self, number: int) -> Path:
        return self.folder / f"app.jsonl.{number}"

    def _lines(self) -> set[int]:
        """What stands in the files now."""
        found = set()
        for path in self.folder.iterdir():
            data = DECOMPRESSIONS.get(path.suffix[1:], bytes)(path.read_bytes())
            found |= {int(text.split(b'"seq":')[1].rstrip(b"}")) for text in data.splitlines()}
        return found


_UNACCOUNTED = """
SELECT coalesce(sum(abs(reach - entered)), 0)::BIGINT
FROM (
    SELECT max(to_pos)::BIGINT - min(from_pos)::BIGINT AS reach, sum(to_pos - from_pos)::BIGINT AS entered
    FROM ledger GROUP BY source_id
)
"""


def test_g0_whatever_happens_every_line_comes_in_once(capsys: pytest.CaptureFixture[str]) -> None:
    """All lines that stood in a file when somebody looked."""
    Chaos.totals.clear()
    phases = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
    run_state_machine_as_test(
        Chaos,
        settings=settings(
            max_examples=SEEDS,
            stateful_step_count=STEPS,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    totals = Chaos.totals
    with capsys.disabled():
        print(  # noqa: T201 - the three zeros that it is for
            f"\n{totals['seeds']:,} seeds, {totals['lines']:,} lines: {totals['lost']} lost, "
            f"{totals['repeated']} repeated, {totals['bytes']} unaccounted bytes"
        )
