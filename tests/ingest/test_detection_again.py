"""A format is detected from a file's first lines, also where these come one after the other."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files.discovery import find
from logpipe.ingest.formats import SAMPLE_LINES
from logpipe.ingest.ingest import Ingester
from logpipe.ingest.options import Options
from logpipe.ingest.repair.reparse import reparse
from logpipe.store import Store
from tests.ingest.logs import Take, line

BANNER = b"Starting server on port 8000\n"


def append(log: Path, lines: Iterable[bytes]) -> None:
    with log.open("ab") as file:
        file.writelines(lines)


def formats(store: Store) -> list[str]:
    return [name for (name,) in store.execute("SELECT format FROM sources ORDER BY source_id")]


def levels(store: Store) -> dict[str | None, int]:
    return dict(store.execute("SELECT level, count(*) FROM events GROUP BY ALL"))


@pytest.fixture
def log(logs: Path) -> Path:
    return logs / "app.log"


def test_a_banner_does_not_make_plain_text_of_what_follows(log: Path, take: Take, store: Store) -> None:
    """It was all that the first ingest found; it stays as it was read, and the rest is read as what it is."""
    append(log, [BANNER])
    take()
    assert formats(store) == ["plain"]
    append(log, map(line, range(300)))
    take()
    assert formats(store) == ["logpipe"]
    assert levels(store) == {None: 1, "INFO": 300}
    assert not verify(store).problems


def test_lines_that_come_one_by_one_are_looked_at_as_they_double(log: Path, store: Store) -> None:
    """Not each time, for a look costs more than a line; and nine in ten must be of the format."""
    ingester, found = Ingester(store, Options()), list[str]()
    for number in range(20):
        append(log, [line(number) if number else BANNER])
        ingester.sweep(find([str(log)])[0])
        found.append(formats(store)[0])
    assert found == ["plain"] * 15 + ["logpipe"] * 5


def test_a_first_line_of_a_format_does_not_reject_what_follows(log: Path, take: Take, store: Store) -> None:
    """As where all lines had been there at once."""
    append(log, [line(0)])
    take()
    append(log, (b"%d files copied\n" % number for number in range(50)))
    assert take().rejects == 0
    assert formats(store) == ["plain"]


def test_a_chosen_format_stays(log: Path, take: Take, store: Store) -> None:
    """Whatever the lines look like, whoever ingests them next; until it is to be detected again."""
    append(log, [BANNER])
    take(format="plain")
    append(log, map(line, range(50)))
    take()
    assert (formats(store), levels(store)) == (["plain"], {None: 51})
    reparse(store, 1, Options(), detect_format=True)
    append(log, (b"%d files copied\n" % number for number in range(500)))
    take()
    assert formats(store) == ["plain"]
    reparse(store, 1, Options(format="logfmt"))
    append(log, map(line, range(50, 100)))
    take()
    assert formats(store) == ["logfmt"]


def test_enough_lines_settle_it(log: Path, take: Take, store: Store) -> None:
    """What comes later may be anything."""
    append(log, (b"%d files copied\n" % number for number in range(SAMPLE_LINES)))
    take()
    append(log, map(line, range(5000)))
    take()
    assert formats(store) == ["plain"]
