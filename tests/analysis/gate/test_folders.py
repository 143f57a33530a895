"""`logpipe gate --baseline-logs A --candidate-logs B`: two folders of logs, no database."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.analysis.gate.conftest import Gated
from tests.analysis.gate.logs import Version
from tests.commands import call

BEFORE = Version()
FOLDERS = ("--baseline-logs", "a", "--candidate-logs", "b")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder that holds the baseline in `a`."""
    BEFORE.write(tmp_path / "a" / "shop.jsonl", 1)
    return tmp_path


def test_the_same_again_passes(folders: Path, gated: Gated) -> None:
    """Exit code 0, and nothing is left behind."""
    BEFORE.write(folders / "b" / "shop.jsonl", 2)
    code, verdict = gated(*FOLDERS)
    assert (code, verdict["answer"]) == (0, "pass")
    assert {effect["outcome"] for effect in verdict["effects"] if effect["operation"] is None} == {"pass"}
    assert sorted(path.name for path in folders.iterdir()) == ["a", "b"]


def test_more_errors_fail_with_their_records_by_file_and_byte(folders: Path, gated: Gated) -> None:
    """Exit code 3; the interval holds the truth, and each line of evidence is where it says."""
    replace(BEFORE, errors=0.18).write(folders / "b" / "shop.jsonl", 2)
    code, verdict = gated(*FOLDERS)
    assert (code, verdict["answer"]) == (3, "fail")
    failing = [effect for effect in verdict["effects"] if effect["outcome"] == "fail"]
    assert {effect["metric"] for effect in failing} == {"errors"}
    assert failing[0]["ratio"]["low"] < 3 < failing[0]["ratio"]["high"]
    assert verdict["evidence"]
    for line in verdict["evidence"]:
        assert line["text"] in Path(line["path"]).read_bytes()[line["source_pos"] :].split(b"\n")[0].decode()


def test_slower_requests_fail_with_the_size_of_the_change(folders: Path, gated: Gated) -> None:
    """p50 and p95, in all and of each route."""
    replace(BEFORE, slower=1.4).write(folders / "b" / "shop.jsonl", 2)
    code, verdict = gated(*FOLDERS)
    assert code == 3
    failing = [effect for effect in verdict["effects"] if effect["outcome"] == "fail"]
    assert {effect["metric"] for effect in failing} == {"p50", "p95"}
    assert {effect["operation"] for effect in failing} >= {None, "GET /", "GET /checkout"}
    assert all(effect["ratio"]["low"] < 1.4 < effect["ratio"]["high"] for effect in failing)


def test_an_error_that_the_baseline_never_had_fails(folders: Path, gated: Gated) -> None:
    """It is named with how often it came; the errors in all are no more than is tolerated."""
    replace(BEFORE, complains="TaxRateMissing: cannot quote").write(folders / "b" / "shop.jsonl", 2)
    code, verdict = gated(*FOLDERS)
    assert code == 3
    [reason] = verdict["reasons"]
    assert "a new error, “TaxRateMissing: cannot quote”, 27 times" in reason
    assert verdict["new_patterns"][0]["example"]["text"] == "TaxRateMissing: cannot quote"


def test_each_reason_is_shown_by_a_record(folders: Path, gated: Gated) -> None:
    """The new error first, though other errors come before it; then errors, then what was slow."""
    worse = replace(BEFORE, errors=0.18, slower=1.4, complains="TaxRateMissing: cannot quote")
    worse.write(folders / "b" / "shop.jsonl", 2)
    _, verdict = gated(*FOLDERS)
    texts = [line["text"] for line in verdict["evidence"]]
    assert texts[0] == "TaxRateMissing: cannot quote"
    assert any(text.startswith("order ") for text in texts[1:])
    slow = [text for text in texts if text.startswith("GET ")]
    for operation in (reason.split(" of ")[1].split(" ")[1] for reason in verdict["reasons"] if " of GET " in reason):
        assert any(text.startswith(f"GET {operation} ") for text in slow)
    places = [(line["path"], line["source_pos"]) for line in verdict["evidence"]]
    assert len(places) == len(set(places))


def test_the_terminal_tells_what_lacks_data_beside_what_fails(folders: Path) -> None:
    """Each figure of the whole once, with what follows from it, on a line."""
    short = replace(BEFORE, minutes=6, errors=0.1, slower=1.6)
    short.write(folders / "b" / "shop.jsonl", 2)
    lines = call("gate", *FOLDERS, folder=folders).stdout.splitlines()
    told = [re.split(r"  +", line.strip()) for line in lines if "tolerated" in line]
    whole = {words[1].split(" ")[0]: words[0] for words in told if " of " not in words[1]}
    assert whole == {"errors": "not enough data", "p50": "fail", "p95": "fail"}
    assert len({figure for _, figure in told}) == len(told)


def test_other_requests_are_no_slower_requests(folders: Path, gated: Gated) -> None:
    """A candidate that is asked for slow routes more often is not slower."""
    replace(BEFORE, mix=(0.2, 0.3, 0.5)).write(folders / "b" / "shop.jsonl", 2)
    code, verdict = gated(*FOLDERS)
    assert (code, verdict["answer"]) == (0, "pass")


@pytest.mark.parametrize("few", [replace(BEFORE, minutes=4, errors=0.5), replace(BEFORE, per_minute=2, errors=0.05)])
def test_too_little_is_not_enough(folders: Path, gated: Gated, few: Version) -> None:
    """Exit code 5, whatever those few records say, and what is missing is told."""
    few.write(folders / "b" / "shop.jsonl", 2)
    code, verdict = gated(*FOLDERS)
    assert (code, verdict["answer"]) == (5, "not_enough_data")
    assert verdict["reasons"]


def test_a_folder_that_is_not_there_is_an_error(folders: Path) -> None:
    """Not a pass."""
    done = call("gate", *FOLDERS, folder=folders)
    assert done.returncode == 1
    assert "b" in done.stderr


def test_the_options_must_name_two_sides(folders: Path) -> None:
    """Else it is wrong usage."""
    for arguments in (
        ["--baseline-logs", "a"],
        [*FOLDERS, "--baseline", "1"],
        ["--service", "shop", "--baseline", "1"],
    ):
        assert call("gate", *arguments, folder=folders).returncode == 2


def test_the_comment_holds_hostile_text_as_text(folders: Path) -> None:
    """The answer first; what logs say can neither mention, link nor break the table."""
    hostile = "`x` | @team <img src=x> [a](http://evil) ```"
    replace(BEFORE, complains=hostile).write(folders / "b" / "shop.jsonl", 2)
    done = call("gate", *FOLDERS, "--markdown", "-", folder=folders)
    assert done.stdout.startswith("### Gate: ❌ fail\n")
    assert "| errors per request | " in done.stdout
    for line in done.stdout.splitlines():
        prose = line if line.startswith("- a new error") else ""
        assert not any(f" {text}" in prose for text in ("@team", "<img", "[a]"))
    assert done.returncode == 3
