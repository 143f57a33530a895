"""No line makes detection slow: a program may write anything, and somebody may write it on purpose."""

import time
from collections.abc import Callable, Sequence

import pytest

from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.wrapped import Wrapped

SIZE = 128_000
MOST_S = 2.0
"""What grows with the line takes a tenth of it at most; what grows with its square, four times as much or more."""

BEGINNINGS = [
    *("", "2026-03-14 10:00:00,123 [", "[2026-03-14 10:00:00,123] INFO ", "2026-03-14 10:00:00.123 | INFO | "),
    *("Mar 14 10:00:00 host ", '192.0.2.1 - - [14/Mar/2026:10:00:00 +0000] "GET ', "INFO  [", '{"msg":"', "id=7 "),
]
REPEATED = ["a", "[", " ", '\\"', "a=", "a=b\tc", "a.", "word ", "[a] ", "10:00:00.123 "]


def _spent(claims: Callable[[Sequence[str]], float], line: str) -> float:
    started = time.thread_time()
    claims([line])
    return time.thread_time() - started


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_line_is_looked_at_quickly(name: str) -> None:
    """No pattern begins again at each place of it, whatever it repeats, behind whatever beginning."""
    format_ = FORMATS[name]
    claims = (format_.outer if isinstance(format_, Wrapped) else format_).claims
    claims(["a"])
    for beginning in BEGINNINGS:
        for text in REPEATED:
            line = beginning + text * (SIZE // len(text)) + "x"
            assert _spent(claims, line) < MOST_S, (beginning, text)
