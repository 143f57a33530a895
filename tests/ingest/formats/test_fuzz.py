"""Mutilated logs through the whole ingest, format by format: nothing crashes, every byte is accounted for.

A word that is put anywhere into a line must come out again, in a column, an attribute or a reject: so no format loses
what it does not understand. And what is read twice is read alike.

`make fuzz-formats` runs this for LOGPIPE_FUZZ_SECONDS a format, and says how many lines each was given; without it each
format gets one round of a fixed seed.
"""

import base64
import os
import random
import re
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.formats import FORMATS, format_named
from logpipe.ingest.ingest import ingest
from logpipe.ingest.options import Options
from logpipe.store import Store
from tests.ingest.logs import rest
from tests.stores import passing_store

from .test_golden import LOGS

SECONDS = float(os.environ.get("LOGPIPE_FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("LOGPIPE_FUZZ_SEED", "0")) or (time.time_ns() if SECONDS else 1)
LINES_A_ROUND = 6000 if SECONDS else 150
WORD = re.compile(rb"qz[a-j]{6}k")
LETTERS = bytes.maketrans(b"0123456789", b"abcdefghij")
"""For a format may take it that times differ by digits."""
COLOURED = re.compile(rb"\x1b[^\n]*")
NUMBER = re.compile(rb"\d+")
TOKEN = re.compile(rb'[^\s"\[\](){}<>,:;=|]+|"[^"]*"')

SPLICES = [
    *(b"\0", b"\x1b[31m", b"\x1b[", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", "\N{BYTE ORDER MARK}é\u2028".encode()),
    *(b'"', b"'", b"\\", b'\\"', b"\\u", b"\\ud800", b"{", b"}", b"[", b"]", b"<", b">", b"(", b")", b"|", b"=", b":"),
    *(b",", b";", b"%", b"%s", b"$", b"\t", b" ", b"\r", b"\n", b"\n\n", b"\r\n", b"-", b"-0", b"1e400", b"NaN"),
    *(b"null", b"true", b"Infinity", b"-1", b"0", b"4294967296", b"18446744073709551616", b"9" * 40, b"0.1e-400"),
    *(b"9999-12-31T23:59:59.999999999Z", b"0000-00-00 00:00:00", b"2026-02-30T25:61:61Z", b"Feb 29 23:59:60", b"{}"),
    *(b'{"a":' * 50, b"[" * 200, b"(" * 200, b"a=" * 50, b"Traceback (most recent call last):\n", b"/* */", b"--"),
]
NUMBERS = [
    *(b"-1", b"0", b"00", b"13", b"60", b"99", b"255", b"256", b"65536", b"4294967296", b"9223372036854775808"),
    *(b"18446744073709551616", b"9" * 40, b"9" * 400, b"1e309", b"1e-400", b"-0.0", b"1.5", b"253402300800"),
]
VALUES = [
    *(b'""', b"null", b"[]", b"{}", b"[null]", b'{"a":{"a":{"a":[{}]}}}', b'"\\u0000"', b'"\\ud83d"', b"-", b"?"),
    *(b'"2026-03-14"', b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:60+23:59", b"+290000-01-01T00:00:00Z"),
]
GOLDEN = {log.stem: log.read_bytes().splitlines(keepends=True) for log in LOGS}
ALL_LINES = [line for lines in GOLDEN.values() for line in lines]


def own_lines(name: str) -> list[bytes]:
    """The lines of the format's golden logs."""
    return [line for stem, lines in GOLDEN.items() if stem.split(".")[0] == name for line in lines]


def mutilated(line: bytes, rng: random.Random) -> bytes:  # noqa: C901 - a list of independent changes
    """The line with up to four changes."""
    data = bytearray(line)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        at, until = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        match rng.randrange(11):
            case 0:
                data[at:at] = rng.choice(SPLICES)
            case 1:
                del data[at : min(until, at + 12)]
            case 2:
                data[at:at] = data[at : min(until, at + 40)]
            case 3:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 4:
                del data[at:]
            case 5:
                other = rng.choice(ALL_LINES)
                data[at:] = other[rng.randrange(len(other) + 1) :]
            case 6:
                data[at : min(until, at + 8)] = rng.choice(SPLICES)
            case 7:
                replace_one(data, NUMBER, rng.choice(NUMBERS), rng)
            case 8:
                replace_one(data, TOKEN, rng.choice((*SPLICES, *NUMBERS, *VALUES)), rng)
            case 9:
                replace_one(data, TOKEN, (TOKEN.findall(rng.choice(ALL_LINES)) or [b""])[-1], rng)
            case 10 if rng.random() < 0.02:
                data[at:at] = data[at : min(until, at + 40)] * 2000
    return bytes(data)


def replace_one(data: bytearray, pattern: re.Pattern[bytes], text: bytes, rng: random.Random) -> None:
    """Put the text in the place of one thing that the pattern finds."""
    if found := list(pattern.finditer(data)):
        start, end = rng.choice(found).span()
        data[start:end] = text


def with_word(line: bytes, number: int, rng: random.Random) -> bytes:
    """The line with a word somewhere in it, but not within a character or an escape."""
    at = rng.randrange(len(line.rstrip(b"\r\n")) + 1)
    before = line[:at]
    odd = not before.isascii() or b"\0" in before or b"\x1b" in before
    return line if odd else before + (b"qz%06dk" % number).translate(LETTERS) + line[at:]


def round_of(name: str, rng: random.Random) -> bytes:
    """A log of the format, with much that is not of it."""
    lines = own_lines(name)
    picked = (rng.choice(lines if rng.random() < 0.9 else ALL_LINES) for _ in range(LINES_A_ROUND))
    changed = (mutilated(line, rng) for line in picked)
    return b"".join(with_word(line, number, rng) if rng.random() < 0.5 else line for number, line in enumerate(changed))


def complaints(log: bytes, name: str, folder: Path) -> Iterator[str]:
    """What is wrong with the ingest of a log by a format; what raises is wrong as well."""
    path = folder / "app.log"
    path.write_bytes(log)
    rest(path)
    with passing_store() as store:
        summary = ingest(store, [str(path)], Options(format=name))
        yield from (str(error) for error in summary.errors if error.reason != "json_array")
        if not summary.errors:  # an array of JSON is refused as a whole
            yield from (f"{problem.reason}: {problem.detail}" for problem in verify(store).problems)
            if summary.bytes != len(log) and log[:2] not in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16 is counted as UTF-8
                yield f"{summary.bytes} bytes of {len(log)} were taken"
            kept = rows_of(store)
            transcoded = log[:2] in (b"\xff\xfe", b"\xfe\xff") and b"\0" in log  # other text than it looks
            lost = set() if transcoded else set(WORD.findall(COLOURED.sub(b"", log))) - set(WORD.findall(kept))
            yield from (f"{word!r} is lost" for word in sorted(lost))
            if zlib.crc32(log) % 8 == 0:
                with passing_store() as again:
                    ingest(again, [str(path)], Options(format=name))
                    if rows_of(again) != kept:
                        yield "read a second time, it is not the same"
    format_ = format_named(name)
    assert format_ is not None
    share = format_.claims([line for line in log.decode("utf-8", "replace").split("\n") if line.strip()])
    if not 0 <= share <= 1:
        yield f"a share of {share}"


def rows_of(store: Store) -> bytes:
    """All that the store has of a log, but for the time at which that was read."""
    events = store.execute("SELECT to_json(events)::VARCHAR FROM events ORDER BY source_pos")
    rejects = store.execute("SELECT reason, raw FROM rejects ORDER BY source_pos")
    texts = [bytes_too(text).encode() for (text,) in events]
    return b"\n".join([*texts, *(reason.encode() + b" " + raw for reason, raw in rejects)])


def bytes_too(event: str) -> str:
    """The event with the bytes that stand in it in base64, or, as the journal writes them, as a list of numbers."""
    encoded = re.findall(r'"invalid_utf8_base64":"([^"]*)"', event)
    listed = (list(map(int, found.split(","))) for found in re.findall(r"\[(\d{1,3}(?:,\d{1,3})*)\]", event))
    texts = [*map(base64.b64decode, encoded), *(bytes(numbers) for numbers in listed if max(numbers) < 256)]
    return event + "".join(map(repr, texts))


def smallest(log: bytes, name: str, folder: Path) -> bytes:
    """As few of the lines as still show what is wrong."""
    lines, step = log.splitlines(keepends=True), len(log.splitlines()) // 2
    while step:
        at = 0
        while at < len(lines) and len(lines) > 1:
            fewer = lines[:at] + lines[at + step :]
            if fewer and is_wrong(b"".join(fewer), name, folder):
                lines = fewer
            else:
                at += step
        step //= 2
    return b"".join(lines)


def is_wrong(log: bytes, name: str, folder: Path) -> bool:
    try:
        return any(complaints(log, name, folder))
    except Exception:  # noqa: BLE001 - that is wrong too
        return True


@pytest.mark.parametrize("name", [*FORMATS, "cri+python_text", "docker_json+json"])
def test_mutilated_logs_are_taken_whole(name: str, tmp_path: Path) -> None:
    """Each byte is of an event, a joined line, a blank or a reject, whatever was done to the log."""
    rng = random.Random(f"{SEED} {name}")
    until, rounds = time.monotonic() + SECONDS, 0
    while rounds == 0 or time.monotonic() < until:
        log = round_of(name, rng)
        rounds += 1
        if is_wrong(log, name, tmp_path):
            found = smallest(log, name, tmp_path)
            assert not list(complaints(found, name, tmp_path)), f"seed {SEED}, round {rounds}: {found!r}"
    sys.stdout.write(f"{rounds * LINES_A_ROUND} lines\n")
