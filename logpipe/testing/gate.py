"""The gate: looks at what all tests of a run log, and fails it on what its baseline does not accept."""

from collections.abc import Generator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from logpipe.emit.levels import LEVELS
from logpipe.testing import listening
from logpipe.testing.seen import Logbook, Seen

if TYPE_CHECKING:
    from logpipe.testing.judgement import Limits

_OF_WORKER = "logpipe_gate"


class Gate:
    """Listens to each test and judges when all are over; under pytest-xdist the controller judges for its workers."""

    def __init__(self, config: pytest.Config) -> None:
        if find_spec("duckdb") is None:
            raise pytest.UsageError("the gate counts patterns as the analysis does; install logpipe[pipeline]")
        self._config = config
        self._update: bool = config.getoption("--logpipe-update")
        self._baseline = config.rootpath / config.getini("logpipe_baseline")
        self._level = _level(config)
        self._n_plus_one = _number(config, "logpipe_n_plus_one") or 10
        self._seen = Seen()
        self._report: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Count what a test logs, from its setup to its teardown."""
        logbook = Logbook(item.nodeid)
        with listening(logbook.take, self._level):
            try:
                return (yield)
            finally:
                self._seen.add(logbook, self._n_plus_one)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has seen; nothing of one that crashed."""
        held = getattr(node, "workeroutput", {}).get(_OF_WORKER)
        if held:
            self._seen.join(Seen(**held))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge, or hand on what was seen to the process that will."""
        of_worker = getattr(self._config, "workeroutput", None)
        if of_worker is not None:
            of_worker[_OF_WORKER] = self._seen.as_dict()
        elif self._seen.volumes:
            self._judge(session)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what is held against the run."""
        if self._report:
            terminalreporter.section("logpipe gate")
            for line in self._report:
                terminalreporter.line(line)

    def _judge(self, session: pytest.Session) -> None:
        from logpipe.store.without_pandas import without_pandas

        with without_pandas():
            self._judge_seen(session)

    def _judge_seen(self, session: pytest.Session) -> None:
        from logpipe.errors import InputError
        from logpipe.testing.judgement import Baseline, Judgement

        limits = self._limits()
        try:
            baseline = Baseline.read(self._baseline)
        except InputError as error:
            self._fail(session, [str(error)])
            return
        judgement = Judgement.of(self._seen, limits, baseline)
        if self._update:
            judgement.accepted_into(baseline).write(self._baseline)
            judgement = Judgement.of(self._seen, limits, Baseline.read(self._baseline))
            self._report = [f"{self._baseline.name} is up to date"]
        if not judgement.holds:
            self._fail(session, [*judgement.lines(self._baseline, limits)])

    def _limits(self) -> "Limits":
        from logpipe.testing.judgement import Limits

        return Limits(
            self._n_plus_one,
            _number(self._config, "logpipe_max_records"),
            _number(self._config, "logpipe_max_bytes"),
        )

    def _fail(self, session: pytest.Session, lines: list[str]) -> None:
        self._report += lines
        if session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _level(config: pytest.Config) -> str:
    level = str(config.getini("logpipe_level")).upper()
    if level not in LEVELS:
        raise pytest.UsageError(f"logpipe_level: {level} is no level; the levels are {', '.join(LEVELS)}")
    return level


def _number(config: pytest.Config, name: str) -> int | None:
    text = str(config.getini(name)).replace("_", "")
    if text and not (text.isdecimal() and int(text)):
        raise pytest.UsageError(f"{name}: {text!r} is no number above zero")
    return int(text) if text else None
