"""Lines that say how those after them are to be read."""

import json
from pathlib import Path

import pytest

from logpipe.ingest.audit.verify import verify
from logpipe.ingest.files import flow
from logpipe.ingest.loading import cut, intake
from logpipe.store import Store
from tests.ingest.logs import Take

HEADER = b"#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status\n"
OTHER = b"#Fields: date time sc-status cs-method\n"


def _statuses(store: Store) -> list[int]:
    rows = store.execute("SELECT http_status FROM events WHERE http_status IS NOT NULL ORDER BY source_pos")
    return [status for (status,) in rows]


def test_the_columns_are_known_after_a_restart(take: Take, logs: Path, store: Store) -> None:
    """Each ingest begins anew, and the names stand in front of what the first one read; the newest hold."""
    log = logs / "u_ex.log"
    log.write_bytes(HEADER + b"2026-03-14 09:00:00 192.0.2.7 GET / 200\n")
    take()
    with log.open("ab") as file:
        file.write(b"2026-03-14 09:00:01 192.0.2.7 GET /a 404\n" + OTHER + b"2026-03-14 09:00:02 500 POST\n")
    take()
    with log.open("ab") as file:
        file.write(b"2026-03-14 09:00:03 503 POST\n")
    take()
    assert _statuses(store) == [200, 404, 500, 503]
    assert not verify(store).problems


def test_the_columns_are_known_in_each_chunk(
    take: Take, logs: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that comes in by many chunks is read by the header at its beginning."""
    for module in (flow, cut, intake):
        monkeypatch.setattr(module, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(cut, "CHUNK_ROWS", 10)
    lines = [b"2026-03-14 09:00:00 192.0.2.7 GET /%d %d\n" % (number, 200 + number) for number in range(200)]
    (logs / "u_ex.log").write_bytes(HEADER + b"".join(lines))
    take()
    assert _statuses(store) == [200 + number for number in range(200)]


@pytest.mark.parametrize("name", [b"$iis", b"$cloudfront", b"$header", b"it's", b"a\0b", b"$1'\0", b"\\1"])
def test_names_of_columns_may_be_any_text(take: Take, logs: Path, store: Store, name: bytes) -> None:
    """None of it is taken for SQL, here or after a restart."""
    log = logs / "u_ex.log"
    log.write_bytes(b"#Version: 1.0\n#Fields: date time sc-status " + name + b"\n2026-03-14 09:00:00 200 x\n")
    assert not take().errors
    with log.open("ab") as file:
        file.write(b"2026-03-14 09:00:01 404 y\n")
    assert not take().errors
    assert _statuses(store) == [200, 404]
    attributes = store.execute("SELECT attributes FROM events WHERE http_status IS NOT NULL ORDER BY source_pos")
    assert [json.loads(text) for (text,) in attributes] == [{name.decode(): value} for value in "xy"]
