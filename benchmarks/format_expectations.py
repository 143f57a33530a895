"""What others say a log record means, brought to one shape: time, level, message, HTTP status.

Each upstream has its own schema; what it does not say, or says of the run and not of the line, is no expectation:

- An upstream's level that stands nowhere in the line (lnav's default, Elastic's and crowdsec's categories) is left out.
- A message that repeats the whole line is none: nothing was parsed.
- A time of `now`, and one that upstream took from its own clock, is left out.
- Levels are compared on logpipe's six: notice is INFO; alert, emergency, panic and fatal are CRITICAL.
- A line that upstream refused to parse has no expectation.
- PostgreSQL's DETAIL, HINT, STATEMENT … lines, of which lnav makes records, belong to the message that they follow.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LEVELS = {
    "TRACE": ("trace", "trc", "t", "v", "verbose", "vrb", "finest", "finer", "silly", *(f"trace{n}" for n in range(9))),
    "DEBUG": ("debug", "dbg", "debu", "d", "fine", "config", *(f"debug{n}" for n in range(1, 6))),
    "INFO": ("info", "information", "informational", "inf", "i", "notice", "note", "log", "success", "system", "stats"),
    "WARNING": ("warning", "warn", "wrn", "w"),
    "ERROR": ("error", "err", "erro", "e", "severe"),
    "CRITICAL": ("critical", "crit", "c", "fatal", "ftl", "f", "alert", "emerg", "emergency", "panic", "dpanic"),
}
_BY_SPELLING = {spelling: level for level, spellings in LEVELS.items() for spelling in spellings}
_PINO = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "CRITICAL"}
_STATUS = re.compile(r"[1-5]\d\d")
_FOLLOWING = ("DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a record should say; None where upstream says nothing."""

    time: str | None = None
    level: str | None = None
    message: str | None = None
    status: int | None = None
    whole: bool = False
    """Whether the message is the joined text of the record, so that the record's own text may be it too."""
    by_line: bool = False
    """Whether upstream reads line by line, so that the message is only the first line of a joined record."""
    pairs_behind: bool = False
    """Whether `key=value` pairs stand behind the message."""

    @property
    def says_nothing(self) -> bool:
        return self.time is None and self.level is None and self.message is None and self.status is None


def expected(source: str, record: Record) -> Expected:
    """What an upstream's record says."""
    if "error" in record and source == "vrl":
        return Expected()
    return _READERS[source](record)


def level_of(text: object) -> str | None:
    """The level that an upstream's spelling means; None for one that is no spelling of a level."""
    if isinstance(text, int):
        return _PINO.get(text)
    return _BY_SPELLING.get(str(text).strip().lower()) if text else None


