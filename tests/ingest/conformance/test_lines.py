"""L, J: where lines end, and what is in them."""

import time

import orjson
import pytest

from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
from tests.ingest.conformance.harness import Case, append, polls, sized, until
from tests.ingest.logs import line, rest


def test_l1_half_a_line(case: Case) -> None:
    """It waits for its other half."""
    case.write(5)
    whole = case.lines(1)
    with case.follow():
        with case.log.open("ab", buffering=0) as file:
            file.write(whole[:40])
            case.idle(5)
            polls()
            file.write(whole[40:])
        case.idle()
    case.check()


@pytest.mark.parametrize("killed", [True, False])
def test_l2_half_a_line_over_a_restart(case: Case, killed: bool) -> None:
    case.write(5)
    whole = case.lines(1)
    with case.follow() as follower:
        append(case.log, whole[:40])
        case.idle(5)
        if killed:
            follower.kill()
    append(case.log, whole[40:])
    case.run()
    case.check()


def test_l3_no_final_newline(case: Case) -> None:
    """After a while the line is taken, and says so; a newline that comes later adds nothing."""
    case.log.write_bytes(case.lines(3).rstrip(b"\n"))
    with case.follow(prelude="ending.FOLLOWED_FINAL_AFTER_S = 0.5"):
        case.idle()
        append(case.log, b"\n" + case.lines(1))
        case.idle()
        assert case.ask("SELECT seq FROM events WHERE attributes->>'unterminated' = 'true'") == [(2,)]
    case.check()


def test_l4_a_long_line_in_small_pieces(case: Case) -> None:
    """1 KB at a time."""
    size = sized(1 << 20, 100 << 10)
    case.expected.append(case._next)
    whole = line(case._next, text="x" * size)
    with case.follow():
        with case.log.open("ab", buffering=0) as file:
            for begin in range(0, len(whole), 1024):
                file.write(whole[begin : begin + 1024])
                time.sleep(0.01)
        case.idle()
    case.check()


@pytest.mark.parametrize("how", ["truncate", "rename"])
def test_l5_half_a_line_then_another_file(case: Case, how: str) -> None:
    """The half is a reject; the next file is not touched by it. Who watched, however busy the machine, tells no gap."""
    case.write(5)
    watched = "from logpipe.ingest import losses; losses._WATCHED_S = 3600.0"
    with case.follow(prelude=f"ending.FINAL_AFTER_S = 0.5\n{watched}"):
        with case.log.open("ab") as file:
            file.write(b'{"seq":77,"half')
        case.idle()
        polls()
        if how == "rename":
            case.shift()
            case.write(5)
        else:
            case.log.write_bytes(case.lines(5))
        case.idle()
        until(case.rejects, [("unterminated", 15)])
    case.check(rejects=1)


def test_l6_huge_lines(case: Case) -> None:
    """Up to 64 MiB a line is an event; a longer one is kept by its beginning and its length."""
    with case.log.open("wb") as file:
        for size in (5 << 20, 20 << 20):
            file.write(line(case._next, text="x" * size))
            case.expected.append(case._next)
            case._next += 1
        case.write(0)
        huge = line(10**6, text="x" * (200 << 20))
        file.write(huge)
        file.write(case.lines(10))
    case.run_apart()
    assert case.ask("SELECT reason, bytes::BIGINT, octet_length(raw) FROM rejects") == [
        ("line_too_long", len(huge), 64 << 10)
    ]
    case.check(rejects=1)


def test_l7_odd_line_ends(case: Case) -> None:
    """CRLF, blank lines, a lone CR, U+2028 and a boundary of 64 KB."""
    odd = line(2, message="a\u2028b\rc")
    data = [
        line(0).replace(b"\n", b"\r\n"),
        b"\n\r\n   \n",
        line(1),
        odd,
        line(3, text="y" * ((64 << 10) - 200)),
        *(line(number) for number in range(4, 2000)),
    ]
    case.expected = list(range(2000))
    case.log.write_bytes(b"".join(data))
    case.run()
    case.check()
    assert case.ask("SELECT sum(lines)::BIGINT, sum(blanks)::BIGINT FROM ledger") == [(2003, 3)]
    positions = case.ask("SELECT source_pos::BIGINT FROM events WHERE seq IN (1, 2) ORDER BY seq")
    assert positions == [(len(b"".join(data[:2])),), (len(b"".join(data[:3])),)]


@pytest.mark.parametrize("chunk", [700, 1000, 4099, 65536])
def test_l8_characters_across_reads(case: Case, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Whatever the size of a chunk, texts of several bytes a character are whole."""
    case.expected = list(range(200))
    text = "žluťoučký 漢字 😀 " * 5
    case.log.write_bytes(b"".join(line(number, message=text) for number in range(200)))
    for module in (flow, cut, intake):
        monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    case.run()
    case.check()
    assert case.ask("SELECT count(DISTINCT message), any_value(message) FROM events") == [(1, text)]


MALFORMED = [
    b'{"seq":1',
    b"[1,2]",
    b'"text"',
    b"42",
    b"null",
    b"{'seq':1}",
    b'{"seq":1}{"seq":2}',
    b'{"a":1 // no\n'[:-1],
]
UNUSUAL = [
    b'{"seq":"abc","level":"INFO","message":"m"}',
    b'{"seq":12345678901234567890123,"message":"m"}',
    b'{"timestamp":"not a time","message":"m"}',
    b'{"timestamp":1710237600,"message":"m"}',
    b'{"timestamp":"2016-12-31T23:59:60Z","message":"m"}',
    b'{"":1,"message":"m"}',
    b'{"a.b":1,"message":"m"}',
    b'{"message":"m","message":"n"}',
    b'{"message":"\\ud800"}',
    orjson.dumps({"message": "m", **{f"k{number}": number for number in range(3000)}}),
    b'{"message":"m","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
    b'{"message":"m","x":null}',
]


def test_j1_malformed_json(case: Case) -> None:
    """What is no object is a reject with its bytes; what only has odd values is an event, and keeps them."""
    good = b"".join(line(number) for number in range(200))
    case.expected = list(range(200))
    case.log.write_bytes(good + b"\n".join([*MALFORMED, *UNUSUAL]) + b"\n")
    rest(case.log)
    case.run()
    rejected = case.ask("SELECT raw FROM rejects ORDER BY source_pos")
    assert [row[0] for row in rejected] == MALFORMED
    assert case.ask("SELECT count(*) FROM events") == [(200 + len(UNUSUAL),)]
    assert case.ask("SELECT count(*) FROM events WHERE attributes::VARCHAR LIKE '%abc%'") == [(1,)]
    assert case.ask("SELECT count(*) FROM events WHERE attributes::VARCHAR LIKE '%12345678901234567890123%'") == [(1,)]
