"""No secret reaches a file, a console or a test, by whatever way it was logged; and all else is written as it was."""

import copy
import io
import json
import logging
import random
import string
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loguru import logger as loguru_logger

from logpipe import JsonFormatter, Logging, SettingError, get_logger, log_business_event, log_context, log_performance
from logpipe.emit.redaction import Redaction
from logpipe.emit.secret_names import HARMLESS_AFTER, HARMLESS_BEFORE_TOKEN, SECRET_NAMES
from logpipe.emit.secret_texts import FORMS, NAMED
from logpipe.emit.settings import load
from logpipe.emit.values import render
from logpipe.testing import Logged

Start = Callable[..., Logging]
Written = Callable[..., list[dict[str, Any]]]
Entry = dict[str, object]

SECRET = "hunter2"
DEFAULT = Redaction(keys=(), patterns=(), enabled=True)
_DOCUMENT = (Path(__file__).parents[2] / "docs" / "emit.md").read_text()


@dataclass
class Account:
    """Orjson writes its fields as keys."""

    user: str
    password: str = SECRET


@dataclass(slots=True)
class Slotted:
    """The same without a dict."""

    api_key: str = SECRET
    names: list[str] = field(default_factory=list)


class Choice(Enum):
    """Orjson writes the value."""

    ONE = MappingProxyType({"token": SECRET})


class Printed:
    """Its text has a secret."""

    def __str__(self) -> str:
        return f"Printed(password={SECRET})"


def cycle() -> dict[str, object]:
    """A dict that holds itself."""
    value: dict[str, object] = {"password": SECRET}
    value["self"] = value
    return value


def deep(levels: int) -> object:
    """Dicts in lists in dicts."""
    value: object = {"password": SECRET}
    for _ in range(levels):
        value = {"inner": [value]}
    return value


HOLDERS = [
    {"password": SECRET},
    {"a": [{"b": ({"Set-Cookie": SECRET},)}]},
    {1: 2, b"password": SECRET},
    [{"password": SECRET}, 2**70],
    MappingProxyType({"password": SECRET}),
    Account("bob"),
    [Account("bob")],
    Slotted(),
    Choice.ONE,
    Printed(),
    [Printed()],
    {Printed(): 1},
    f"password={SECRET}".encode(),
    {"password=hunter2": 1, "password=[redacted]": 2},
    ValueError(f"password={SECRET}"),
    cycle(),
    deep(5),
    deep(60),
    deep(2000),
]


