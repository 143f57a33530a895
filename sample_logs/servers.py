"""What is logged around the services, in formats of its own: nginx, PostgreSQL, and an old billing service."""

import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from sample_logs.day import Day, Hit, Statement
from sample_logs.incidents import DATE, moment
from sample_logs.traffic import ticks

SLOW_STATEMENT_MS: Final = 100.0
"""PostgreSQL's log_min_duration_statement."""

_Timed = tuple[float, str]


def write_nginx(day: Day, path: Path) -> int:
    """The combined access log of all requests; the number of lines."""
    begun = DATE.strftime("%d/%b/%Y")
    return _write(day, path, ((hit.at, _combined(hit, begun)) for hit in day.hits))


def _combined(hit: Hit, date: str) -> str:
    second = int(hit.at)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return (
        f'{hit.address} - - [{date}:{clock} +0000] "{hit.method} {hit.path} HTTP/1.1" {hit.status} {hit.size} '
        f'"{hit.referrer}" "{hit.agent}"\n'
    )


def write_postgresql(day: Day, path: Path) -> int:
    """The server's own log (`log_line_prefix = '%m [%p] %q%u@%d '`); the number of records."""
    rng = day.random("postgresql")
    slow = [(one.at, _statement(one)) for one in day.statements if one.error or one.duration_ms >= SLOW_STATEMENT_MS]
    return _write(day, path, [*slow, *_checkpoints(rng), *_cancelled(rng)])


def _prefix(at: float, pid: int, who: str = "") -> str:
    return f"{_milliseconds(moment(at), '.')} UTC [{pid}] {who}"


def _statement(one: Statement) -> str:
    prefix = _prefix(one.at, one.backend, f"{one.user}@shop ")
    if one.error is None:
        return f"{prefix}LOG:  duration: {one.duration_ms:.3f} ms  statement: {one.sql}\n"
    return f"{prefix}ERROR:  {one.error}\n{prefix}DETAIL:  {one.detail}\n{prefix}STATEMENT:  {one.sql}\n"


def _checkpoints(rng: random.Random) -> Iterator[_Timed]:
    for at in ticks(rng, 300, 1):
        buffers = rng.randrange(200, 1900)
        took = buffers / 10 + 0.1
        yield at, f"{_prefix(at, 61)}LOG:  checkpoint starting: time\n"
        complete = (
            f"LOG:  checkpoint complete: wrote {buffers} buffers ({buffers / 163.84:.1f}%); "
            f"0 WAL file(s) added, 0 removed, 1 recycled; write={took - 0.06:.3f} s, sync=0.021 s, "
            f"total={took:.3f} s; sync files={buffers // 40}, longest=0.004 s, average=0.001 s; "
            f"distance={buffers * 9} kB, estimate={buffers * 11} kB\n"
        )
        yield at + took, _prefix(at + took, 61) + complete


def _cancelled(rng: random.Random) -> Iterator[_Timed]:
    """A report that runs into the timeout, every hour or two."""
    for at in ticks(rng, 5400, 5000):
        prefix = _prefix(at, 2140, "reporting@shop ")
        cancelled = (
            f"{prefix}ERROR:  canceling statement due to statement timeout\n"
            f"{prefix}STATEMENT:  SELECT date_trunc('day', created_at) AS day,\n"
            "\t       sum(total_cents) AS cents\n\tFROM orders\n\tGROUP BY day\n"
        )
        yield at, cancelled


def write_billing(day: Day, path: Path) -> int:
    """A service from before: Python's `logging` as text, with tracebacks; the number of records."""
    return _write(day, path, _billing(day.random("billing")))


def _billing(rng: random.Random) -> Iterator[_Timed]:
    invoice = 884_000
    for index, at in enumerate(ticks(rng, 20, 4)):
        clock = _milliseconds(moment(at), ",")
        chance = rng.random()
        if index % 100 == 40:
            yield at, f"{clock} ERROR billing.export: cannot export invoice {invoice}\n{_TRACEBACK}"
        elif chance < 0.03:
            yield at, f"{clock} WARNING billing.export: invoice {invoice} has no VAT id, exported without\n"
        else:
            count = rng.randrange(1, 40)
            invoice += count
            yield at, f"{clock} INFO billing.export: exported {count} invoices in {rng.uniform(0.2, 2.5):.2f} s\n"


_TRACEBACK: Final = """\
Traceback (most recent call last):
  File "/srv/billing/export.py", line 88, in export
    row = self.layout.render(invoice)
  File "/srv/billing/layout.py", line 41, in render
    return ";".join(field.encode("latin-1").decode() for field in invoice.fields)
UnicodeEncodeError: 'latin-1' codec can't encode character '\\u20ac' in position 17: ordinal not in range(256)
"""


def _milliseconds(at: datetime, point: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}{point}{at.microsecond // 1000:03d}"


def _write(day: Day, path: Path, lines: Iterator[_Timed] | list[_Timed]) -> int:
    ordered = sorted((one for one in lines if day.covers(one[0])), key=lambda one: one[0])
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(text for _, text in ordered)
    return len(ordered)
