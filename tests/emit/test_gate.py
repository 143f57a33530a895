"""`pytest --logpipe-gate`: a run fails on what its tests logged that is new, repeated or too much."""

import json
from pathlib import Path
from typing import cast

import pytest

from logpipe.testing import gate, judgement, pytest_addoption

pytest_plugins = ["pytester"]
KEPT = (gate, judgement)
"""Which a run in this process would load anew each time."""

ERRORS = """
    import logging

    def test_a():
        logging.error("no stock of %s in cart %d", "tea", 7)

    def test_b():
        logging.error("no stock of %s in cart %d", "milk", 8)
        try:
            raise ValueError("x")
        except ValueError:
            logging.exception("order 4711 failed")
        logging.warning("not an error")
"""
QUERIES = """
    import logging
    from logpipe import log_context, log_performance

    def test_lists():
        for number in range(12):
            log_performance("query", 1.5, db_statement=f"SELECT * FROM items WHERE id = {number}")

    def test_by_request():
        for number in range(18):
            with log_context(request_id=f"r-{number // 9}"):
                logging.info("query", extra={"db_statement": f"DELETE FROM carts WHERE id = {number}"})
"""


OPTIONS = "addopts = -p logpipe.testing -p no:cacheprovider"


@pytest.fixture
def gated(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose runs load no plugin but the gate: the others here take a second."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(f"[pytest]\n{OPTIONS}\n")
    return pytester


def _run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    """In this process: another one takes longer to begin than a run does."""
    return project.runpytest_inprocess("--logpipe-gate", *words)


def test_without_the_option_nothing_is_looked_at(gated: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything of the pipeline side loaded, though pytest finds the plugin by itself."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    gated.makeini("[pytest]\naddopts = -p no:randomly -p no:cacheprovider\n")
    gated.makepyfile(
        "import logging, sys\n"
        "def test_it():\n    logging.error('down')\n    assert 'duckdb' not in sys.modules\n"
        "    assert 'logpipe.testing.gate' not in sys.modules"
    )
    done = gated.runpytest_subprocess()
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*logpipe gate*")


def test_a_pattern_has_the_name_that_it_has_in_production(gated: pytest.Pytester) -> None:
    """A template as it stands, with its own digits; without a message, what else the record says."""
    gated.makepyfile(
        "import logging\n"
        "def test_it():\n"
        "    logging.error('retry %d of 3', 1)\n"
        "    logging.error('', extra={'event': 'payment_lost'})\n"
    )
    done = _run(gated)
    done.stdout.fnmatch_lines_random(["  retry %d of 3", "  payment_lost"])


def test_new_error_patterns_fail_the_run_until_they_are_accepted(gated: pytest.Pytester) -> None:
    """The tests themselves pass. What varies in a message makes no pattern of its own."""
    gated.makepyfile(test_shop=ERRORS)
    done = gated.runpytest_subprocess("--logpipe-gate")
    assert done.ret == 1
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(
        [
            "*logpipe gate*",
            "2 error patterns are not in logpipe-baseline.json:",
            "  no stock of %s in cart %d",
            "      2 times, first in test_shop.py::test_a",
            "  ValueError: order <[*]> failed",
            "      once, first in test_shop.py::test_b",
            "to accept the patterns and queries: pytest --logpipe-update, and commit logpipe-baseline.json",
        ]
    )
    done.stdout.no_fnmatch_line("*not an error*")
    assert gated.runpytest_inprocess("--logpipe-update").ret == 0
    held = json.loads((gated.path / "logpipe-baseline.json").read_text())
    assert held == {
        "error_patterns": ["ValueError: order <*> failed", "no stock of %s in cart %d"],
        "repeated_queries": [],
    }
    done = gated.runpytest_subprocess("--logpipe-gate")
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*logpipe gate*")


def test_an_update_forgets_nothing(gated: pytest.Pytester) -> None:
    """A run of some tests adds to the baseline what these logged."""
    gated.makepyfile(test_shop=ERRORS)
    gated.runpytest_inprocess("--logpipe-update", "-k", "test_b")
    gated.runpytest_inprocess("--logpipe-update", "-k", "test_a")
    assert len(json.loads((gated.path / "logpipe-baseline.json").read_text())["error_patterns"]) == 2


def test_a_query_that_is_repeated_fails_the_run(gated: pytest.Pytester) -> None:
    """By fingerprint, within a test or, where records name it, a request; nine in each of two requests are few."""
    gated.makepyfile(test_shop=QUERIES)
    done = _run(gated)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        [
            "1 query was executed 10 times or more within a test or request:",
            "  select [*] from items where id = [?]",
            "      12 times in test_shop.py::test_lists",
        ]
    )
    done.stdout.no_fnmatch_line("*carts*")
    done = _run(gated, "-o", "logpipe_n_plus_one=9")
    done.stdout.fnmatch_lines(["2 queries were executed 9 times or more*", "      9 times in *, request r-0"])
    assert gated.runpytest_inprocess("--logpipe-update").ret == 0
    assert _run(gated).ret == 0
    assert _run(gated, "-o", "logpipe_n_plus_one=9").ret == 1


def test_a_test_that_logs_too_much_fails_the_run(gated: pytest.Pytester) -> None:
    """Records from the level on; a budget is not a matter of the baseline."""
    gated.makepyfile(
        test_shop="import logging\ndef test_loud():\n    for _ in range(30):\n        logging.info('again')\n"
        "        logging.debug('and again')\n"
    )
    assert _run(gated, "-o", "logpipe_max_records=30").ret == 0
    done = _run(gated, "-o", "logpipe_max_records=29", "--logpipe-update")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["1 test logged more than 29 records:", "  test_shop.py::test_loud: 30 records, * bytes"])
    assert _run(gated, "-o", "logpipe_max_bytes=1000").ret == 1
    assert _run(gated, "-o", "logpipe_max_records=29", "-o", "logpipe_level=WARNING").ret == 0
    assert _run(gated, "-o", "logpipe_max_records=59", "-o", "logpipe_level=DEBUG").ret == 1


