"""No line makes detection slow: a program may write anything, and somebody may write it on purpose."""

import time
from collections.abc import Callable, Sequence

import pytest

from logpipe.ingest.formats import FORMATS
from logpipe.ingest.formats.wrapped import Wrapped

SIZE = 32_000
MOST_S = 0.05

BEGINNINGS = [
    *("", "2026-03-14 10:00:00,123 [", "[2026-03-14 10:00:00,123] INFO ", "2026-03-14 10:00:00.123 | INFO | "),
    *("Mar 14 10:00:00 host ", '192.0.2.1 - - [14/Mar/2026:10:00:00 +0000] "GET ', "INFO  [", '{"msg":"'),
]
REPEATED = ["a", "[", " ", '\\"', "a=", "a=b\tc", "a.", "word ", "[a] ", "10:00:00.123 "]


def _spent(claims: Callable[[Sequence[str]], float], line: str) -> float:
    started = time.thread_time()
    claims([line])
    return time.thread_time() - started


@pytest.mark.parametrize("name", FORMATS)
def test_a_long_line_is_looked_at_quickly(name: str) -> None:
    """Whatever it repeats, behind whatever beginning; the best of three times of the processor."""
    format_ = FORMATS[name]
    claims = (format_.outer if isinstance(format_, Wrapped) else format_).claims
    claims(["a"])
    for beginning in BEGINNINGS:
        for text in REPEATED:
            line = beginning + text * (SIZE // len(text)) + "x"
            if _spent(claims, line) > MOST_S:
                assert min(_spent(claims, line) for _ in range(2)) < MOST_S, (beginning, text)
