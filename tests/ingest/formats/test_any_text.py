"""What holds for any text and any format: nothing crashes, nothing is lost, nothing is made up."""

import json
from datetime import UTC, datetime
from itertools import chain
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


LINE = st.sampled_from(SAMPLES) | mutilated() | JSON_LINE | TEXT
LINES = st.lists(LINE, max_size=8).map("\n".join)
MANY_LINES = st.lists(st.tuples(LINE, LINE, LINE, LINE), max_size=8).map(lambda fours: "\n".join(chain(*fours)))
"""For what costs the same with a few lines more; the first example has none."""
CONTEXTS = st.sampled_from(
    [
        Context(datetime(2026, 3, 14, tzinfo=UTC)),
        Context(datetime(2024, 2, 29, 23, tzinfo=UTC), time_zone="Europe/Berlin"),
    ]
)


@pytest.mark.parametrize("name", [*FORMATS, "cri+python_text", "docker_json+json", "compose+logfmt"])
@given(text=MANY_LINES, context=CONTEXTS)
@settings(max_examples=3)
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


@given(st.lists(st.dictionaries(TEXT.map("x {}".format), JSON_VALUE, min_size=1, max_size=6), min_size=2, max_size=8))
@settings(max_examples=15)
def test_unknown_members_stay_in_the_attributes(records: list[dict[str, object]]) -> None:
    """What no column takes is found again, unchanged, under its own key."""
    rows = select(FORMATS["json"], "\n".join(map(json.dumps, records)))
    assert [row["attributes"] for row in rows] == records


def test_bytes_that_are_no_utf8_do_not_hold_up_joining(tmp_path: Path) -> None:
    """Which lines join is found out from mended text; DuckDB's trimming would never end."""
    log = tmp_path / "app.log"
    log.write_bytes(b"2026-03-14T09:00:00.1Z stdout F a\n202\xdc-03-14T0\\u00\n")
    rest(log)
    with Store.open(":memory:") as store:
        assert ingest(store, [str(log)], Options(format="cri+python_text")).lines == 2


@pytest.mark.parametrize(
    ("name", "key", "line"),
    [
        ("java_text", "process", "2026-03-14 09:00:04.123 ERROR {} --- [main] a.b.C : hello"),
        ("nginx_error", "process", "2026/03/14 09:00:04 [error] {}#0: *7 open() failed"),
        ("nginx_error", "connection", "2026/03/14 09:00:04 [error] 12#0: *{} open() failed"),
        ("postgresql", "process", "2026-03-14 09:00:04.123 UTC [{}] LOG:  hello"),
        ("syslog", "process", "<34>1 2026-03-14T09:00:04Z web shop {} - - hello"),
        ("access_log", "response_size", '192.0.2.1 - - [14/Mar/2026:09:00:04 +0000] "GET /a HTTP/1.1" 200 {} "-" "a"'),
    ],
)
def test_a_number_too_large_for_its_place_stays_in_the_attributes(name: str, key: str, line: str) -> None:
    """As text, under the name of the column or attribute."""
    number = "9" * 23
    format_ = format_named(name)
    assert format_ is not None
    [row] = select(format_, line.format(number), Context(datetime(2026, 3, 14, tzinfo=UTC)))
    assert isinstance(row["attributes"], dict)
    assert row["attributes"][key] == number
    assert key not in row
