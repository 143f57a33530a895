"""T: clocks and dates."""

import os

from tests.ingest.conformance.harness import Case, append, polls
from tests.ingest.logs import line

JUMPING = """
import time
from pathlib import Path
real = time.time
time.time = lambda: real() + float(Path({0!r}).read_text())
"""


def test_t1_the_clock_jumps(case: Case) -> None:
    """A day forth, two days back, and files of 1970 and 2100: no line is torn, lost or read again."""
    shift = case.folder.parent / "shift"
    shift.write_text("0")
    case.write(10)
    half = case.lines(1)
    with case.follow(prelude=JUMPING.format(str(shift))):
        append(case.log, half[:30])
        case.idle(10)
        for seconds in ("86400", "-86400"):
            shift.write_text(seconds)
            polls()
        append(case.log, half[30:])
        case.idle()
        for name, year in (("old.log", 0), ("new.log", 4_102_444_800)):
            case.write(10, case.folder / name)
            os.utime(case.folder / name, (year, year))
        case.idle()
    case.check()


def test_t2_equal_lines(case: Case) -> None:
    """A thousand are a thousand."""
    case.log.write_bytes(line(1) * 1000)
    case.run()
    assert case.ask("SELECT count(*), count(DISTINCT source_pos) FROM events") == [(1000, 1000)]


TIMES = {
    "2026-03-12T10:00:00.123456789Z": "2026-03-12 10:00:00.123456+00",
    "2026-03-12T10:00:00+02:00": "2026-03-12 08:00:00+00",
    "2026-10-25T02:30:00+02:00": "2026-10-25 00:30:00+00",
    "2026-10-25T02:30:00+01:00": "2026-10-25 01:30:00+00",
}
EPOCHS = [1773309600, 1773309600000, 1773309600000000, 1773309600000000000]


def test_t3_timestamps(case: Case) -> None:
    """Zones, nanoseconds and epochs of any unit; what cannot be read stays in the attributes, with a time inferred."""
    rows = [
        line(number).replace(b"2026-03-12T10:00:%02d.000000Z" % number, text.encode())
        for number, text in enumerate(TIMES)
    ]
    case.log.write_bytes(b"".join(rows))
    epochs = case.folder / "epochs.log"
    epochs.write_bytes(b"".join(b'{"time":%d,"level":"info","msg":"m"}\n' % epoch for epoch in EPOCHS))
    odd = case.folder / "odd.jsonl"
    odd.write_bytes(line(90) + line(91, timestamp="2016-13-31T23:59:61Z"))
    case.run()
    found = case.ask("SELECT ts::VARCHAR FROM events WHERE seq < 10 ORDER BY seq")
    assert [row[0] for row in found] == list(TIMES.values())
    assert case.ask("SELECT DISTINCT ts::VARCHAR FROM events WHERE message = 'm'") == [("2026-03-12 10:00:00+00",)]
    assert case.ask("SELECT attributes->>'timestamp', attributes->>'time_inferred' FROM events WHERE seq = 91") == [
        ("2016-13-31T23:59:61Z", "record_before")
    ]
