"""What is written is read back as it was."""

import csv
import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logpipe.cli import writers
from logpipe.cli.options import Format
from logpipe.store import Store
from logpipe.store.reading import stream


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store.open(":memory:") as store:
        yield store


def written(store: Store, form: Format, sql: str, **parameters: object) -> str:
    out = io.BytesIO()
    with stream(store, sql, parameters) as result:
        writers.write(result, form, out)
    return out.getvalue().decode()


TEXTS = st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=50)
COLUMN = """
SELECT i, texts[i] AS text
FROM (SELECT $texts::VARCHAR[] AS texts), range(1, len($texts) + 1) AS numbers(i)
ORDER BY i
"""


@settings(max_examples=20)
@given(TEXTS)
def test_texts_come_back_as_they_were(store: Store, texts: list[str | None]) -> None:
    """Through CSV and JSON alike, whatever the characters; CSV readers take NULL as the empty text."""
    read = list(csv.reader(io.StringIO(written(store, Format.CSV, COLUMN, texts=texts), newline="")))
    assert read[0] == ["i", "text"]
    assert [row[1] for row in read[1:]] == [text or "" for text in texts]
    lines = written(store, Format.JSON, COLUMN, texts=texts).split("\n")
    assert [json.loads(line)["text"] for line in lines[:-1]] == texts


@settings(max_examples=20)
@given(TEXTS)
def test_a_markdown_row_is_a_line(store: Store, texts: list[str | None]) -> None:
    """Whatever the cells hold."""
    lines = written(store, Format.MARKDOWN, COLUMN, texts=texts).split("\n")
    assert lines[:2] == ["| i | text |", "| ---: | --- |"]
    assert len(lines) == len(texts) + 3
    assert all(line.startswith(f"| {i} | ") and line.endswith(" |") for i, line in enumerate(lines[2:-1], 1))


def test_batches_add_up(store: Store) -> None:
    """No row is lost or doubled where one batch ends and the next begins."""
    lines = written(store, Format.CSV, "FROM range(100000)").split()
    assert lines[1:] == [str(number) for number in range(100_000)]


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON, Format.MARKDOWN])
def test_every_type_can_be_written(store: Store, form: Format) -> None:
    """With its extremes: the first and last times, infinities, unions, maps; but integers of more than 38 digits."""
    text = written(store, form, "SELECT * EXCLUDE (hugeint, uhugeint) FROM test_all_types()")
    rows = text.splitlines() if form is Format.JSON else text.splitlines()[1:]
    assert len(rows) >= 3
    if form is Format.JSON:
        [low, high, nothing] = [json.loads(row, parse_constant=pytest.fail) for row in rows]
        assert (low["bigint"], high["ubigint"]) == (-(2**63), 2**64 - 1)
        assert set(nothing.values()) == {None}
