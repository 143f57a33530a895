"""Which format a file is said to be in, and what is said of it."""

from pathlib import Path

import pytest

from logpipe.ingest.formats import FORMATS, SAMPLE_LINES, detect

JSON = '{"msg":"a","time":"2026-03-14T09:00:00Z"}'
ACCESS = '192.0.2.7 - - [14/Mar/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 5'


def test_a_tenth_of_foreign_lines_does_not_change_the_format() -> None:
    """JSON with one torn and one foreign line in twenty is JSON, with three it is not."""
    assert detect([JSON] * 18 + ['{"msg":"to', "Killed"]).format.name == "json"
    assert detect([JSON] * 17 + ['{"msg":"to', "Killed", "Killed"]).format.name == "plain"


@pytest.mark.parametrize(
    ("line", "name"), [(JSON, "json"), (ACCESS, "access_log"), ("hello", "plain"), ("[1]", "json")]
)
def test_one_line_is_enough(line: str, name: str) -> None:
    """A file of a single line is detected by it."""
    assert detect([line]).format.name == name


def test_only_the_first_lines_are_looked_at() -> None:
    """What comes after the sample does not count, and blank lines never do."""
    detection = detect(["", *[ACCESS] * SAMPLE_LINES, *["noise"] * 1000])
    assert (detection.format.name, detection.lines, detection.share) == ("access_log", SAMPLE_LINES, 1.0)


def test_lines_of_a_traceback_count_for_the_record_before_them() -> None:
    """A log that is mostly traceback is a Python log; a traceback on its own is plain text."""
    traceback = ["Traceback (most recent call last):", *['  File "a.py", line 1, in f'] * 20, "ValueError: no"]
    assert detect(["ERROR:shop:failed", *traceback]).format.name == "python_text"
    assert detect(traceback).format.name == "plain"


def test_free_text_after_a_few_records_is_not_claimed() -> None:
    """One logging line above a page of other output does not make it a Python log."""
    assert detect(["INFO:shop:started", *["some other output"] * 20]).format.name == "plain"


def test_the_explanation_gives_the_share() -> None:
    """A person is told how sure it is, and for plain text how near the nearest format came."""
    assert detect([ACCESS]).explanation.startswith("access_log (")
    assert "100% of the first 1 lines" in detect([ACCESS]).explanation
    assert "access_log, matches 50% of the first 2 lines" in detect([ACCESS, "x"]).explanation
    assert "no format matches any" in detect(["x"]).explanation
    assert detect([]).format is FORMATS["plain"]


def test_plain_is_the_last_format() -> None:
    """What nothing else claims is plain text, so that nothing is refused."""
    assert list(FORMATS)[-1] == "plain"
    assert all(name == format_.name for name, format_ in FORMATS.items())


def test_the_document_lists_the_formats_in_their_order() -> None:
    """What is read is what the page says, in the order in which it is asked."""
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert rows == list(FORMATS)