def test_the_ini_file_switches_it_on(gated: pytest.Pytester) -> None:
    """With the baseline where it says."""
    gated.makeini(f"[pytest]\nlogpipe_gate = true\nlogpipe_baseline = known.json\n{OPTIONS}\n")
    gated.makepyfile(test_shop=ERRORS)
    done = gated.runpytest_inprocess()
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*not in known.json:"])


def test_workers_are_judged_together(gated: pytest.Pytester) -> None:
    """Under pytest-xdist the controller says once what all of them have seen."""
    gated.makepyfile(test_shop=ERRORS, test_more=QUERIES)
    done = gated.runpytest_subprocess("--logpipe-gate", "-p", "xdist", "-n", "2")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["2 error patterns are not in *", "1 query was executed *"])
    assert gated.runpytest_subprocess("--logpipe-update", "-p", "xdist", "-n", "2").ret == 0
    assert _run(gated).ret == 0


def test_the_gate_and_the_fixture_see_the_same(gated: pytest.Pytester) -> None:
    """What a test asserts on is counted, too, and once."""
    gated.makepyfile(
        test_shop="import logging\ndef test_it(logged):\n    logging.error('down')\n    logging.debug('detail')\n"
        "    assert len(logged) == 2\n"
    )
    done = _run(gated, "-o", "logpipe_max_records=1")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["  down", "      once, first in *"])
    done.stdout.no_fnmatch_line("*logged more than*")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("-o", "logpipe_max_records=many"), "logpipe_max_records: 'many' is no number above zero"),
        (("-o", "logpipe_level=loud"), "logpipe_level: LOUD is no level; the levels are TRACE, DEBUG*"),
    ],
)
def test_a_setting_that_cannot_be_used_is_said(gated: pytest.Pytester, words: tuple[str, ...], sentence: str) -> None:
    """Before the first test."""
    gated.makepyfile(test_shop=ERRORS)
    done = _run(gated, *words)
    assert done.ret == 4
    done.stderr.fnmatch_lines([f"*{sentence}"])


def test_a_baseline_that_is_none_fails_the_run(gated: pytest.Pytester) -> None:
    """With what to do about it."""
    gated.makepyfile(test_shop=ERRORS)
    (gated.path / "logpipe-baseline.json").write_text("[]")
    done = _run(gated)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*is no baseline of the gate*; make it anew with: pytest --logpipe-update"])


def test_each_setting_is_documented() -> None:
    """With its default, in the table of docs/emit.md."""
    page = (Path(__file__).parents[2] / "docs" / "emit.md").read_text()
    added = []

    class Parser:
        def getgroup(self, name: str) -> "Parser":
            return self

        def addoption(self, name: str, **_: object) -> None:
            assert f"`{name}`" in page or f" {name}`" in page, name

        def addini(self, name: str, _meaning: str, *, default: object, **_: object) -> None:
            added.append(name)
            assert f"| `{name}` | {str(default).replace('False', 'false') or '–'} |" in page, name

    pytest_addoption(cast("pytest.Parser", Parser()))
    assert len(added) == 6
