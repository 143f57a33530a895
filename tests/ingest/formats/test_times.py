"""Times as formats write them, and what is done with those that do not say all."""

from datetime import UTC, datetime

import pytest

from logpipe.ingest.formats import FORMATS, Context
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import time_of_day

from .lines import select

BERLIN = Context(datetime(2026, 7, 1, tzinfo=UTC), time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "line", "instant"),
    [
        ("python_text", "2026-03-14 09:00:00,250 - shop - INFO - a", "2026-03-14T08:00:00.250000Z"),
        ("python_text", "2026-03-14T09:00:00.25Z - shop - INFO - a", "2026-03-14T09:00:00.250000Z"),
        ("python_text", "2026-06-14 09:00:00 +0000 - shop - INFO - a", "2026-06-14T09:00:00.000000Z"),
        ("nginx_error", "2026/06/14 09:00:00 [error] 1#1: a", "2026-06-14T07:00:00.000000Z"),
        ("apache_error", "[Sun Jun 14 09:00:00 2026] [error] a", "2026-06-14T07:00:00.000000Z"),
        ("syslog", "Jun 14 09:00:00 web-1 shop: a", "2026-06-14T07:00:00.000000Z"),
        ("syslog", "Jul  2 01:00:00 web-1 shop: a", "2026-07-01T23:00:00.000000Z"),
        ("syslog", "Jul  3 09:00:00 web-1 shop: a", "2025-07-03T07:00:00.000000Z"),
        ("syslog", "Feb 29 09:00:00 web-1 shop: a", None),
        ("postgresql", "2026-06-14 09:00:00 CEST [3] LOG:  a", "2026-06-14T07:00:00.000000Z"),
        ("json", '{"time":"2026-06-14 09:00:00"}', "2026-06-14T07:00:00.000000Z"),
        ("json", '{"time":1773478800}', "2026-03-14T09:00:00.000000Z"),
        ("json", '{"time":1773478800250}', "2026-03-14T09:00:00.250000Z"),
        ("json", '{"time":1773478800250001}', "2026-03-14T09:00:00.250001Z"),
        ("json", '{"time":1773478800250001999}', "2026-03-14T09:00:00.250001Z"),
        ("json", '{"time":"1773478800.250001"}', "2026-03-14T09:00:00.250001Z"),
        ("json", '{"time":12.5}', None),
        ("json", '{"time":"infinity"}', None),
    ],
)
def test_a_time_is_read_in_its_zone(name: str, line: str, instant: str | None) -> None:
    """A zone in the line holds; without one the source's zone does; a time that cannot be is no time."""
    (row,) = select(FORMATS[name], line, BERLIN)
    assert row.get("ts") == instant


@pytest.mark.parametrize(
    ("year", "instant"),
    [(2027, "2026-12-31T23:00:00.000000Z"), (2026, "2026-12-31T23:00:00.000000Z")],
)
def test_a_line_without_a_year_is_of_the_year_that_the_file_tells(year: int, instant: str) -> None:
    """December in a file written in January is last year's."""
    written = datetime(2027, 1, 2, tzinfo=UTC) if year == 2027 else datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    (row,) = select(FORMATS["syslog"], "Dec 31 23:00:00 web-1 shop: a", Context(written))
    assert row["ts"] == instant


def test_a_time_that_cannot_be_read_is_kept() -> None:
    """The text of it stays in the attributes, under its own key."""
    (row,) = select(FORMATS["json"], '{"time":"soon"}')
    assert row["attributes"] == {"time": "soon"}
    (row,) = select(FORMATS["python_text"], "2026-02-31 09:00:00 - shop - INFO - a")
    assert row["attributes"] == {"timestamp": "2026-02-31 09:00:00"}


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2026-03-29 01:59:59", "2026-03-29T00:59:59.000000Z"),
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00.000000Z"),
        ("2026-03-29 03:00:00", "2026-03-29T01:00:00.000000Z"),
        ("2026-10-25 01:59:59", "2026-10-24T23:59:59.000000Z"),
        ("2026-10-25 02:30:00", "2026-10-25T01:30:00.000000Z"),
        ("2026-10-25 03:00:00", "2026-10-25T02:00:00.000000Z"),
    ],
)
def test_clocks_are_put_forward_and_back(wall: str, instant: str) -> None:
    """A wall time that there is not is read with the offset before; one that there is twice is the second."""
    (row,) = select(FORMATS["python_text"], f"{wall} - shop - INFO - a", BERLIN)
    assert row["ts"] == instant


@pytest.mark.parametrize(
    ("name", "line", "inferred"),
    [
        ("python_text", "2026-03-14 09:00:00,250 - shop - INFO - a", "zone"),
        ("python_text", "2026-03-14T09:00:00.25Z - shop - INFO - a", None),
        ("python_text", "2026-03-14 09:00:00 +0100 - shop - INFO - a", None),
        ("syslog", "Jun 14 09:00:00 web-1 shop: a", "year"),
        ("syslog", "2026-06-14T09:00:00+02:00 web-1 shop: a", None),
        ("access_log", '- - - [14/Mar/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 5', None),
        ("postgresql", "2026-06-14 09:00:00 CEST [3] LOG:  a", None),
        ("redis", "1:M 14 Mar 2026 09:00:00.123 * a", "zone"),
        ("redis", "1:signal-handler (1773478804) a", None),
        ("json", '{"time":"2026-06-14 09:00:00"}', "zone"),
        ("json", '{"time":"2026-06-14 09:00:00 Europe/Berlin"}', None),
        ("json", '{"time":1773478800}', None),
        ("logfmt", "time=2026-06-14T09:00:00 level=info", "zone"),
    ],
)
@pytest.mark.parametrize("context", [BERLIN, Context(datetime(2026, 3, 14, tzinfo=UTC))])
def test_what_the_line_does_not_say_is_flagged(name: str, line: str, inferred: str | None, context: Context) -> None:
    """Whatever the source's zone is: also UTC, where it is taken for it, was not said."""
    (row,) = select(FORMATS[name], line, context)
    attributes = row.get("attributes")
    assert (attributes if isinstance(attributes, dict) else {}).get("time_inferred") == inferred


@pytest.mark.parametrize(("clock", "day"), [("11:00:00", "14"), ("13:00:00", "13")])
def test_a_time_without_a_date_is_of_the_day_of_the_last_write(clock: str, day: str) -> None:
    """Or of the day before, if it would lie behind it; the record says that the date is inferred."""
    reading = TextFormat(
        "t", "t", (r"^(?P<time>\S+) (?P<text>.*)$",), {"message": "text"}, read_time=time_of_day("%H:%M:%S")
    )
    (row,) = select(reading, f"{clock} a", Context(datetime(2026, 3, 14, 12, tzinfo=UTC)))
    assert row["ts"] == f"2026-03-{day}T{clock}.000000Z"
    assert row["attributes"] == {"time_inferred": "date"}
