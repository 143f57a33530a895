"""What was found is compared with what was done."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from real_shop.comparison import Witness, sightings, unexplained
from real_shop.faults import Truth

NOON = datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC)
LOCK = Truth("locked_table", "postgresql", "products", NOON, NOON + timedelta(seconds=60), "The table was locked.")
WITNESSES = (Witness("postgresql", "still waiting|products"), Witness("shop", "QueryCanceled"))


def _finding(service: str, seconds: float, **fields: object) -> Mapping[str, object]:
    return {
        "finding_id": "f1",
        "kind": "error_spike",
        "service": service,
        "started_at": (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z"),
        "title": "errors",
        "explanation": "",
        "subject": None,
        "evidence": [],
    } | fields


def test_a_finding_of_the_right_service_words_and_time_is_a_sighting() -> None:
    """It tells its onset relative to the fault's beginning."""
    (seen,) = sightings(LOCK, WITNESSES, [_finding("postgresql", -3, subject="SELECT ? FROM Products")])
    assert (seen.service, seen.late_by) == ("postgresql", timedelta(seconds=-3))


def test_the_words_may_stand_in_the_evidence() -> None:
    """An error spike has no subject of its own, its examples tell what it is about."""
    evidence = [{"source_id": 1, "source_pos": 0, "text": "process 12 still waiting for AccessShareLock"}]
    assert sightings(LOCK, WITNESSES, [_finding("postgresql", 7, evidence=evidence)])


def test_another_time_service_or_subject_is_none() -> None:
    """Only what fits in all three counts; being early by more than a bucket or late is not found."""
    about = {"subject": "products"}
    others = [
        _finding("postgresql", -20, **about),
        _finding("postgresql", 45, **about),
        _finding("nginx", 0, **about),
        _finding("shop", 0, **about),
        _finding("postgresql", 0, subject="orders"),
    ]
    assert sightings(LOCK, WITNESSES, others) == []


def test_the_servers_own_log_comes_first_then_the_nearest_onset() -> None:
    """So the first sighting is the one to explain."""
    findings = [
        _finding("shop", 0, title="shop", subject="QueryCanceled"),
        _finding("postgresql", 9, title="late", subject="products"),
        _finding("postgresql", -2, title="near", subject="products"),
    ]
    assert [seen.title for seen in sightings(LOCK, WITNESSES, findings)] == ["near", "late", "shop"]


def test_findings_that_begin_at_no_fault_are_told_apart() -> None:
    """What begins while a fault lasts, or when its end sets things moving, is explained; the rest is not."""
    findings = [_finding("shop", seconds, title=str(seconds)) for seconds in (-60, -5, 40, 80, 120)]
    assert [finding["title"] for finding in unexplained([LOCK], findings)] == ["-60", "120"]
