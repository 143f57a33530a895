"""Times as formats write them, and what is done with those that do not say all."""

from datetime import UTC, datetime

import pytest

from logpipe.ingest.formats import FORMATS, Context

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
