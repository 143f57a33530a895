"""Entries of an exported journal, with fields that are no text."""

import json
import time

import pytest

from logpipe.ingest.formats.journald_export import JOURNALD_EXPORT


def binary(name: bytes, value: bytes) -> bytes:
    return name + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"


@pytest.mark.parametrize("value", [b"", b"a\nb\n\n__CURSOR=1", b"\n" * 10, b"=", b"\0" * 300])
def test_a_binary_field_is_as_long_as_it_says(value: bytes) -> None:
    """Whatever stands in it; and what follows is a field again."""
    [part] = JOURNALD_EXPORT.parts(b"__CURSOR=1\n" + binary(b"MESSAGE", value) + b"PRIORITY=6\n")
    assert json.loads(part.text) == {"__CURSOR": "1", "MESSAGE": value.decode(), "PRIORITY": "6"}


def test_bytes_that_are_no_text_are_a_list() -> None:
    """As `journalctl -o json` writes them."""
    [part] = JOURNALD_EXPORT.parts(b"__CURSOR=1\n" + binary(b"MESSAGE", b"no \xff"))
    assert json.loads(part.text)["MESSAGE"] == [110, 111, 32, 255]


@pytest.mark.parametrize(
    "entry", [b"__CURSOR=1\nMESSAGE\n\5\0", b"__CURSOR=1\nfree text", b"__CURSOR=1\nMESSAGE", b"A\n\2\0\0\0\0\0\0\0abc"]
)
def test_a_torn_entry_is_left_as_it_is(entry: bytes) -> None:
    """So that it becomes a reject, whole."""
    assert JOURNALD_EXPORT.parts(entry) == []


def test_an_entry_of_many_fields_takes_time_by_its_size() -> None:
    """And not by its square."""
    entry = b"__CURSOR=1\n" + b"FIELD=x\n" * 200_000
    started = time.thread_time()
    [part] = JOURNALD_EXPORT.parts(entry)
    assert time.thread_time() - started < 3
    assert len(json.loads(part.text)["FIELD"]) == 200_000
