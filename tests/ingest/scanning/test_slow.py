"""The fast way for slow logs takes what is plain, and says the same of it as the full one."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpipe.ingest.formats.mysql_slow import MYSQL_SLOW
from logpipe.ingest.scanning import lines
from logpipe.ingest.scanning.scanner import scan_slow
from tests.ingest.formats.test_fuzz import SPLICES, mutilated, own_lines
from tests.ingest.scanning.both_ways import assert_same

_PARTS: tuple[tuple[str, ...], ...] = (
    (
        *("# Time: 2026-03-14T09:00:00.250000Z\n", "", "# Time: 2026-03-14T09:00:00Z\n", "# Time: 260314  9:00:00\n"),
        *("# Time: 2026-03-14T09:00:00.1234567Z\n", "# Time: 2026-03-14T09:00:00.25+01:00\n"),
        "# Time: 2026-02-30T09:00:00Z\n",
        *("# Time: 2026-03-14T09:00:00.250000Z \n", "# Time: \n", "# Time: 2026-03-14T24:00:00Z\n"),
    ),
    (
        *("# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id:    41\n", "# User@Host: [root] @ localhost []\n", ""),
        *("# User@Host: a[b] @ c [::1]\n", "# User@Host: root[] @  []  Id: 7\n", "# User@Host: [] @ localhost []\n"),
        *("# User@Host: é[é] @ c []\n", "# User@Host: a[a] @ c [] Id: x\n", "# User@Host: a b[a b] @ c []\n"),
        *("# User@Host: a[a] @ c []  \n", "# User@Host: SQL_SLAVE[SQL_SLAVE] @  []\n", '# User@Host: a"[a"] @ c []\n'),
    ),
    (
        *("", "# Thread_id: 41  Schema: shop  QC_hit: No\n", "# Thread_id: 41  Schema:   QC_hit: No\n"),
        *("# Thread_id: 41  Schema: shop  QC_hit: Yes\n", "# Schema: shop  Last_errno: 0  Killed: 0\n"),
        *("# Thread_id: 41 Schema: a-b  QC_hit: No\n", "# Thread_id: x\n"),
    ),
    (
        *("# Query_time: 0.812500  Lock_time: 0.000125 Rows_sent: 1  Rows_examined: 10000\n", ""),
        *("# Query_time: 2  Lock_time: 0  Rows_sent: 0  Rows_examined: 0  Rows_affected: 3\n",),
        *("# Query_time: 0.000001  Lock_time: 1000.500000 Rows_sent: 1  Rows_examined: 999999999999999\n",),
        *("# Query_time: 123456789.123456  Lock_time: 0012.0100 Rows_sent: 01  Rows_examined: 7\n",),
        *("# Query_time: 1.  Lock_time: .5 Rows_sent: 1.5  Rows_examined: 7\n",),
        *("# Query_time: 0.0000005  Lock_time: 0.1234567 Rows_sent: 1  Rows_examined: 7\n",),
        *("# Query_time: 18446744073709.551615  Lock_time: 0.0 Rows_sent: 18446744073709551615  Rows_examined: 7\n",),
        *("# Query_time: 0.5  Lock_time: 0.25 Rows_sent: 1  Rows_examined: 7 \n",),
        *("# Query_time: 0.5 Lock_time: 0.25\n", "# Query_time: 0..5  Lock_time: 1 Rows_sent: 1  Rows_examined: 7\n"),
    ),
    (
        *("", "# Rows_affected: 0  Bytes_sent: 58\n", "# Bytes_sent: 14\n", "# Rows_affected: 01  Bytes_sent: 5 \n"),
        *("# QC_Hit: No  Full_scan: Yes\n", "# administrator command: Quit;\n", "# No InnoDB statistics\n"),
    ),
    (
        *("SET timestamp=1773478799;\n", "use shop;\nSET timestamp=1773478799;\n"),
        *("use `shop`;\nSET timestamp=1773478799;\n", ""),
        *("use a-b;\nSET timestamp=1773478799;\n", "use shop;\n", "SET timestamp=17734787990;\n"),
        "SET timestamp=17;\n",
        *("SET insert_id=5,timestamp=1773478799;\n", "SET timestamp=1773478799; SELECT 1;\n"),
        "set timestamp=177347879;\n",
        *("use `a b`;\nSET timestamp=1773478799;\n", "SET timestamp=1773478799 ;\n"),
        "use `a;\nSET timestamp=1773478799;\n",
        *("SET timestamp=1773478799;\nSET timestamp=1773478798;\n",),
    ),
    (
        *("SELECT 1;\n", "SELECT *\n# not a head\n  FROM t\n WHERE a = 'b;\n';\n", "select 1\n"),
        *(" select 1;\n", ";\n", ""),
        *("UPDATE t SET a = 1;\n", "use shop;\n", "SET NAMES utf8;\n", "# administrator command: Quit;\n"),
        "select 1;  \n",
        *("select 1;;\n\n", "select 'é\x1b[1m';\n", "select 1; \n;\n", "select '\t\x7f\\';\n"),
        "SET timestamp=1773478797;\n",
        *("\n\nselect 1;\n", "show tables;\r\n", "select 1; # x\n", "see;\n", "\u00a0select 1;\n"),
    ),
)  # fmt: skip
"""Of each part of a record what is usual, then what is odd, or near to something else."""


@st.composite
def _logs(draw: st.DrawFn) -> bytes:
    """Records with a few parts that are not the most usual, now and then with something spliced in."""
    made = []
    for _ in range(draw(st.integers(5, 60))):
        odd = draw(st.sets(st.integers(0, len(_PARTS) - 1), max_size=3))
        record = "".join(draw(st.sampled_from(part)) if i in odd else part[0] for i, part in enumerate(_PARTS)).encode()
        if record and draw(st.integers(0, 9)) == 0:
            at = draw(st.integers(0, len(record)))
            record = record[:at] + draw(st.sampled_from(SPLICES)) + record[at + draw(st.integers(0, 3)) :]
        made.append(record)
    return b"".join(made)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(_logs())
def test_the_fast_way_says_the_same_as_the_full_one(log: bytes) -> None:
    """Every column of every event, rejects and roll-ups, whatever the records are."""
    assert_same(MYSQL_SLOW, log)


def test_each_odd_part_reads_the_same() -> None:
    """Every part that is listed, with the others as they usually are."""
    usual = [part[0] for part in _PARTS]
    made = ["".join([*usual[:index], text, *usual[index + 1 :]]) for index, part in enumerate(_PARTS) for text in part]
    assert_same(MYSQL_SLOW, "".join(made).encode())


_LINES = (
    *("# Time: 2026-03-14T09:00:00Z", "# Time: 2026 # x", "# Time:", "# User@Host: a[a] @ c []", "# User@Host", "#"),
    *("/usr/sbin/mariadbd, Version: 11.4. started with:", ", Version: 8", "a b, Version: 8", "a,, Version: 8"),
    *("a\v, Version: 8", "a\t, Version: 8", "\u00e9, Version: 8", "#a, Version: 8", "a, Version:", "a,  Version: 8"),
    *("Tcp port: 3306  Unix socket: x", "Tcp port:", "Time                 Id Command    Argument", "Time Id Command"),
    *("TimeId Command Argument", "Time\tId Command Argument", "select 1;", "\0\0# Time: x", "\0\0# User@Host: a[a]"),
)


@settings(max_examples=9, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(_LINES), min_size=5, max_size=40), st.sampled_from((b"", b"\xff", b"\x1b[1m")))
def test_records_begin_where_the_full_way_says(log: list[str], odd: bytes) -> None:
    """Also where lines resemble a beginning, at each of which a user may follow a time."""
    assert_same(MYSQL_SLOW, "".join(f"{line}\n" for line in log).encode() + odd + b"# Time: 2026\n")


def test_mutilated_records_read_the_same() -> None:
    """Those of the golden log, with bytes put in, taken out and changed."""
    rng = random.Random(1)
    golden = own_lines("mysql_slow")
    assert_same(MYSQL_SLOW, b"".join(mutilated(line, rng) if rng.random() < 0.1 else line for line in golden * 100))


@pytest.mark.parametrize(
    "record",
    [
        (
            "# Time: 2026-03-14T09:00:00.250000Z\n# User@Host: shop[shop] @ web-1 [192.0.2.7]  Id:    41\n"
            "# Query_time: 0.812500  Lock_time: 0.000125 Rows_sent: 1  Rows_examined: 10000\n"
            "use shop;\nSET timestamp=1773478799;\nSELECT *\n  FROM carts;\n"
        ),
        (
            "# User@Host: [root] @ localhost []\n# Thread_id: 4  Schema: shop  QC_hit: No\n"
            "# Query_time: 0.057032  Lock_time: 0.000073  Rows_sent: 0  Rows_examined: 0\n"
            "# Rows_affected: 0  Bytes_sent: 11\nuse `shop`;\nSET timestamp=1795340418;\nselect 1;\n"
        ),
    ],
)
def test_plain_records_go_the_fast_way(record: str) -> None:
    """What MySQL and MariaDB write is not left to the full one."""
    records = lines.split(memoryview(record.encode()), at_start=True)
    whole = lines.join(records, records.starts == 0)
    assert scan_slow(whole, "db").taken.tolist() == [0]
