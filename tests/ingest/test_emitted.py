"""From the call to the table: what an application gives is what the store holds, by each front end."""

import logging
import os
import string
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger

import logpipe
from logpipe.emit.entry import RESERVED, RESERVED_WHEN_RAISED
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.record import FIELDS, KEYS, SEVERITY_BY_LEVEL
from logpipe.store import Store
from tests.stores import passing_store

_LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0, -1])
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=8
)
_OWN = [field.key for field in FIELDS if field.key not in RESERVED_WHEN_RAISED]
_FOREIGN = [
    *("@timestamp", "time", "ts", "msg", "severity", "log.level", "http.status_code", "db.statement", "trace.id"),
    *("extra", "record", "text", "attributes", "source_id", "source_pos", "bytes", "labels", "k8s.pod", "resource"),
    *("Level", "MESSAGE", "Timestamp", "", " ", "a.b", "a'b", 'a"b', "$.a", "*", "é", "\0", "x\ny", "_", "level_"),
]
_RENAMED = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}
"""Names that LogRecords have for themselves."""
_KEYS = (
    st.text(string.ascii_lowercase + "_", min_size=1, max_size=8)
    | st.sampled_from(_FOREIGN)
    | st.sampled_from(_OWN)
    | st.sampled_from(sorted(RESERVED))
    | st.sampled_from(sorted(_RENAMED))
    | _TEXT
)


def _raised(kind: type[Exception], words: str) -> Exception:
    try:
        raise kind(words)  # noqa: TRY301 - so that it has a traceback
    except Exception as error:  # noqa: BLE001 - of any kind
        return error


_ERRORS = st.builds(_raised, st.sampled_from([ValueError, KeyError, OSError, logpipe.SettingError]), _TEXT)


@dataclass
class Given:
    """A call, and what of it the store is to hold."""

    front_end: str
    level: str
    logger: str
    message: str
    fields: dict[str, object]
    error: Exception | None

    def log(self) -> None:
        """Makes the call."""
        if self.front_end == "loguru":
            logger.opt(exception=self.error).bind(**self.fields).log(self.level, self.message)
        elif self.front_end == "business":
            logpipe.log_business_event("placed", event_data=self.fields, message=self.message)
        elif self.front_end == "context":
            with logpipe.log_context(**self.fields):
                logpipe.get_logger(self.logger).log(_LEVELS[self.level], self.message, exc_info=self.error)
        else:
            log, number = logpipe.get_logger(self.logger), _LEVELS[self.level]
            log.log(number, "%s", self.message, extra=self.fields, exc_info=self.error)

    def columns(self) -> dict[str, object]:
        """The columns that the call decides, without those of the caller's fields."""
        business = self.front_end == "business"
        level = "INFO" if business else self.level
        stream = "business" if business else "error" if level in ("ERROR", "CRITICAL") else "app"
        columns: dict[str, object] = {"level": level, "severity": SEVERITY_BY_LEVEL[level], "stream": stream}
        names = {"loguru": __name__, "business": "logpipe.business"}
        columns |= {"logger": names.get(self.front_end, self.logger), "message": self.message}
        columns |= {"service": "shop", "environment": "test", "process": os.getpid()}
        columns |= {"thread": threading.current_thread().name, "module": "test_emitted", "function": "log"}
        if self.front_end == "logging":
            columns["template"] = "%s"
        if self.error is not None and not business:
            stack = "".join(traceback.format_exception(self.error)).rstrip("\n")
            columns |= {"exception_type": _type_name(self.error), "exception_message": str(self.error)}
            columns["exception_stacktrace"] = stack
        return columns


def _type_name(error: Exception) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


