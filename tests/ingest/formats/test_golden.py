"""Golden files: `golden/NAME.log` is detected as NAME (up to a dot) and yields `golden/NAME.expected.jsonl`.

To add a case, write the log and run this file with LOGPIPE_WRITE_GOLDEN=1; then read what it wrote.
"""

import json
import os
from pathlib import Path

import pytest

from logpipe.ingest.formats import FORMATS, detect
from logpipe.ingest.formats.wrapped import SEPARATOR

from .lines import select

GOLDEN = Path(__file__).parent / "golden"
LOGS = sorted(GOLDEN.glob("*.log"))
WRITE = "LOGPIPE_WRITE_GOLDEN" in os.environ


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_golden_log_is_detected_and_read(log: Path) -> None:
    """Each column of each event is what the expectation says, and no other column is set."""
    text = log.read_text()
    format_ = detect(text.splitlines()).format
    assert format_.name == log.stem.split(".")[0]
    events = select(format_, text)
    expected = log.with_suffix(".expected.jsonl")
    if WRITE:
        expected.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))
    assert events == [json.loads(line) for line in expected.read_text().splitlines()]


def test_every_format_has_a_golden_log() -> None:
    """A format without an example does not enter."""
    assert {log.stem.split(".")[0] for log in LOGS if SEPARATOR not in log.stem} == set(FORMATS)
