"""What holds for any text and any format: nothing crashes, nothing is lost, nothing is made up."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpipe.ingest.formats import FORMATS, Context, detect, format_named
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import rest

from .lines import records, select
from .test_golden import LOGS

SAMPLES = [line for log in LOGS for line in log.read_text().splitlines()]

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)

JSON_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KNOWN_KEY = st.sampled_from(
    [
        *("timestamp", "time", "level", "message", "msg", "event", "http", "http.status_code", "log", "exception"),
        *("error", "record", "text", "line", "process", "duration_ms", "seq", "stream", "severity_number"),
    ]
)
JSON_LINE = st.dictionaries(KNOWN_KEY | TEXT, JSON_VALUE, max_size=6).map(json.dumps)


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    """A line of a real format, cut, or with foreign text put in."""
    line = draw(st.sampled_from(SAMPLES))
    at = draw(st.integers(0, len(line)))
    return line[:at] + draw(TEXT) + draw(st.sampled_from(["", line[at:]]))


LINES = st.lists(st.sampled_from(SAMPLES) | mutilated() | JSON_LINE | TEXT, max_size=8).map("\n".join)
CONTEXTS = st.sampled_from(
    [
        Context(datetime(2026, 3, 14, tzinfo=UTC)),
        Context(datetime(2024, 2, 29, 23, tzinfo=UTC), time_zone="Europe/Berlin"),
    ]
)


@pytest.mark.parametrize("name", [*FORMATS, "cri+python_text", "docker_json+json", "compose+logfmt"])
@given(text=LINES, context=CONTEXTS)
@settings(max_examples=8)
def test_a_record_in_is_a_row_out(name: str, text: str, context: Context) -> None:
    """Every record yields exactly one row, an event with something in it or a reject with its reason."""
    format_ = format_named(name)
    assert format_ is not None
    expected = [(pos, size) for pos, size, _ in records(text, format_)]
    rows = select(format_, text, context)
    assert [(row["pos"], row["bytes"]) for row in rows] == expected
    assert all(len(row) == 3 for row in rows if "reason" in row)


@given(text=LINES)
@settings(max_examples=50)
def test_detection_always_answers(text: str) -> None:
    """Any text has a format, with a share of at least 0.9 and a sentence that names it."""
    detection = detect(text.split("\n"))
    assert detection.share >= 0.9
    assert detection.format.name in detection.explanation


@given(members=st.dictionaries(TEXT.map("x {}".format), JSON_VALUE, min_size=1, max_size=6))
@settings(max_examples=50)
def test_unknown_members_stay_in_the_attributes(members: dict[str, object]) -> None:
    """What no column takes is found again, unchanged, under its own key."""
    (row,) = select(FORMATS["json"], json.dumps(members))
    assert row["attributes"] == members


def test_bytes_that_are_no_utf8_do_not_hold_up_joining(tmp_path: Path) -> None:
    """Which lines join is found out from mended text; DuckDB's trimming would never end."""
    log = tmp_path / "app.log"
    log.write_bytes(b"2026-03-14T09:00:00.1Z stdout F a\n202\xdc-03-14T0\\u00\n")
    rest(log)
    with Store.open(":memory:") as store:
        assert ingest(store, [str(log)], Options(format="cri+python_text")).lines == 2


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("log4j_json", '{"instant":{"epochSecond":9223372036854775807},"level":"INFO","loggerName":"a","thread":"t"}'),
        ("log4j_json", '{"instant":{"epochSecond":9223372036854},"level":"INFO","loggerName":"a","thread":"t"}'),
        ("timed_text", "@4fffffffffffffff00000000 no such time"),
        (
            "mysql_slow",
            "# Time: 2026-03-14T09:00:00Z\n# Query_time: 1  Lock_time: 0 Rows_sent: 18446744073709551616\n;",
        ),
        ("json", '{"time":1e300,"line":1e300,"duration_ms":"1e999","http_status":-1,"seq":1e40}'),
        ("syslog", "<99999999999999999999>1 9999-12-31T23:59:60.999999999+23:59 h a 99999999999999999999 - - x"),
    ],
)
def test_numbers_beyond_any_column_hold_nothing_up(name: str, line: str) -> None:
    """They stay where they are said, and the record is an event all the same."""
    (row,) = select(FORMATS[name], line)
    assert "reason" not in row
    assert row["bytes"] == len(line)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("java_text", "2026-03-14 09:00:04.123 ERROR 99999999999 --- [main] a.b.C : hello"),
        ("nginx_error", "2026/03/14 09:00:04 [error] 99999999999#0: *7 open() failed"),
    ],
)
def test_a_number_too_large_for_its_column_stays_in_the_attributes(name: str, line: str) -> None:
    """Under the name of the column."""
    format_ = format_named(name)
    assert format_ is not None
    [row] = select(format_, line, Context(datetime(2026, 3, 14, tzinfo=UTC)))
    assert isinstance(row["attributes"], dict)
    assert row["attributes"]["process"] == "99999999999"
    assert "process" not in row
