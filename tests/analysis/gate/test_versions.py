"""`logpipe gate --service S --baseline V1 --candidate V2`: two versions in a database."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from logpipe.store import Store
from logpipe_analysis.deployments import version_ranges
from tests.analysis.gate.conftest import Gated, Stored
from tests.analysis.gate.logs import START, Version
from tests.commands import call

OLD = Version("1.0")
NEW = Version("1.1", start=30)
VERSIONS = ("--service", "shop", "--baseline", "1.0", "--candidate", "1.1")
DAY = 24 * 60


def test_a_worse_version_fails_and_an_equal_one_passes(stored: Stored, gated: Gated) -> None:
    """Each is judged by its own records, of its own service."""
    equal = replace(NEW, name="1.2", start=60)
    stored(OLD, replace(NEW, errors=0.2), equal, replace(NEW, service="other", errors=0.9))
    assert gated(*VERSIONS)[0] == 3
    code, verdict = gated(*VERSIONS[:-1], "1.2")
    assert (code, verdict["answer"]) == (0, "pass")
    assert verdict["candidate"]["since"] == "2026-01-05T13:00:00Z"


def test_a_candidate_of_which_nothing_is_known_is_waited_for_or_an_error(
    stored: Stored, gated: Gated, tmp_path: Path
) -> None:
    """It may be about to start; without `--wait` it is a slip that must not pass as too little data."""
    stored(OLD)
    code, verdict = gated(*VERSIONS, "--wait", "1s", "--poll", "1s")
    assert (code, verdict["candidate"]["events"]) == (5, 0)
    done = call("gate", *VERSIONS, folder=tmp_path)
    assert done.returncode == 1
    assert "names the version '1.1'; wait for the first of them with --wait" in done.stderr


def test_a_version_is_not_compared_with_itself(stored: Stored, tmp_path: Path) -> None:
    """It would pass."""
    stored(OLD)
    done = call("gate", "--service", "shop", "--baseline", "1.0", "--candidate", "1.0", folder=tmp_path)
    assert done.returncode == 2


def test_an_unknown_baseline_is_an_error_that_names_the_known_versions(stored: Stored, tmp_path: Path) -> None:
    """A slip must not pass."""
    stored(OLD)
    done = call("gate", "--service", "shop", "--baseline", "0.9", "--candidate", "1.0", folder=tmp_path)
    assert done.returncode == 1
    assert "versions that are known: 1.0" in done.stderr


def test_an_environment_is_asked_for_where_there_are_several(stored: Stored, gated: Gated, tmp_path: Path) -> None:
    """And then only its records count."""
    staging, production = replace(NEW, environment="staging"), replace(NEW, environment="production", errors=0.2)
    stored(replace(OLD, environment="staging"), replace(OLD, environment="production"), staging, production)
    done = call("gate", *VERSIONS, folder=tmp_path)
    assert done.returncode == 1
    assert "--env" in done.stderr
    assert gated(*VERSIONS, "--env", "staging")[0] == 0
    assert gated(*VERSIONS, "--env", "production")[0] == 3


def test_what_slows_both_at_once_is_not_the_canary(stored: Stored, gated: Gated) -> None:
    """Where both run side by side, only that time is compared."""
    before = replace(OLD, minutes=60)
    beside = replace(OLD, start=60, slower=2.0)
    stored(before, beside, replace(NEW, start=60, slower=2.0))
    code, verdict = gated(*VERSIONS)
    assert (code, verdict["notes"]) == (0, [])
    assert verdict["baseline"]["minutes"] == 30


def test_a_slow_hour_of_every_day_is_not_the_candidate(stored: Stored, gated: Gated) -> None:
    """Compared with the same hours of the day before, where the baseline ran then."""
    yesterday, morning = replace(OLD, slower=2.0), replace(OLD, start=DAY - 60, minutes=60)
    stored(yesterday, morning, replace(NEW, start=DAY, slower=2.0))
    code, verdict = gated(*VERSIONS)
    assert (code, verdict["notes"]) == (0, [])
    assert verdict["baseline"]["since"] == "2026-01-05T12:00:00Z"


def test_other_hours_of_the_day_are_told(stored: Stored, gated: Gated) -> None:
    """A reader may then doubt a rise by himself."""
    stored(OLD, NEW)
    [note] = gated(*VERSIONS)[1]["notes"]
    assert "has no records of the same hours of the day" in note


def test_records_without_a_version_belong_to_the_deployment_before_them(
    stored: Stored, gated: Gated, tmp_path: Path
) -> None:
    """Where only the event `deployment` names a version, it begins there."""
    database = stored(replace(OLD, name=None, start=1), replace(NEW, name=None, start=31, minutes=29, slower=1.5))
    lines = [
        f'{{"timestamp":"{(START + timedelta(minutes=minute)).isoformat()}","level":"INFO","service":"shop",'
        f'"event":"deployment","version":"{version}","message":"deployed {version}"}}\n'
        for minute, version in ((0, "1.0"), (30, "1.1"))
    ]
    (tmp_path / "deployments.jsonl").write_text("".join(lines))
    assert call("ingest", str(tmp_path / "deployments.jsonl"), "--db", str(database)).returncode == 0
    code, verdict = gated(*VERSIONS)
    assert code == 3
    assert {effect["metric"] for effect in verdict["effects"] if effect["outcome"] == "fail"} == {"p50", "p95"}


def test_an_error_may_be_new_only_because_the_baseline_is_short(stored: Stored, gated: Gated) -> None:
    """Against two minutes of baseline every error that comes now and then is new; that fails nobody."""
    stored(replace(OLD, minutes=2, per_minute=10), replace(NEW, start=2, per_minute=20, complains="seen now and then"))
    _, verdict = gated(*VERSIONS)
    [new] = [one for one in verdict["new_patterns"] if one["template"] == "seen now and then"]
    assert new["p_value"] > 0.05
    assert not any("seen now and then" in reason for reason in verdict["reasons"])


def test_a_rolling_deployment_has_ranges_that_overlap(stored: Stored) -> None:
    """A version lasts until its last record, or until the next one begins."""
    database = stored(replace(OLD, minutes=35), NEW, replace(NEW, name="1.2", start=90, minutes=10))
    with Store.open(database, read_only=True) as store:
        ranges = version_ranges(store, service="shop", until=START + timedelta(days=1))
    minute = timedelta(minutes=1)
    spans = [(one.version, (one.since - START) // minute, (one.until - START) // minute) for one in ranges]
    assert spans == [("1.0", 0, 35), ("1.1", 30, 90), ("1.2", 90, 100)]
