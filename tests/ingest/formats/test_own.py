"""Formats of one's own: what a definition may say, and what is said of one with a mistake."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpipe.errors import InputError
from logpipe.ingest.audit.verify import verify
from logpipe.ingest.formats import detect, format_named
from logpipe.ingest.formats.own import known_formats, read_format, with_own
from logpipe.ingest.options import Options
from logpipe.ingest.repair.reparse import reparse, sources_named
from logpipe.ingest.sampling import check_samples
from logpipe.store import Store

from .lines import select

Take = Callable[..., Any]
PAGE = Path(__file__).parents[3] / "docs" / "formats.md"

SHOP = r"""
name = "old_shop"
title = "the old shop's log"
pattern = '^(?P<timestamp>\S+ \S+) (?P<level>.+?) (?:order=(?P<order>\d+) )?(?P<duration_ms>.+)ms (?s:(?P<message>.*))$'
start = '^\d\d\.\d\d\.\d{4}'
attributes = ["order"]
[time]
format = "%d.%m.%Y %H:%M:%S"
zone = "Europe/Berlin"
[levels]
"OOPS!" = "ERROR"
[constants]
service = "shop"
"""
LINES = ["14.03.2026 10:00:00 OOPS! order=7 12.5ms no stock", "14.03.2026 10:00:01 INFO 3ms two", "lines"]

CRM = """
name = "crm"
[json]
timestamp = "when"
level = "sev"
message = ["text", "msg"]
[levels]
bad = "ERROR"
"""


@pytest.fixture
def define(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "own.toml"
        path.write_text(text)
        return path

    return write


def test_a_pattern_fills_columns_attributes_and_constants(define: Callable[[str], Path]) -> None:
    """Groups go to their columns, the rest to the attributes; a level and a zone are as the definition says."""
    first, second = select(read_format(define(SHOP)), "\n".join(LINES))
    assert first == {
        "ts": "2026-03-14T09:00:00.000000Z",
        "level": "ERROR",
        "service": "shop",
        "message": "no stock",
        "duration_ms": 12.5,
        "attributes": {"order": "7", "level": "OOPS!"},
        "pos": 0,
        "bytes": 50,
    }
    assert second["message"] == "two\nlines"


def test_what_does_not_fit_its_column_is_kept(define: Callable[[str], Path]) -> None:
    """A duration that is no number stays under its name."""
    (row,) = select(read_format(define(SHOP)), "14.03.2026 10:00:01 INFO manyms two")
    assert row["attributes"] == {"duration_ms": "many"}


def test_a_map_of_keys_reads_json(define: Callable[[str], Path]) -> None:
    """The first key that is there fills the column; other keys are attributes."""
    (row,) = select(read_format(define(CRM)), '{"when": 1773478800, "sev": "bad", "msg": "no", "x": [1]}')
    assert (row["ts"], row["level"], row["message"]) == ("2026-03-14T09:00:00.000000Z", "ERROR", "no")
    assert row["attributes"] == {"x": [1]}


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a'b", "ä b", "$", "a*"])
def test_a_key_may_have_any_sign(define: Callable[[str], Path], key: str) -> None:
    """Also one that means something in JSON, in a path or in SQL."""
    definition = f"name = 'odd'\n[json]\nmessage = {json.dumps(key)}\n"
    (row,) = select(read_format(define(definition)), json.dumps({key: "text", "other": 1}))
    assert (row["message"], row["attributes"]) == ("text", {"other": 1})


def test_a_definition_is_asked_before_the_built_in_formats(define: Callable[[str], Path]) -> None:
    """A line that generic JSON would take too is of the own format, if it has the keys of it."""
    formats = with_own([read_format(define(CRM))])
    assert detect(['{"when": 1, "sev": "bad"}'], formats).format.name == "crm"
    assert detect(['{"sev": "bad"}'], formats).format.name == "json"
    assert detect(LINES, with_own([read_format(define(SHOP))])).format.name == "old_shop"


def test_a_wrapper_carries_an_own_format(define: Callable[[str], Path]) -> None:
    """Also what a container writes is looked at with the own formats."""
    formats = with_own([read_format(define(SHOP))])
    wrapped = [f"2026-03-14T09:00:00.123456789Z stdout F {line}" for line in LINES[:2]]
    assert detect(wrapped, formats).format.name == "cri+old_shop"
    assert format_named("cri+old_shop", formats) is not None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("name =", "nam ="), "there is no key called nam; did you mean name"),
        (('name = "old_shop"', 'name = "Old shop"'), "'Old shop' is no name of a format"),
        (('name = "old_shop"', 'name = "redis"'), "redis is the name of a format of logpipe's"),
        (("<message>", "<mesage>"), "the group mesage is no field of the record; did you mean message"),
        (("(?s:(?P<message>.*))", "(.*)"), "has a group without a name"),
        (("(?P<message>", "(?P<message>(?=x)"), "RE2's, which has no look-around"),
        (("(?P<level>", "(?P<level>("), "cannot be read: missing )"),
        (('attributes = ["order"]', 'attributes = ["order", "x"]'), "no pattern has the group x"),
        (("format =", "formt ="), "there is no key in [time] called formt; did you mean format"),
        (("%d.%m.%Y", "%d.%m.%Q"), "the time format %d.%m.%Q %H:%M:%S cannot be used"),
        (("Europe/Berlin", "Europe/Atlantis"), "there is no time zone called Europe/Atlantis"),
        (('"ERROR"', '"BAD"'), "is no level; use one of TRACE"),
        (("service =", "servce ="), "there is no field in [constants] called servce; did you mean service"),
        (('service = "shop"', "http_status = 'x'"), "http_status cannot be 'x'"),
        (('service = "shop"', "stream = 'x'"), "stream cannot be 'x'; use one of app"),
        (("pattern =", "start ="), "is no TOML: cannot overwrite a value"),
        (("[levels]", "[json]\nmessage = 'm'\n[levels]"), "has a pattern or a table [json], not both"),
        (("[levels]", "[levels"), "is no TOML"),
        (("[constants]", "[[sample]]\nlin = 'x'\n[constants]"), "there is no key in [[sample]] called lin"),
    ],
)
def test_a_mistake_is_named(define: Callable[[str], Path], change: tuple[str, str], sentence: str) -> None:
    """Each mistake has a sentence that says what is wrong, and what would be right."""
    assert change[0] in SHOP
    with pytest.raises(InputError) as caught:
        read_format(define(SHOP.replace(*change)))
    assert sentence in str(caught.value)


def test_a_key_that_no_path_names_is_refused(define: Callable[[str], Path]) -> None:
    """A path would take it for any key."""
    with pytest.raises(InputError, match=r"a key called \* cannot be read"):
        read_format(define(CRM.replace('"sev"', '["sev", "data.*"]')))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The name is said."""
    with pytest.raises(InputError, match=r"cannot read .*no such file"):
        read_format(tmp_path / "none.toml")


