"""Figures and times as sentences have them."""

from datetime import UTC, datetime, timedelta

import pytest

from logpipe_analysis import phrases

MORNING = datetime(2026, 1, 5, 7, 36, tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "bucket_s", "told"),
    [
        (None, 60, "since 2026-01-05 07:36"),
        (None, 10, "since 2026-01-05 07:36:00"),
        (MORNING + timedelta(hours=1), 60, "07:36–08:36"),
        (MORNING + timedelta(days=1), 60, "07:36–2026-01-06 07:36"),
    ],
)
def test_what_lasts_is_told_with_its_date(end: datetime | None, bucket_s: int, told: str) -> None:
    """Who reads it may do so days later; what is over has the date where that is another."""
    assert phrases.span(MORNING, end, timedelta(seconds=bucket_s)) == told
