"""Random actions of writers, of rotation and of fate, against the rule that every line comes in once.

The running command, its real files and a real `kill -9`. `make chaos` runs a thousand seeds of it.
"""

import os
import resource
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from logpipe.ingest.audit.verify import verify
from logpipe.store import Store
from tests.ingest.forks import STAGES, Fork, Forks, Progress
from tests.ingest.logs import line
from tests.ingest.rotating_log import COMPRESSIONS, HEADER, KEPT, RotatingLog

SEEDS = int(os.environ.get("LOGPIPE_CHAOS_SEEDS", "6"))
FIRST = int(os.environ.get("LOGPIPE_CHAOS_FIRST", "0"))
"""The first slice: others are other seeds."""
STEPS = int(os.environ.get("LOGPIPE_CHAOS_STEPS", "15"))
SLICE = 25
"""Seeds that are run one after the other; slices run side by side."""

DEADLINE_S = 120.0
MEMORY = Path("/dev/shm")
"""Where the database is, if there is such a place: what a killed process wrote is there all the same."""

HASTY = """
from logpipe.ingest import follow
from tests.ingest.forks import tell
follow.POLL_S, follow.GATHER_S, follow.LEAST_IDLE = 0.05, 0.01, 1
follow.RETRY_S, follow.LONGEST_RETRY_S = 0.05, 0.2
tell({progress!r})
"""

Action = Callable[..., None]


def action(**arguments: st.SearchStrategy[Any]) -> Callable[[Action], Action]:
    """Something that befalls the log, after its writer wrote some more of it, or nothing; perhaps amid a look at it."""

    def made(act: Action) -> Action:
        @wraps(act)
        def written_first(self: "Chaos", lines: int = 0, amid: bool = False, **drawn: object) -> None:
            self.history.append(f"{act.__name__} lines={lines} amid={amid} {drawn}")
            self.log.append(lines)
            if amid:
                self.await_look()
            act(self, **drawn)

        befall: Callable[[Action], Action] = rule(  # type: ignore[call-overload] # `targets` is no strategy
            lines=st.sampled_from((0, 1, 5, 60)), amid=st.booleans(), **arguments
        )
        return befall(written_first)

    return made


