"""Bytes to records: nothing is lost, whatever the bytes are."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from logpipe.ingest.scanning import lines

_PIECES = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"a",
        b"short",
        b"a line longer than twelve bytes",
        b" ",
        b"\t",
        "é€😀".encode(),
        b"\xff",
        b"\0",
        b"\r",
    ]
)
_DATA = st.lists(_PIECES, max_size=60).map(b"".join)


def _texts(records: lines.Records) -> list[str]:
    return [str(text) for text in records.table(0)["raw"].to_pylist()]


@given(_DATA)
def test_each_line_is_a_record_or_a_blank(data: bytes) -> None:
    """Lines are counted as Python counts them, and the texts are the lines without their ends."""
    records = lines.split(memoryview(bytearray(data)), at_start=False)
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert records.lines == len(expected)
    written = [line.removesuffix(b"\r") for line in expected if line.removesuffix(b"\r").strip(b" \t\r\v\f")]
    assert [records.text(index) for index in range(len(records.starts))] == written
    assert records.blanks == len(expected) - len(written)


@given(_DATA)
def test_mended_text_is_valid_and_the_bytes_are_kept(data: bytes) -> None:
    """Bad UTF-8 becomes U+FFFD in the text, and stands as it was in the note."""
    records = lines.split(memoryview(bytearray(data)), at_start=False)
    originals = [records.text(index) for index in range(len(records.starts))]
    lines.mend(records)
    for original, text in zip(originals, _texts(records), strict=True):
        stripped = original.lstrip(b"\0") or original
        assert text == stripped.decode("utf-8", "replace")


@given(_DATA, st.data())
def test_joined_records_span_their_lines(data: bytes, choice: st.DataObject) -> None:
    """Joining changes neither the lines nor the text in between."""
    records = lines.split(memoryview(bytearray(data)), at_start=False)
    size = len(records.starts)
    begins = choice.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    import numpy as np

    joined = lines.join(records, np.array(begins, dtype=np.bool_))
    assert joined.lines == records.lines
    assert joined.joined + len(joined.starts) + joined.blanks == joined.lines
    for index in range(len(joined.starts)):
        assert joined.text(index) in data
        assert joined.text(index).strip()


def test_one_bad_line_among_many_costs_little() -> None:
    """Not memory for each byte beyond ASCII, nor a look of Python's at each line with one."""
    good = "Привет, мир и все остальные слова\n".encode()
    data = good * 20_000 + b"caf\xe9\n" + good * 20_000
    records = lines.split(memoryview(bytearray(data)), at_start=False)
    tracemalloc.start()
    try:
        lines.mend(records)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert records.mended == {20_000: "caf\ufffd".encode()}
    assert peak < 2 * len(data)


def test_a_byte_order_mark_is_not_text() -> None:
    """A mark at the beginning of the file is skipped; elsewhere it is a character like any other."""
    data = memoryview(bytearray(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n"))
    assert _texts(lines.split(data, at_start=True)) == ["one", "\ufefftwo"]


def test_leading_nuls_are_skipped_and_counted() -> None:
    """What a writer leaves after a truncation does not hide the line behind it."""
    records = lines.split(memoryview(bytearray(b"\0" * 5000 + b"one\n")), at_start=True)
    lines.mend(records)
    assert _texts(records) == ["one"]
    assert records.notes[0] == {"nul_bytes_skipped": 5000}
