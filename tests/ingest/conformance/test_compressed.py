"""Z: compressed files."""

import bz2
import gzip
import lzma
import os
import time
import zlib
from collections.abc import Callable

import pytest
from backports import zstd

from tests.ingest.conformance.harness import UNWATCHED_S, Case, polls, sized, until
from tests.ingest.logs import line, rest

COMPRESSIONS = [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress), ("zst", zstd.compress)]


def _compress(case: Case, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    """As gzip does: a new file beside the old one, which goes then."""
    rotated = case.rotated(1)
    rotated.with_name(f"{rotated.name}.{suffix}").write_bytes(compress(rotated.read_bytes()))
    rotated.unlink()


@pytest.mark.parametrize(("suffix", "compress"), COMPRESSIONS)
@pytest.mark.parametrize("running", [True, False])
def test_z1_compressed_after_it_was_read(
    case: Case, running: bool, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    """The compressed copy is known again."""
    case.write(1000)
    if running:
        with case.follow():
            case.idle()
            case.shift()
            _compress(case, suffix, compress)
            case.write(10)
            case.idle()
            polls()
    else:
        case.run()
        case.shift()
        _compress(case, suffix, compress)
        case.write(10)
        case.run()
    case.check()


def test_z2_the_unread_tail_is_only_in_the_gz(case: Case) -> None:
    case.write(1000)
    with case.follow() as follower:
        case.idle()
        with follower.stopped(at_least_s=UNWATCHED_S):
            case.write(1000)
            case.shift()
            _compress(case, "gz", gzip.compress)
        case.idle()
        polls()
    case.check()


def test_z3_still_being_written(case: Case) -> None:
    """Three pieces, a second apart: nothing is judged before it is whole."""
    data = gzip.compress(case.lines(20_000))
    third = len(data) // 3
    with case.follow():
        for begin, end in ((0, third), (third, 2 * third), (2 * third, len(data))):
            with (case.folder / "b.log.gz").open("ab") as file:
                file.write(data[begin:end])
            time.sleep(1)
            assert case.rejects() == []
            assert case.gaps() == []
        case.idle()
    case.check()


@pytest.mark.parametrize("where", ["checksum", "middle"])
def test_z4_damaged(case: Case, where: str) -> None:
    """The lines before the damage come in once, with one gap, and it is not tried over and over."""
    data = bytearray(gzip.compress(case.lines(20_000)))
    data[-8 if where == "checksum" else len(data) // 2] ^= 0xFF
    path = case.folder / "b.log.gz"
    path.write_bytes(data)
    rest(path)
    for _ in range(3):
        case.run(code=None)
    [(name, _, end, reason)] = case.gaps()
    assert (name, end, reason) == ("b.log.gz", None, "damaged")
    stored = case.stored()
    assert len(stored) == len(set(stored))
    assert stored == list(range(20_000)) if where == "checksum" else set(stored) < set(range(20_000))


@pytest.mark.parametrize("following", [True, False])
def test_z4_damaged_and_mended(case: Case, following: bool) -> None:
    """The whole file that comes in its place stands for what was taken of it: every line is there, once."""
    whole = gzip.compress(case.lines(40_000), 1)
    data = bytearray(whole)
    data[len(data) * 9 // 10] ^= 0xFF
    path = case.folder / "b.log.gz"
    path.write_bytes(data)
    rest(path)
    if following:
        with case.follow(prelude="ending.FINAL_AFTER_S = 0.5") as follower:
            follower.until_said("damaged")
            path.write_bytes(whole)
            until(lambda: case.ask("SELECT max(seq) FROM events"), [(39_999,)])
            case.idle()
    else:
        case.run(code=1)
        assert 20_000 < len(case.stored()) < 40_000
        path.write_bytes(whole)
        case.run()
    case.check()


def test_z4_two_members(case: Case) -> None:
    (case.folder / "b.log.gz").write_bytes(gzip.compress(case.lines(100)) + gzip.compress(case.lines(100)))
    case.run()
    case.check()


def test_z5_a_bomb(case: Case) -> None:
    """Ten gigabytes of zeros in some megabytes: memory stays bounded, and the reason is told."""
    size = sized(10 << 30, 384 << 20)
    compressor = zlib.compressobj(1, wbits=31)
    with (case.folder / "b.log.gz").open("wb") as file:
        file.write(compressor.compress(line(0)))
        for _ in range(0, size, 1 << 20):
            file.write(compressor.compress(bytes(1 << 20)))
        file.write(compressor.flush())
    with case.follow() as follower:
        before = follower.memory()
        deadline = time.monotonic() + 300
        while not case.database.exists() or case.rejects() == []:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert follower.memory() - before < 300 << 20
    assert case.rejects() == [("line_too_long", size)]
    assert os.path.getsize(case.database) < 64 << 20