@pytest.mark.parametrize("value", HOLDERS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("console", ["text", "json"])
def test_a_secret_inside_a_value_is_not_written(
    start: Start, written: Written, monkeypatch: pytest.MonkeyPatch, value: object, console: str
) -> None:
    """Whatever holds it, to neither the file nor the console."""
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr" if console == "text" else "stdout", shown)
    start(console=console)
    get_logger().info("m", extra={"value": value})
    (record,) = written("app")
    assert SECRET not in json.dumps(record)
    assert record["message"] == "m"
    assert SECRET not in shown.getvalue()
    assert '"value"' in shown.getvalue() or " value=" in shown.getvalue()


def test_all_ways_of_logging_are_redacted(shop: Logging, written: Written, logged: Logged) -> None:
    """By extra, context, argument, dict, exception, loguru and structlog, and for tests too."""
    log = get_logger("shop")
    log.info("plain", extra={"user_password": SECRET})
    log.info("password=%s", SECRET)
    log.info(f"password={SECRET} %s", "x")
    log.info({"message": "dict", "password": SECRET})
    log.info("%s", {"password": SECRET})
    with log_context(token=SECRET):
        log.info("context")
        loguru_logger.bind(secret=SECRET).info("loguru password={}", SECRET)
    try:
        int(f"postgres://u:{SECRET}@h")
    except ValueError:
        log.exception("failed")
    log_business_event("paid", card_number=SECRET)
    log_performance("query", 1.5, db_statement=f"ALTER USER u password='{SECRET}'")
    structlog.wrap_logger(log, processors=[structlog.stdlib.render_to_log_kwargs]).info("by_structlog", api_key=SECRET)
    structlog.wrap_logger(log, processors=[structlog.processors.JSONRenderer()]).info("as_json", api_key=SECRET)
    records = written()
    assert len(records) == len(logged) == 12
    assert SECRET not in json.dumps(records)
    assert SECRET not in repr(logged.all())
    assert json.dumps(records).count("[redacted]") >= 12
    assert logged.one(user_password="[redacted]").message == "plain"


def test_a_template_keeps_its_placeholders(shop: Logging, written: Written) -> None:
    """What stands in the code is no secret; what was put into it before is."""
    get_logger().info("password=%s for %d", SECRET, 7)
    get_logger().info(f"password={SECRET} for %d", 7)
    first, second = written()
    assert (first["message"], first["template"]) == ("password=[redacted] for 7", "password=%s for %d")
    assert (second["message"], second["template"]) == ("password=[redacted] for 7", "password=[redacted] for %d")


def test_whether_there_is_a_secret_is_none(shop: Logging, written: Written) -> None:
    """None, True and False stay; any other value goes."""
    values: list[object] = [None, True, False, 0, 1, 4711, "", [], {}]
    for value in values:
        get_logger().info("m", extra={"password": value, "nested": {"password": value}})
    shown = [record["password"] for record in written()]
    assert shown == [None, True, False, *["[redacted]"] * 6]
    assert shown == [record["nested"]["password"] for record in written()]


def test_a_card_number_is_found_as_a_number_too(shop: Logging, written: Written) -> None:
    """By its check digit."""
    get_logger().info("m", extra={"n": 4111111111111111, "order": 4111111111111112, "items": [4111111111111111]})
    (record,) = written()
    assert (record["n"], record["order"], record["items"]) == ("[redacted]", 4111111111111112, ["[redacted]"])


def test_a_line_that_is_cut_keeps_no_half_of_what_is_redacted(start: Start, written: Written) -> None:
    """It is redacted as it was before it was cut."""
    start(max_line_bytes=4096)
    get_logger().info("x" * 5000 + " token=" + SECRET * 500)
    (record,) = written()
    assert "characters cut]" in record["message"]
    assert SECRET not in record["message"]


def test_the_record_s_own_fields_stay_by_key_and_not_by_text(shop: Logging, written: Written) -> None:
    """They have names that say what they are."""
    log_business_event("e", request_id="r-1", http_path=f"/x?token={SECRET}")
    (record,) = written()
    assert (record["request_id"], record["http_path"]) == ("r-1", "/x?token=[redacted]")


def test_the_formatter_redacts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that the caller gave, before they are renamed; and as the variables say."""
    record = logging.makeLogRecord(
        {"msg": f"token={SECRET}", "levelno": 20, "password": SECRET, "n": 1, "colour": "red"}
    )
    assert SECRET not in JsonFormatter(rename_fields={"password": "word"}).format(record)
    assert SECRET in JsonFormatter(redact=False).format(record)
    monkeypatch.setenv("LOGPIPE_REDACT_KEYS", "colour,-password")
    line = json.loads(JsonFormatter().format(record))
    assert (line["password"], line["colour"]) == (SECRET, "[redacted]")


def test_patterns_of_a_user(start: Start, written: Written) -> None:
    """The first group where there is one, else all that matches; in each text, beside what is found anyhow."""
    start(redact_patterns=[r"\bEMP-\d+", r"room (\d+)\b"])
    get_logger().info("EMP-17 in room 5 token=abc qq", extra={"more": ["EMP-1", {"k": "room 77"}], "n": 1})
    (record,) = written()
    assert record["message"] == "[redacted] in room [redacted] token=[redacted] qq"
    assert (record["more"], record["n"]) == (["[redacted]", {"k": "room [redacted]"}], 1)


def test_redaction_can_be_switched_off(start: Start, written: Written) -> None:
    """By the setting; then nothing is."""
    start(redact=False, redact_patterns="m")
    get_logger().info("password=x m", extra={"password": "y"})
    assert [(record["message"], record["password"]) for record in written()] == [("password=x m", "y")]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("redact_keys", "iban, -token", ("iban", "-token")),
        ("redact_keys", ["iban"], ("iban",)),
        ("redact_patterns", r"\d{9}", (r"\d{9}",)),
        ("redact_patterns", r"[0-9]{9}", (r"[0-9]{9}",)),
        ("redact_patterns", '["a+", "b"]', ("a+", "b")),
        ("redact_patterns", ("a+",), ("a+",)),
    ],
)
def test_names_and_patterns_as_settings(name: str, value: object, expected: object) -> None:
    """In a variable names with commas, and one pattern or a list in JSON."""
    assert getattr(load({name: value}, {}), name) == expected
    if isinstance(value, str):
        assert getattr(load({}, {f"LOGPIPE_{name.upper()}": value}), name) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redact_keys", "-tokn"),
        ("redact_keys", "user_id"),
        ("redact_keys", "a,,b"),
        ("redact_keys", 3),
        ("redact_keys", [3]),
        ("redact_patterns", "("),
        ("redact_patterns", ["a", "b("]),
        ("redact_patterns", "x*"),
        ("redact_patterns", 3),
        ("redact_patterns", [None]),
    ],
)
def test_a_bad_name_or_pattern_is_an_error(name: str, value: object) -> None:
    """One that would do nothing, or everything; it is named."""
    shown = repr(value).replace("\\", "\\\\")
    with pytest.raises(SettingError) as caught:
        load({name: value}, {})
    assert str(caught.value).startswith(f"{name} is {shown}; give ")


TOKEN = string.ascii_letters + string.digits


def letters(rng: random.Random, length: int, alphabet: str = TOKEN) -> str:
    """So many at random."""
    return "".join(rng.choice(alphabet) for _ in range(length))


def a_card(rng: random.Random) -> str:
    """A number with a right check digit."""
    head = rng.choice(("4", "51", "55", "2221", "37", "6011", "3528", "36"))
    length = {"37": 15, "36": 14}.get(head, 16)
    body = head + letters(rng, length - len(head) - 1, string.digits)
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(body)))
    number = body + str(-total % 10)
    if length == 16 and rng.random() < 0.5:
        return rng.choice("- ").join(number[at : at + 4] for at in range(0, 16, 4))
    return number


def a_named(rng: random.Random) -> tuple[str, str]:
    """A name with a value, in one of the ways in which they are written."""
    secret, name = letters(rng, 12) + "9", rng.choice(NAMED)
    shapes = ("{}={}", "{}: {}", "{}='{}'", "{{'{}': '{}', 'n': 1}}", '{{"{}": "{}"}}', "/x?{}={}&n=1", "X-{}: {}")
    name = rng.choice((name, name.upper(), f"my_{name}", f"db-{name}", f"{name}2"))
    return rng.choice(shapes).format(name, secret), secret


def planted(rng: random.Random) -> tuple[str, str]:
    """A text with a secret of some kind, and the part that must go."""
    token = letters(rng, 36)
    kinds: tuple[Callable[[], tuple[str, str]], ...] = (
        lambda: a_named(rng),
        lambda: (f"Bearer {token}", token),
        lambda: (f"Basic {b64encode(f'u:{token}'.encode()).decode()}", b64encode(f"u:{token}".encode()).decode()[:40]),
        lambda: (f"eyJ{token}.eyJ{token}.{token}", token),
        lambda: (f"-----BEGIN EC PRIVATE KEY-----\n{token}\n-----END EC PRIVATE KEY-----", token),
        lambda: (f"{rng.choice(('postgresql', 'amqp', 'https'))}://user:{token}@host:1/db", token),
        lambda: (f"AKIA{(key := letters(rng, 16, string.ascii_uppercase + string.digits))}", key),
        lambda: (f"gh{rng.choice('pousr')}_{token}", token),
        lambda: (f"xox{rng.choice('bp')}-{token}", token),
        lambda: (f"{rng.choice('sr')}k_live_{token}", token),
        lambda: (f"AIza{token[:35]}", token[:35]),
        lambda: ((card := a_card(rng)), card),
    )
    return rng.choice(kinds)()


BEFORE = st.sampled_from(["", " ", "\n", "\x01", "x: ", "é ", "(", "'", "got ", '{"a": "', "1, ", "a=b "])
AFTER = st.sampled_from(["", " ", "\n", " 7", ", x", ")", " é", "\x01"])


def placed(rng: random.Random, text: str) -> Entry:
    """The text somewhere in a record."""
    places: tuple[Entry, ...] = (
        {"message": text},
        {"message": "m", "template": text},
        {"message": "m", "db_statement": text},
        {"message": "m", "exception_stacktrace": f"Traceback\n  x\nValueError: {text}"},
        {"message": "m", "extra": text},
        {"message": "m", "extra": {"a": [1, (text, {"b": None})]}},
        {"message": "m", "extra": {text: 1}},
        {"message": "m", text: 1},
        {"message": "m", "extra": ValueError(text)},
    )
    return {"timestamp": "2026-01-02T03:04:05.000000Z", "level": "INFO", **rng.choice(places), "seq": 1}


@given(st.randoms(use_true_random=False), BEFORE, AFTER)
@settings(max_examples=300)
def test_no_planted_secret_survives(rng: random.Random, before: str, after: str) -> None:
    """Of any kind, at any place; and what the caller gave is as it was."""
    text, secret = planted(rng)
    entry = placed(rng, before + text + after)
    given_before = copy.deepcopy(list(map(repr, entry.items())))
    written, line = DEFAULT.render(entry, 1 << 20)
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in line.decode()
    assert secret not in repr(written)
    assert "[redacted]" in line.decode()
    assert list(map(repr, entry.items())) == given_before


PIECES = st.sampled_from(
    (
        *(*NAMED, *(literal.decode() for literal in DEFAULT.literals)),
        *("=", ": ", "'", '"', "\\", "\n", " ", "-", "_", ".", "@", "é", "\x1f", "0.", "API", "Key"),
        *("4111 1111 1111 1111", "378282246310005", "eyJabcdefgh.abcdefgh", "x" * 20, "A1" * 20),
    )
)


@example("\x07.378282246310005")  # in the line it has the look of decimals: \\u0007.378282246310005
@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
@settings(max_examples=750)
def test_what_is_redacted_was_suspected(text: str) -> None:
    """The quick look at the line misses nothing that the slow one at the texts finds."""
    for entry in ({"message": text}, {"message": "m", "extra": [text]}, {"message": "m", text: 1}):
        by_key = DEFAULT.by_key(dict(entry))
        if DEFAULT.by_form(by_key) is not by_key:
            assert DEFAULT.suspects(render(by_key, 1 << 20))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.frozensets(st.integers() | st.text(), max_size=3)
        | st.dictionaries(st.integers() | st.text(st.characters()), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abcdef_", min_size=1), ANYTHING, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_clean_records_are_written_byte_for_byte_as_without(fields: dict[str, object]) -> None:
    """And none raises."""
    entry: Entry = {"message": "m", **fields}
    redacted, line = DEFAULT.render(entry, 1 << 20)
    if "[redacted]" not in line.decode():
        assert redacted is entry
        assert line == render(entry, 1 << 20)


def test_the_document_lists_what_is_redacted() -> None:
    """All names, and all forms, as they are in the code."""
    for words in (SECRET_NAMES, HARMLESS_AFTER, HARMLESS_BEFORE_TOKEN, NAMED):
        assert ", ".join(f"`{word}`" for word in words) in _DOCUMENT.replace("\n", " ")
    for form in FORMS:
        assert form.title in _DOCUMENT