class Chaos(RuleBasedStateMachine):
    """One log that rotates through numbered files, some compressed, and the command that follows it, and dies."""

    forks: ClassVar[Forks]
    totals: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.log = RotatingLog(self.folder / "logs")
        self.log.folder.mkdir()
        self.stored = Path(tempfile.mkdtemp(prefix="chaos-", dir=MEMORY if MEMORY.is_dir() else None))
        self.database = self.stored / "logs.duckdb"
        self.progress = Progress.new(self.folder / "progress")
        self.seen: set[int] = set()
        self.history: list[str] = []
        self.process: Fork | None = None
        self.frozen = self.full = False
        self.starts = 0

    @initialize(alike=st.booleans())
    def begin(self, alike: bool) -> None:
        """Perhaps all files begin with the same lines."""
        self.log.header = line(HEADER, message="x" * 1500) if alike else b""
        self._follow()

    @action(late=st.sampled_from((0, 3)))
    def rename(self, late: int) -> None:
        self.log.rename(late)

    @action(looked=st.booleans(), late=st.sampled_from((0, 3)))
    def copy_and_truncate(self, looked: bool, late: int) -> None:
        """With a look, or more lines, between the two."""
        self.log.copy()
        self.log.append(late)
        if looked:
            self.look()
        self.log.truncate()

    @action()
    def delete(self) -> None:
        self.log.delete()

    @action(number=st.integers(1, KEPT), suffix=st.sampled_from(sorted(COMPRESSIONS)), looked=st.booleans())
    def compress(self, number: int, suffix: str, looked: bool) -> None:
        for _ in self.log.compress(number, suffix):
            if looked:
                self.look()

    @action(percent=st.integers(0, 100))
    def begin_line(self, percent: int) -> None:
        self.log.begin_line(percent)

    @action()
    def look(self) -> None:
        """All that stands in the files now has to come in."""
        self._free_disk()
        self._thaw()
        self._follow()
        visible = self.log.lines()
        number = self.progress.begun + 2  # the next may have begun to look for files already
        self._until(lambda: self.progress.whole >= number)
        self.seen |= visible

    @action()
    def kill(self) -> None:
        """At any moment."""
        self._end(signal.SIGKILL)

    @action(stage=st.sampled_from(STAGES))
    def kill_in_a_transaction(self, stage: str) -> None:
        """The next one that comes so far."""
        self._free_disk()
        self._thaw()
        self._follow()
        self.progress.die(stage)
        self.log.append(3)
        self._until(lambda: self.process is None or self.process.poll() is not None)
        self._end(signal.SIGKILL)

    @action()
    def restart(self) -> None:
        """SIGTERM: it ends well, unless it has no room to write what it last saw."""
        if self.process is not None:
            self._await_start()
            full = self.full
            assert self._end(signal.SIGTERM) == 0 or full, self._said()
        self._follow()

    @action()
    def run_to_the_end(self) -> None:
        """An ingest without --follow, in between."""
        self._end(signal.SIGKILL)
        visible = self.log.lines()
        code = self._start("ingest", str(self.log.folder), "--db", str(self.database)).wait()
        assert code == 0 or not any(self.log.files()), self._said()
        self.seen |= visible

    @action()
    def freeze(self) -> None:
        """SIGSTOP, until somebody looks: it cannot claim to have watched."""
        if self.process is not None and not self.frozen:
            self.process.send_signal(signal.SIGSTOP)
            self.frozen = True

    @action()
    def fill_disk(self) -> None:
        """Its files cannot grow: a disk that is full for this process alone."""
        if self.process is not None:
            self._await_start()
            self._limit(4096)
            self.full = True

    def await_look(self) -> None:
        """The next look has just begun, if there is one."""
        if self.process is None or self.frozen or self.full:
            return
        begun = self.progress.begun
        self._until(lambda: self.progress.begun > begun)

    def teardown(self) -> None:
        try:
            self.look()
            assert self._end(signal.SIGTERM) == 0, self._said()
            with Store.open(self.database, read_only=True) as store:
                self._judge(store)
        except BaseException as error:
            error.add_note("\n".join([*self.history, self._said()]))
            raise
        finally:
            self._end(signal.SIGKILL)
            shutil.rmtree(self.folder)
            shutil.rmtree(self.stored)

    def _judge(self, store: Store) -> None:
        stored: dict[int, int] = dict(store.execute(_STORED, [HEADER]))
        written = set(self.log.written)
        lost = self.seen - set(stored)
        repeated = {number for number, times in stored.items() if times > 1}
        unaccounted = self._unaccounted(store)
        Chaos.totals.update(
            seeds=1,
            written=len(written),
            unseen=len(written - self.seen - set(stored)),
            lost=len(lost),
            repeated=len(repeated),
            bytes=unaccounted,
            starts=self.starts,
        )
        assert not lost
        assert not repeated
        assert not set(stored) - written
        assert not unaccounted
        assert not verify(store).problems

    def _unaccounted(self, store: Store) -> int:
        """Bytes within the ledger that no entry has, and bytes of whole lines in the files that were not read."""
        [(missing,)] = store.execute(_HOLES)
        reached: dict[str, int] = dict(store.execute(_REACHED))
        for path, data in self.log.files().items():
            whole, reach = data.rfind(b"\n") + 1, reached.get(str(path), 0)
            missing += 0 if whole <= reach <= len(data) else abs(whole - reach)
        return int(missing)

    def _follow(self) -> None:
        if self.process is None:
            self.process = self._start("ingest", str(self.log.folder), "--follow", "--db", str(self.database))

    def _start(self, *arguments: str) -> Fork:
        self.starts += 1
        self.progress = Progress.new(self.folder / "progress")
        prelude = HASTY.format(progress=str(self.folder / "progress"))
        return self.forks.start(("--debug", *arguments), self.folder / f"said{self.starts}", prelude)

    def _end(self, how: signal.Signals) -> int:
        """Send a signal, and wait for the end that comes of it; gives the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(how)
        code = self.process.wait()
        self.process, self.frozen, self.full = None, False, False
        return code

    def _await_start(self) -> None:
        """Before it has opened the database any process may end at once."""
        self._thaw()
        self._until(lambda: self.progress.begun > 0)

    def _thaw(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
        self.frozen = False

    def _free_disk(self) -> None:
        if self.process is not None:
            self._limit(resource.RLIM_INFINITY)
        self.full = False

    def _limit(self, size: int) -> None:
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, "it hangs"
            threading.Event().wait(0.001)

    def _said(self) -> str:
        return "\n".join(
            f"{path.name}: {path.read_text()}" for path in sorted(self.folder.glob("said*"), key=os.path.getmtime)
        )


_STORED = "SELECT seq::BIGINT, count(*) FROM events WHERE seq IS NOT NULL AND seq <> ? GROUP BY seq"
_HOLES = """
SELECT coalesce(sum(abs(reach - entered)), 0)::BIGINT
FROM (
    SELECT max(to_pos)::BIGINT - min(from_pos)::BIGINT AS reach, sum(to_pos - from_pos)::BIGINT AS entered
    FROM ledger GROUP BY source_id
)
"""
_REACHED = """
SELECT path, max(to_pos)::BIGINT
FROM (SELECT source_id, to_pos FROM ledger UNION ALL SELECT source_id, copied_bytes FROM sources)
JOIN sources USING (source_id)
WHERE state <> 'gone' GROUP BY path
"""


@pytest.mark.parametrize("number", range(FIRST, FIRST + max(1, SEEDS // SLICE)))
def test_g0_whatever_happens_every_line_comes_in_once(
    forks: Forks, number: int, record_property: Callable[[str, object], None]
) -> None:
    """All lines that stood in a file when the command looked."""
    Chaos.forks, Chaos.totals = forks, Counter()
    try:
        run_state_machine_as_test(
            seed(number)(Chaos),
            settings=settings(
                max_examples=min(SEEDS, SLICE),
                stateful_step_count=STEPS,
                deadline=None,
                phases=(Phase.generate,),  # what depends on the moment cannot be made smaller
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    finally:
        record_property("chaos", dict(Chaos.totals))