def _status(*candidates: object) -> int | None:
    return next((int(str(one)) for one in candidates if one is not None and _STATUS.fullmatch(str(one))), None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _generated(record: Record) -> Expected:
    return Expected(level=level_of(record["level"]), message=_text(record["message"]))


def _loghub(record: Record) -> Expected:
    date, time = record.get("Date", ""), record["Time"]
    if "Month" in record:
        time = f"{record['Month']} {date} {time}"
    elif date in _MONTHS:
        time = f"{date} {record['Day']} {time}"
    elif date:
        time = f"{date} {time}"
    return Expected(time, level_of(record.get("Level")), _text(record["Content"]), by_line=True)


def _crowdsec(record: Record) -> Expected:
    parsed, meta = record["parsed"], record["meta"]
    requested = "verb" in parsed or "request" in parsed or str(meta.get("log_type", "")).startswith("http")
    return Expected(
        _text(meta.get("timestamp")) or _text(parsed.get("timestamp")),
        level_of(parsed.get("loglevel") or parsed.get("log_level") or meta.get("log_level")),
        _text(parsed.get("message")),
        _status(meta.get("http_status"), *((parsed.get("response"), parsed.get("status")) if requested else ())),
    )


def _ops_agent(record: Record) -> Expected:
    payload = record.get("jsonPayload") or {}
    time = record.get("timestamp")
    return Expected(
        None if time == "now" else time,
        level_of(record.get("severity")),
        _text(payload.get("message")) or _text(record.get("textPayload")),
        _status((record.get("httpRequest") or {}).get("status")),
    )


def _elastic(record: Record) -> Expected:
    return Expected(
        record.get("@timestamp"),
        level_of((record.get("log") or {}).get("level")),
        _text(record.get("message")),
        _status(((record.get("http") or {}).get("response") or {}).get("status_code")),
    )


def _lnav(record: Record) -> Expected:
    derived = record.get("derived")
    if not derived or derived.get("level") in _FOLLOWING:
        return Expected()
    said = derived.get("level_raw") or derived.get("level")
    time = derived.get("timestamp") or derived.get("accept_date")
    return Expected(
        str(time) if time else None,
        (level_of(record.get("lnav_level")) or level_of(derived.get("level")) or level_of(said)) if said else None,
        _text(derived.get("body")),
        _status(*(derived.get(key) for key in ("sc_status", "elb_status_code", "status_code", "status"))),
        by_line=True,
    )


_RUST = re.compile(
    r'"?(\w+)"?\s*(?::|=>)\s*(?:r?"((?:[^"\\]|\\.)*)"|(\d+)|Utc\s*\.with_ymd_and_hms\((.*?)\)\s*\.unwrap)', re.DOTALL
)


def _vrl(record: Record) -> Expected:
    fields = record.get("fields") or _rust(record.get("rust", ""))
    return Expected(
        _text(fields.get("timestamp")),
        level_of(fields.get("severity") or fields.get("level")),
        _text(fields.get("message")),
        _status(fields.get("elb_status_code"), fields.get("status")),
    )


def _rust(literal: str) -> dict[str, str]:
    """The members of a literal of Rust that are texts, numbers or moments."""
    fields = {}
    for name, text, number, parts in _RUST.findall(literal):
        if parts:
            numbers = [int(part) for part in re.findall(r"\b\d+\b", parts)][-5:]
            fields[name] = "<current-year>-{:02}-{:02}T{:02}:{:02}:{:02}".format(*numbers)
        fields.setdefault(name, re.sub(r"\\(.)", r"\1", text) or number)
    return fields


def _fluent_bit(record: Record) -> Expected:
    text = record["record"]
    if wrapped := re.fullmatch(r'\{"log":(".*")\}', text, re.DOTALL):
        text = json.loads(wrapped[1], strict=False)
    return Expected(message=_text(text), whole=True)


def _otel(record: Record) -> Expected:
    go = re.match(r"time\.Date\(time\.Now\(\)\.Year\(\), (\d+), (\d+), (\d+), (\d+), (\d+)", record["Timestamp_go"])
    time = "<current-year>-{:02}-{:02}T{:02}:{:02}:{:02}".format(*map(int, go.groups())) if go else None
    return Expected(time, level_of(record.get("SeverityText")), _text(record["Attributes"].get("message")))


_RENDERED = re.compile(r"(?P<time>[^|]*)\|(?P<level>\w+)\| ?(?P<text>.*)", re.DOTALL)


def _humanlog(record: Record) -> Expected:
    rendered = _RENDERED.match(record["rendered"])
    if not rendered:
        return Expected()
    return Expected(_text(rendered["time"]), level_of(rendered["level"]), _text(rendered["text"]), pairs_behind=True)


_READERS: Mapping[str, Callable[[Record], Expected]] = {
    "generated": _generated,
    "loghub": _loghub,
    "crowdsec-hub": _crowdsec,
    "ops-agent": _ops_agent,
    "elastic-package": _elastic,
    "lnav-sample": _lnav,
    "lnav-test": _lnav,
    "vrl": _vrl,
    "fluent-bit": _fluent_bit,
    "fluent-bit-tail": _fluent_bit,
    "otel-log-collection": _otel,
    "humanlog-case": _humanlog,
    "go-mysql": lambda _: Expected(),  # aggregates over the file, not records
}
