"""Times as people type them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpipe.cli.times import parse_range, parse_time
from logpipe.errors import QueryError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("2H", NOW - timedelta(hours=2)),
        ("1d12h", NOW - timedelta(hours=36)),
        (" 1w ", NOW - timedelta(weeks=1)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.25+02:00", datetime(2026, 1, 31, 10, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_times_dates_and_spans(text: str, expected: datetime) -> None:
    """A time without a zone is UTC, a date its midnight, a span counts back from now."""
    assert parse_time(text, NOW) == expected
    assert parse_time(text, NOW).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday-ish", "5", "1y", "1 h", "2026-13-01", "999999999w", "-1h", "١h"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    """The sentence names the text and shows what is understood."""
    with pytest.raises(QueryError, match="is not a time; give a date") as refused:
        parse_time(text, NOW)
    assert repr(text) in str(refused.value)


ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-7))])


@given(st.datetimes().filter(lambda time: 1 < time.year < 9999), ZONES)
def test_any_printed_time_is_read_back(time: datetime, zone: timezone) -> None:
    """What isoformat writes, parse_time reads."""
    assert parse_time(time.replace(tzinfo=zone).isoformat(), NOW) == time.replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-02-27T10:00/2026-02-28T11:00", "2026-02-27T10:00", "2026-02-28T11:00"),
        ("2026-02-27T10:00/11:30", "2026-02-27T10:00", "2026-02-27T11:30"),
        ("2026-02-27T10:00..11:30", "2026-02-27T10:00", "2026-02-27T11:30"),
        ("2026-02-27/1d", "2026-02-27", "2026-02-28"),
        ("9:00/45m", "2026-03-01T09:00", "2026-03-01T09:45"),
        ("1h", "2026-03-01T11:00", "2026-03-01T12:00"),
        ("2h/1h", "2026-03-01T10:00", "2026-03-01T11:00"),
    ],
)
def test_stretches(text: str, since: str, until: str) -> None:
    """Two ends, a beginning and a length, or the last of a length; a clock is of the day of the time before it."""
    ends = tuple(datetime.fromisoformat(end).replace(tzinfo=UTC) for end in (since, until))
    assert parse_range(text, NOW) == ends


def test_a_clock_is_of_the_day_that_ends_at_midnight() -> None:
    """Where the newest event is the last of its day, that day is meant."""
    ends = (datetime(2026, 2, 28, 10, tzinfo=UTC), datetime(2026, 2, 28, 11, tzinfo=UTC))
    assert parse_range("10:00/11:00", datetime(2026, 3, 1, tzinfo=UTC)) == ends


@pytest.mark.parametrize("text", ["", "11:00/10:00", "10:00/11:00/12:00", "2026-02-27", "monday/1h", "/", "1h/"])
def test_what_is_no_stretch_is_refused(text: str) -> None:
    """The sentence says what is understood."""
    with pytest.raises(QueryError, match="is not a"):
        parse_range(text, NOW)