def test_samples_are_read_and_compared(define: Callable[[str], Path]) -> None:
    """A sample that does not come out as expected says in what."""
    expected = '{ message = "no stock", line = 3, attributes = { order = "8" } }'
    sample = f"[[sample]]\nline = '{LINES[0]}'\nexpected = {expected}\n"
    (outcome,) = check_samples(read_format(define(SHOP + sample)))
    assert outcome.differences == ("line: expected 3, got None", "attributes.order: expected '8', got '7'")


def test_the_folder_is_read_in_order_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each TOML file of it is a format; two of one name are a mistake."""
    monkeypatch.setenv("LOGPIPE_FORMATS", str(tmp_path))
    (tmp_path / "b.toml").write_text(SHOP)
    (tmp_path / "a.toml").write_text(CRM)
    assert list(known_formats())[:2] == ["crm", "old_shop"]
    (tmp_path / "c.toml").write_text(CRM)
    with pytest.raises(InputError, match="both define crm"):
        known_formats()


def test_a_source_whose_definition_is_gone_says_so(
    store: Store, logs: Path, take: Take, define: Callable[[str], Path]
) -> None:
    """What was read stays and verifies; what is new waits until the definition is back."""
    log = logs / "shop.log"
    log.write_text("\n".join(LINES) + "\n")
    formats = with_own([read_format(define(SHOP))])
    assert take(log, formats=formats).events == 2
    with log.open("a") as file:
        file.write(LINES[0] + "\n")
    (error,) = take(log).errors
    assert "there is no format called old_shop any more" in str(error)
    assert not verify(store).problems
    assert take(log, formats=formats).events == 1
    with log.open("a") as file:
        file.write(LINES[0] + "\n")
    (error,) = take(log).errors
    assert f"logpipe reparse {log} --format NAME" in str(error)
    (source,) = sources_named(store, [str(log)])
    assert reparse(store, source, Options(format="plain")).format == "plain"
    assert take(log).events == 1
    assert not verify(store).problems


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_document_s_definitions_work(define: Callable[[str], Path], block: str) -> None:
    """Each example can be used as it stands, and its samples pass."""
    assert not [outcome.differences for outcome in check_samples(read_format(define(block))) if outcome.differences]
