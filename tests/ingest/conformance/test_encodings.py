"""E: encodings and damage to characters."""

import codecs

import pytest

from tests.ingest.conformance.harness import Case, append
from tests.ingest.logs import line


def test_e1_byte_order_marks(case: Case) -> None:
    """The first line of a file with a mark is a row like any other."""
    case.log.write_bytes(codecs.BOM_UTF8 + case.lines(3))
    case.run()
    case.check()


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)])
def test_e1_utf_16(case: Case, encoding: str, mark: bytes) -> None:
    """Read on as it grows, and not again."""
    case.log.write_bytes(mark + case.lines(20).decode().encode(encoding))
    with case.follow():
        case.idle()
        for _ in range(2):
            append(case.log, case.lines(20).decode().encode(encoding))
            case.idle()
    case.check()


def test_e2_invalid_utf_8(case: Case) -> None:
    """One bad byte: the line is mended, says so and keeps its bytes; the others are as they were."""
    texts = [line(number, message="naïve") for number in range(10)]
    texts[4] = texts[4].replace("ï".encode(), b"\xef")
    case.expected = list(range(10))
    case.log.write_bytes(b"".join(texts))
    case.run()
    case.check()
    flagged = case.ask("SELECT seq, message FROM events WHERE attributes->>'invalid_utf8_base64' IS NOT NULL")
    assert flagged == [(4, "na\ufffdve")]
    assert case.ask("SELECT count(*) FROM events WHERE message = 'naïve'") == [(9,)]


def test_e3_nuls_after_a_power_loss(case: Case) -> None:
    case.log.write_bytes(b"\0" * 4096 + case.lines(2))
    case.run()
    case.check()
    assert case.ask("SELECT attributes->>'nul_bytes_skipped' FROM events WHERE seq = 0") == [("4096",)]


def test_e4_lone_surrogates(case: Case) -> None:
    """As json.dumps writes text that came of surrogateescape: U+FFFD for each, and the line is kept; pairs stay."""
    case.expected = [0, 1]
    case.log.write_bytes(line(0) + line(1).replace(b"order", rb"\udce9\ud83d\ude00\ud800 \\ud800 order"))
    case.run()
    case.check()
    [(message, raw)] = case.ask("SELECT message, attributes->>'_raw' FROM events WHERE seq = 1")
    assert message == "\ufffd😀\ufffd \\ud800 order 1 handled"
    assert r"\udce9\ud83d\ude00\ud800" in str(raw)