@st.composite
def _calls(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Given:
    front_end = draw(st.sampled_from(["logging", "loguru", "business", "context"]))
    fields: dict[str, object] = draw(st.dictionaries(_KEYS, _VALUES, max_size=6))
    if front_end == "business":
        fields.pop("event", None)
    error = draw(st.none() | _ERRORS)
    names = st.sampled_from(["shop", "shop.orders", "é", "a b", "x" * 300])
    return Given(front_end, draw(st.sampled_from(list(_LEVELS))), draw(names), draw(_TEXT), fields, error)


def _fits(key: str, value: object) -> bool:
    """Whether the column of one of the record's fields holds the value, by the record's table."""
    sql_type = next(field.sql_type for field in FIELDS if field.key == key)
    if sql_type == "VARCHAR":
        return not isinstance(value, list | dict)
    if isinstance(value, bool):
        return False
    if sql_type == "DOUBLE":
        return isinstance(value, int | float) and abs(value) < 1e300
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < 65536
    return digits or (isinstance(value, int) and 0 <= value < 65536)


def _expected(call: Given) -> tuple[dict[str, object], dict[str, object]]:
    """(columns, attributes) of the record that a call makes."""
    columns, attributes = call.columns(), {}
    raised = call.error is not None and call.front_end != "business"
    reserved = (RESERVED_WHEN_RAISED if raised else RESERVED) | (_RENAMED if call.front_end == "logging" else set())
    for key, value in call.fields.items():
        if key in KEYS and key not in reserved:
            if value is None:
                continue
            if _fits(key, value):
                columns[key] = _as_column(key, value)
                continue
        elif key not in reserved:
            attributes[key] = value
            continue
        name = key + "_"
        while name in call.fields or name in attributes:
            name += "_"
        attributes[name] = value
    if call.front_end == "business":
        columns["event"] = "placed"
    return columns, attributes


def _as_column(key: str, value: object) -> object:
    sql_type = next(field.sql_type for field in FIELDS if field.key == key)
    if sql_type == "VARCHAR":
        return value if isinstance(value, str) else str(value)
    return float(value) if sql_type == "DOUBLE" else int(value)  # type: ignore[arg-type,call-overload]  # it fits


_READ = [field.column for field in FIELDS if field.key not in ("timestamp", "host", "line", "instance", "seq")]


def _stored(store: Store) -> list[tuple[dict[str, object], dict[str, object], datetime]]:
    """(columns that are not null, attributes, time) of each event in the order of seq."""
    rows = store.execute(f"SELECT {', '.join(_READ)}, severity, attributes, ts FROM events ORDER BY seq")
    return [
        (
            {name: value for name, value in zip([*_READ, "severity"], values, strict=True) if value is not None},
            orjson.loads(attributes) if attributes else {},
            moment,
        )
        for *values, attributes, moment in rows
    ]


def _exactly(value: object) -> object:
    """The value, so that 1, 1.0 and true are three."""
    if isinstance(value, dict):
        return {key: _exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exactly(item) for item in value]
    return (type(value).__name__, value)


@settings(max_examples=int(os.environ.get("LOGPIPE_EMITTED_EXAMPLES", "8")), suppress_health_check=list(HealthCheck))
@given(st.lists(_calls(), min_size=1, max_size=20))
def test_what_is_given_is_what_the_store_holds(calls: list[Given]) -> None:
    """Zero rejects; columns and attributes are those of the record's table, equal in value and type.

    Secrets are not redacted: Hypothesis draws words of the project's source, "secret" among them.
    """
    with TemporaryDirectory() as folder:
        begun = datetime.now(UTC)
        setup = logpipe.setup_logging(
            service="shop", level="TRACE", log_dir=Path(folder), console=False, environment="test", redact=False
        )
        try:
            for call in calls:
                call.log()
        finally:
            setup.close()
        ended = datetime.now(UTC)
        with passing_store() as store:
            summary = ingest(store, [folder], Options())
            assert store.execute("SELECT reason, raw FROM rejects") == []
            stored = _stored(store)
    assert (summary.rejects, summary.events) == (0, len(calls))
    for call, (columns, attributes, moment) in zip(calls, stored, strict=True):
        expected_columns, expected_attributes = _expected(call)
        assert _exactly(columns) == _exactly(expected_columns)
        assert _exactly(attributes) == _exactly(expected_attributes)
        assert begun.replace(microsecond=0) <= moment.astimezone(UTC) <= ended
