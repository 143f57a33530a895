"""What is emitted is what the store holds, and the fast way into it says the same as the full one."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import logpipe
from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.logpipe_jsonl import LOGPIPE_JSONL
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.record import FIELDS, KEYS
from logpipe.store import Store
from tests.stores import passing_store

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_EXTRA_KEYS = st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True).filter(
    lambda key: (
        key not in KEYS and key not in logging.makeLogRecord({}).__dict__ and key not in ("asctime", "attributes")
    )
)
_EXTRA = st.dictionaries(_EXTRA_KEYS, _VALUES, max_size=4)
_LEVELS = st.sampled_from([logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL])


def _same(stored: object, emitted: object) -> bool:
    """Equal, but that a JSON number may be spelled in another way."""
    if isinstance(stored, float) or isinstance(emitted, float):
        return math.isclose(float(stored), float(emitted), rel_tol=1e-12)  # type: ignore[arg-type] # numbers both
    if isinstance(stored, list) and isinstance(emitted, list):
        return len(stored) == len(emitted) and all(map(_same, stored, emitted))
    if isinstance(stored, dict) and isinstance(emitted, dict):
        return stored.keys() == emitted.keys() and all(_same(stored[key], emitted[key]) for key in stored)
    return stored == emitted


def _stored(store: Store) -> list[dict[str, Any]]:
    """The events as JSON objects again, in the order of their lines."""
    columns = ", ".join(field.column for field in FIELDS)
    events = []
    for *values, attributes in store.execute(
        f"SELECT {columns}, attributes FROM events "
        "ORDER BY (SELECT path FROM sources WHERE sources.source_id = events.source_id), source_pos"
    ):
        record = {field.key: value for field, value in zip(FIELDS, values, strict=True) if value is not None}
        events.append({**record, **(orjson.loads(attributes) if attributes else {})})
    return events


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(_LEVELS, _TEXT, _EXTRA), min_size=6, max_size=16))
def test_every_record_comes_back_as_it_was_written(records: list[tuple[int, str, dict[str, Any]]]) -> None:
    """Zero rejects, and every field and extra value equal, whatever the texts and values are."""
    with TemporaryDirectory() as folder:
        setup = logpipe.setup_logging(service="shop", level="DEBUG", log_dir=folder, console=False, environment="test")
        try:
            for level, message, extra in records:
                logpipe.get_logger("shop.orders").log(level, "%s", message, extra=extra)
            logpipe.log_performance("database_query", 12.5, db_statement="SELECT 1")
            logpipe.log_business_event("order_placed", amount=3)
        finally:
            setup.close()
        written = [
            orjson.loads(text)
            for stream in ("app", "business", "error", "performance")
            for text in (Path(folder) / "shop" / f"{stream}.jsonl").read_bytes().splitlines()
        ]
        with passing_store() as store:
            summary = ingest(store, [folder], Options())
            stored = _stored(store)
    assert (summary.rejects, summary.events) == (0, len(records) + 2)
    for event, record in zip(stored, written, strict=True):
        moment = datetime.fromisoformat(record.pop("timestamp"))
        assert event.pop("timestamp").astimezone(UTC) == moment
        # What JSON says is nothing is nothing in the table.
        assert _same(event, {key: value for key, value in record.items() if value is not None or key not in KEYS})


_GOOD_VALUES = {
    "VARCHAR": st.text("abc", min_size=1, max_size=5),
    "DOUBLE": st.floats(0, 1e6) | st.integers(0, 10**6),
    "USMALLINT": st.integers(0, 600),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "UBIGINT": st.integers(0, 2**64 - 1),
}
_ODD = [
    *("", "{", "[1]", "[x] y", "é", "ok", "7", "1.5", "1e2", " 7", "true", "0x10", "inf", "nan", "e5", "a\tb"),
    *(None, True, False, 0, 1, -1, 1.0, 0.5, 3.5, 70_000, 2**31, 2**53, 2**53 + 1, 2**64 - 1, 1e30),
    *({"a": 1}, [1], {}, []),
]
_ODD_VALUES = st.sampled_from(_ODD)
_TIMES = st.sampled_from(
    [
        *("2026-03-12T10:00:00.000000Z", "2026-03-12T10:00:00Z", "2026-03-12T10:00:00.123456789Z"),
        *("2026-03-12T12:00:00.000000+02:00", "2026-99-12T10:00:00.000000Z", "yesterday", ""),
    ]
)


@st.composite
def _lines(draw: Callable[[st.SearchStrategy[Any]], Any]) -> list[bytes]:
    """Lines of the same keys, the first as the record wants them, others right or wrong, with repeats and tears."""
    fields = draw(st.lists(st.sampled_from(FIELDS[4:]), max_size=5, unique=True))
    first: dict[str, Any] = {"timestamp": "2026-03-12T10:00:00.000000Z", "level": "INFO", "stream": "app"}
    first |= {"service": "shop", **{field.key: draw(_GOOD_VALUES[field.sql_type]) for field in fields}, **draw(_EXTRA)}
    lines = [orjson.dumps(first)]
    for _ in range(draw(st.integers(0, 7))):
        record = first | {field.key: draw(_GOOD_VALUES[field.sql_type]) for field in fields}
        for key in draw(st.lists(st.sampled_from([*first]), max_size=2)):
            record[key] = draw(_ODD_VALUES)
        match draw(st.integers(0, 9)):
            case 0:
                line = orjson.dumps(record)[:-1] + b',"level":"INFO"}'
            case 1:
                line = orjson.dumps(record)[: len(orjson.dumps(record)) // 2]
            case 2:
                line = orjson.dumps(record)[:-1] + b',"Level":"x"}'
            case 3:
                line = orjson.dumps(record | {"timestamp": draw(_TIMES)})
            case 4:
                line = orjson.dumps(record | {"level": draw(st.sampled_from(["NOTICE", "info", None]))})
            case 5:
                line = orjson.dumps(record | draw(_EXTRA))
            case _:
                line = orjson.dumps(record)
        lines.append(line)
    return [line + b"\n" for line in lines]


def _taken_in(*files: list[bytes], fast: bool) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    """(events, rejects) of files of these lines."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, passing_store() as store:
        for number, lines in enumerate(files):
            Path(folder, f"{chr(97 + number)}.jsonl").write_bytes(b"".join(lines))
        if not fast:
            patch.setitem(FORMATS, "logpipe", replace(LOGPIPE_JSONL, scan=None))
        ingest(store, [folder], Options(format=FORMATS["logpipe"].name))
        return _stored(store), store.execute("SELECT source_pos, reason, raw FROM rejects ORDER BY ALL")


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_lines(), min_size=4, max_size=4))
def test_the_fast_way_says_the_same_as_the_full_one(files: list[list[bytes]]) -> None:
    """Rows that the scanner makes are those that the full SELECT would have made."""
    assert _taken_in(*files, fast=True) == _taken_in(*files, fast=False)


def test_a_value_of_another_type_is_kept_by_the_fast_way_too() -> None:
    """Every odd value in every field, none of them seen before: what does not fit its column stays as it was."""
    first: dict[str, Any] = {"timestamp": "2026-03-12T10:00:00.000000Z", "level": "INFO", "stream": "app"}
    good = {"VARCHAR": "text", "DOUBLE": 1.5, "USMALLINT": 200, "INTEGER": 7, "UBIGINT": 7}
    first |= {field.key: good[field.sql_type] for field in FIELDS[3:]}
    odd = [first | {field.key: value} for field in FIELDS[3:] for value in _ODD]
    lines = [orjson.dumps(record) + b"\n" for record in (first, *odd)]
    fast, full = _taken_in(lines, fast=True), _taken_in(lines, fast=False)
    for record, one, other in zip((first, *odd), fast[0], full[0], strict=True):
        assert one == other, record
    assert fast[1] == full[1] == []
    [half] = [event for event in fast[0] if event.get("http_status") == 3.5]
    assert half["http_status"] == 3.5
