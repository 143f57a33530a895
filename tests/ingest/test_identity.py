"""The rule of identity against a model: random writing, rotation and truncation between polls.

Every line that stood in a file at the time of some poll is in the store, once.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import find
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import line, sequences
from tests.ingest.rotating_log import HEADER, RotatingLog

SEEDS = int(os.environ.get("LOGPIPE_IDENTITY_SEEDS", "3"))
STEPS = 60


class Identity(RuleBasedStateMachine):
    """A log that rotates, and an ingester that looks at it now and then; a look takes no time."""

    header = b""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="identity-"))
        self.log = RotatingLog(self.folder, self.header)
        self.store = Store.open(":memory:")
        self.ingester = Ingester(self.store, Options(following=True))
        self.seen: set[int] = set()
        self.copied = False

    @precondition(lambda self: not self.copied)
    @rule(count=st.sampled_from((1, 2, 5, 60)), looked=st.booleans())
    def append(self, count: int, looked: bool) -> None:
        self.log.append(count)
        if looked:
            self.look()

    @precondition(lambda self: not self.copied)
    @rule(late=st.sampled_from((0, 3)))
    def rename(self, late: int) -> None:
        self.log.rename(late)

    @precondition(lambda self: not self.copied)
    @rule()
    def copy(self) -> None:
        """The first half of copytruncate; a look may come before the other."""
        if self.log.path.exists():
            self.log.copy()
            self.copied = True

    @precondition(lambda self: self.copied)
    @rule()
    def truncate(self) -> None:
        self.log.truncate()
        self.copied = False

    @precondition(lambda self: not self.copied)
    @rule()
    def make_anew(self) -> None:
        """The file is deleted, and the new one may get its inode."""
        self.log.append(0)
        self.log.delete()
        self.log.append(1)

    @rule()
    def look(self) -> None:
        self.seen |= self.log.lines()
        self.ingester.sweep(find([str(self.folder)])[0])

    def teardown(self) -> None:
        self.look()
        self.ingester.close()
        stored = [number for number in sequences(self.store) if number != HEADER]
        problems = verify(self.store).problems
        self.store.close()
        shutil.rmtree(self.folder)
        assert not self.ingester.summary.errors
        assert sorted(self.seen - set(stored)) == []
        assert len(stored) == len(set(stored))  # and some that no look saw: of files that went while they were open
        assert not problems


class AlikeIdentity(Identity):
    """All files begin with the same line."""

    header = line(HEADER, message="x" * 1500)


class LongAlikeIdentity(Identity):
    """They begin alike for longer than what is kept of a head."""

    header = line(HEADER, message="x" * 8000)


@pytest.mark.parametrize("machine", [Identity, AlikeIdentity, LongAlikeIdentity])
def test_i1_every_line_seen_at_a_look_is_stored_once(machine: type[Identity]) -> None:
    """Whatever happened to the files between looks."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=SEEDS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
