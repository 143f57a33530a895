"""Judging findings by the ground truth."""

from typing import Any

import pytest

from sample_logs.judge import extra, judge

INCIDENT: dict[str, Any] = {
    "kind": "error_spike",
    "service": "shop-web",
    "started_at": "2026-03-12T16:18:00+00:00",
    "also": ["nginx"],
}


def finding(kind: str = "error_spike", service: str = "shop-web", started_at: str = "16:18:00") -> dict[str, Any]:
    return {"kind": kind, "service": service, "started_at": f"2026-03-12T{started_at}Z"}


@pytest.mark.parametrize("started_at", ["16:16:00", "16:18:00", "16:20:00"])
def test_a_finding_within_two_minutes_is_the_incident(started_at: str) -> None:
    """Before or after, up to and including two minutes."""
    [judged] = judge([INCIDENT], [finding(started_at=started_at)])
    assert judged.found
    assert not list(extra([INCIDENT], [finding(started_at=started_at)]))


@pytest.mark.parametrize(
    "wrong", [finding(started_at="16:20:01"), finding(kind="new_pattern"), finding(service="shop-api")]
)
def test_a_finding_of_another_time_kind_or_service_is_not_the_incident(wrong: dict[str, Any]) -> None:
    """It is missed, and what was found is counted as something else."""
    [judged] = judge([INCIDENT], [wrong])
    assert not judged.found
    assert list(extra([INCIDENT], [wrong])) == [wrong]


def test_a_service_that_shows_the_same_neither_counts_as_found_nor_as_extra() -> None:
    """The web server's view of the shop's errors is right, but is not the shop's."""
    seen = [finding(service="nginx")]
    [judged] = judge([INCIDENT], seen)
    assert not judged.found
    assert not list(extra([INCIDENT], seen))


def test_the_nearest_of_several_is_taken() -> None:
    """The others, further away than two minutes, stand beside the truth."""
    far = finding(started_at="11:00:00")
    [judged] = judge([INCIDENT], [far, finding(started_at="16:19:00")])
    assert judged.off is not None
    assert judged.off.total_seconds() == 60
    assert list(extra([INCIDENT], [far, finding(started_at="16:19:00")])) == [far]
