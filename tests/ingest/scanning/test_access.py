"""The fast way for access logs takes what is plain, and says the same of it as the full one."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpipe.ingest.formats.access_log import ACCESS_LOG
from logpipe.ingest.scanning import lines
from logpipe.ingest.scanning.scanner import scan_access
from tests.ingest.formats.test_fuzz import SPLICES, mutilated, own_lines
from tests.ingest.scanning.both_ways import assert_same

_PARTS: tuple[tuple[str, ...], ...] = (
    ("192.0.2.7", "::1", "-", "web-1.example", "-x", "bücher.example", "10.0.0.1:443", "a/b", "[::1]", 'a"b', "a\\b"),
    ("-", "anna", "-x", "[", "é", "a b", "", "\t", "-\x1b[1m"),
    ("-", "anna", "anna b", "a b c", "- -", '"', "a]", "x\\y", "\x7f"),
    (
        *("[14/Mar/2026:09:00:00 +0100]", "[29/Feb/2024:23:59:59 -1130]", "[01/Jan/1000:00:00:00 +0000]"),
        *("[31/Dec/9999:23:59:59 -1459]", "[29/Feb/2026:00:00:00 +0000]", "[14/mar/2026:09:00:00 +0100]"),
        *("[14/Mar/2026:24:00:00 +0100]", "[14/Mar/2026:09:00:60 +0100]", "[14/Mar/2026:09:00:00 +1560]"),
        *("[14/Mar/2026:09:00:00]", "[14/Mar/2026:09:00:00 Z]", "[4/Mar/2026:09:00:00 +0100]", "[x] [y]", "[]", "["),
        *("[14/Mar/2026 09:00:00 +0100]", "[2026-03-14T09:00:00Z]", "[14/Mar/0999:09:00:00 +0100]"),
    ),
    (
        *('"GET /orders/8?page=2&q=a%20b HTTP/1.1"', '"POST /login HTTP/2.0"', '"OPTIONS *"', '"GET /a? HTTP/1.1"'),
        *('"GET /?"', '"GET ?a HTTP/1.1"', '"GET /a b HTTP/1.1"', '"GET /é?ü HTTP/1.1"', '"get / HTTP/1.1"'),
        *('"GET  /"', '"GET / HTTP/"', '"GET / HTTP/x"', '"GET / HTTP/1.1 "', '"GET"', '"GET "', '"-"', '""', '"'),
        *('"\\x16\\x03"', '"GET /\\" HTTP/1.1"', '"GET /a\\" 200 5 " 1"', '"GET /\\\\ HTTP/1.1"', '"\\"', '"a\tb"'),
        *("-", '"A" "B"'),
    ),
    ("200", "304", "000", "999", "-", "20", "2000", "2x0", "", "-00"),
    ("5120", "0", "-", "007", "00", "18446744073709551615", "999999999999999999", "1" * 30, "-1", "1.5", "x", ""),
    (
        *("", ' "-" "-"', ' "https://shop.example/" "Mozilla/5.0 (X11; Linux x86_64)"', ' "" ""', ' "-"', ' "a" "b'),
        *(' "é" "\\xE9"', ' "say \\"hi\\"" "\\\\"', ' "a"  "b"', ' "a" "b"c', ' "\x7f" "/"', ' "a" b "c"'),
    ),
    (
        *("", ' "-"', ' "203.0.113.9, 10.0.0.1" 0.482', ' "203.0.113.9,::1"', ' "1.2"', ' "1.2" "3.4"', ' "a," 1.5'),
        *(" 0.5", ' "0.5"', ' "x" 0.5', ' "x" "0.5', " 0.5\"", " 0.5 0.5", " .5", " 5.", " 1523", ' "x 0.5"', ' "x'),
        *(' rt=1.250 uct="0.001" urt="1.249"', " rt=- rt=0.3", " xrt=1.5", " é_rt=1.5", ' request_time="0.2" 7ms'),
        *(" rt=1", " a=b,rt=1.5x", " =1.5", " rt=1.5 2.5", " 12ms", " 1.5ms", " 1.2.3ms", ' 42 "a" "b" 3ms', " ms"),
        *("ms", " x12ms", " ", "   ", "  x  ", " \u00a0x", " x\u3000", " \\", ' "1.2.3.4', ' "1.2,  3"', "x"),
        *(" \x7f", " a\tb", " 12345678901234567.5", " 0.1234567890123456789", f" {'9' * 45}.5", " 9007199254740993ms"),
        *(f" {'9' * 45}ms", " 0.0005", " 0.0000005", " 1.0005", " 2.675", " 0.1045"),
    ),
)  # fmt: skip
"""Of each part of a line what is usual, then what is odd, or near to something else."""
_FRONTS = st.sampled_from(["", "", "", "shop.example:443 ", "_ ", "é ", "- ", "* -"])


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    """Lines with two or three parts that are not the most usual, now and then with something spliced in."""
    made = []
    for _ in range(draw(st.integers(5, 80))):
        odd = draw(st.sets(st.integers(0, len(_PARTS) - 1), max_size=3))
        *fixed, agent, rest = (draw(st.sampled_from(part)) if i in odd else part[0] for i, part in enumerate(_PARTS))
        line = f"{draw(_FRONTS)}{' '.join(fixed)}{agent}{rest}".encode()
        if draw(st.integers(0, 9)) == 0:
            at = draw(st.integers(0, len(line)))
            line = line[:at] + draw(st.sampled_from(SPLICES)) + line[at + draw(st.integers(0, 3)) :]
        made.append(line)
    return b"\n".join(made)


def test_both_ways_count_by_the_same_statuses() -> None:
    """Those at the bounds, and numbers that are none."""
    statuses = ("-", "000", "099", "100", "200", "404", "499", "500", "599", "600", "999") * 2
    lines = (f'::1 - - [14/Mar/2026:09:00:00 +0100] "GET / HTTP/1.1" {status} 5 0.5' for status in statuses)
    assert_same(ACCESS_LOG, "\n".join(lines).encode())


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(_lines())
def test_the_fast_way_says_the_same_as_the_full_one(log: bytes) -> None:
    """Every column of every event, rejects and roll-ups, whatever the lines are."""
    assert_same(ACCESS_LOG, log)


def test_each_odd_part_reads_the_same() -> None:
    """Every part that is listed, with the others as they usually are, and with a virtual host in front."""
    usual = [part[0] for part in _PARTS]
    made = []
    for index, part in enumerate(_PARTS):
        for text in part:
            parts = [*usual[:index], text, *usual[index + 1 :]]
            made += [f"{front}{' '.join(parts[:-2])}{''.join(parts[-2:])}" for front in ("", "shop.example ")]
    assert_same(ACCESS_LOG, "\n".join(made).encode())


def test_mutilated_lines_read_the_same() -> None:
    """Those of the golden log, with bytes put in, taken out and changed."""
    rng = random.Random(1)
    assert_same(ACCESS_LOG, b"".join(mutilated(rng.choice(own_lines("access_log")), rng) for _ in range(2000)))


@pytest.mark.parametrize(
    "line",
    [
        '192.0.2.7 - - [14/Mar/2026:09:00:00 +0100] "GET /orders/8?page=2 HTTP/1.1" 200 5120',
        '::1 - anna [14/Mar/2026:09:00:00 +0100] "GET / HTTP/2.0" 304 - "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        'shop.example:443 192.0.2.9 - anna b [14/Mar/2026:09:00:02 +0000] "GET / HTTP/1.1" 500 12 "-" "say \\"hi\\""',
        '192.0.2.9 - - [14/Mar/2026:09:00:02 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8" "203.0.113.9, 10.0.0.1" 0.482',
        '192.0.2.9 - - [14/Mar/2026:09:00:02 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8" rt=0.012 uct="0.001"',
        '192.0.2.9 - - [14/Mar/2026:09:00:02 +0000] "GET / HTTP/1.1" 200 12 "-" "-" 42 "web@docker" "http://x" 3ms',
        '192.0.2.9 - - [14/Mar/2026:09:00:02 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"',
        '- - - [14/Mar/2026:09:00:04 +0000] "-" 408 - "-" "-"',
    ],
)
def test_plain_lines_go_the_fast_way(line: str) -> None:
    """What the usual servers write is not left to the full one."""
    records = lines.split(memoryview(line.encode()), at_start=True)
    assert scan_access(records, "web").taken.tolist() == [0]
