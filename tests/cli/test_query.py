"""`logpipe query` as people and pipes use it."""

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.commands import call

Logpipe = Callable[..., Any]
LOGPIPE = str(Path(sys.executable).with_name("logpipe"))
HOSTILE = """
SELECT
    'a,"b"' AS "na,me", chr(27) || '[31mred' AS esc, E'two\\nlines | <b>' AS text, NULL AS nothing, '' AS empty,
    '\\xFF\\x00'::BLOB AS raw, 'nan'::DOUBLE AS nan, TIMESTAMPTZ '2026-01-01 00:00:00.5Z' AS ts,
    '{"a": [1]}'::JSON AS doc, {'n': 'inf'::DOUBLE, 'at': TIMESTAMPTZ '2026-01-01 00:00:00Z'} AS nested,
    12345678901234567890::HUGEINT AS big, 1.50 AS exact
"""


@pytest.fixture(autouse=True)
def database(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGPIPE_DB", str(shop))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_a_table_by_default_with_data_alone_on_standard_output(logpipe: Logpipe) -> None:
    """Names, a rule, rows; figures as they are stored."""
    done = logpipe("query", "SELECT service, events FROM errors_by_service")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "service   events",
        "────────────────",
        "nginx        400",
        "web         1015",
        "worker         7",
    ]
    assert done.stderr == ""


def test_csv_has_a_header_and_quotes_what_must_be(logpipe: Logpipe) -> None:
    """RFC 4180: a reader gets back every text; NULL is nothing, the empty text is quoted."""
    done = logpipe("query", HOSTILE, "--format", "csv")
    [names, values] = list(csv.reader(io.StringIO(done.stdout, newline="")))
    row = dict(zip(names, values, strict=True))
    assert row["na,me"] == 'a,"b"'
    assert row["text"] == "two\nlines | <b>"
    assert row["ts"] == "2026-01-01T00:00:00.500000Z"
    assert row["doc"] == '{"a": [1]}'
    assert row["big"] == "12345678901234567890"
    assert row["exact"] == "1.50"
    assert ',,"",' in done.stdout


def test_json_is_one_object_a_line_and_valid(logpipe: Logpipe) -> None:
    """No NaN, documents nested as they are, a name that comes twice made unique."""
    [line] = logpipe("query", HOSTILE, "--format", "json").stdout.splitlines()
    row = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert row["nan"] is None
    assert row["nothing"] is None
    assert row["doc"] == {"a": [1]}
    assert row["nested"] == {"n": None, "at": "2026-01-01T00:00:00Z"}
    assert row["big"] == 12345678901234567890
    [line] = logpipe("query", "SELECT 1 AS a, 2 AS a", "--format", "json").stdout.splitlines()
    assert line == '{"a":1,"a_1":2}'


def test_markdown_keeps_a_row_on_a_line(logpipe: Logpipe) -> None:
    """Bars, tags and line breaks in a cell do not break the table; numbers stand to the right."""
    lines = logpipe("query", "SELECT E'a|b\\n<i>' AS text, 1 AS n", "--format", "markdown").stdout.splitlines()
    assert lines == ["| text | n |", "| --- | ---: |", "| a\\|b \\<i> | 1 |"]


def test_parquet_keeps_types(logpipe: Logpipe, tmp_path: Path) -> None:
    """The name of the file tells the format."""
    out = tmp_path / "out.parquet"
    assert logpipe("query", HOSTILE, "-o", str(out)).returncode == 0
    [row] = pyarrow.parquet.read_table(out).to_pylist()
    assert row["raw"] == b"\xff\x00"
    assert row["ts"].isoformat() == "2026-01-01T00:00:00.500000+00:00"
    assert os.listdir(tmp_path) == ["out.parquet"]


def test_parquet_says_what_it_cannot_hold(logpipe: Logpipe, tmp_path: Path) -> None:
    """And leaves the file that was there as it was."""
    out = tmp_path / "out.parquet"
    out.write_text("before")
    done = logpipe("query", "SELECT INTERVAL 1 DAY AS gap", "-o", str(out))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cast that column to VARCHAR" in done.stderr
    assert out.read_text() == "before"
    assert os.listdir(tmp_path) == ["out.parquet"]


def test_only_the_last_statement_is_shown_and_that_is_said(logpipe: Logpipe) -> None:
    """From standard input as from the command line."""
    done = logpipe("query", "-f", "-", "--format", "csv", stdin="SELECT 1 AS a; SELECT 2 AS b;")
    assert (done.returncode, done.stdout) == (0, "b\n2\n")
    assert "statement 1 of 2" in done.stderr


def test_a_table_is_cut_and_says_so(logpipe: Logpipe) -> None:
    """A thousand rows unless told otherwise; other formats are whole."""
    done = logpipe("query", "FROM range(1500) AS numbers(i)")
    assert len(done.stdout.splitlines()) == 1002
    assert "only the first 1,000 rows" in done.stderr
    assert len(logpipe("query", "FROM range(1500) AS numbers(i)", "--limit", "0").stdout.splitlines()) == 1502
    assert len(logpipe("query", "FROM range(1500)", "--format", "csv").stdout.splitlines()) == 1501
    assert logpipe("query", "FROM range(1500)", "--format", "csv", "--limit", "2").stdout == "range\n0\n1\n"


def test_a_row_too_wide_for_the_screen_is_a_block(logpipe: Logpipe) -> None:
    """A column a line."""
    columns = ", ".join(f"'{'x' * 30}' AS column_with_a_long_name_{index}" for index in range(8))
    lines = logpipe("query", f"SELECT {columns}").stdout.splitlines()
    assert lines[0] == "── 1 ──"
    assert lines[1] == "column_with_a_long_name_0  " + "x" * 30


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["DELETE FROM events"], 1, "DELETE would write, and a query only reads"),
        (["SELCT 1"], 1, "LINE 1: SELCT 1\n        ^"),
        (["-f", "no-such.sql"], 1, "cannot read no-such.sql"),
        (["SELECT 1", "-o", "no-such-folder/x.csv"], 1, "cannot write no-such-folder/x.csv"),
        (["SELECT 1", "--db", "none.duckdb"], 1, "there is no database at none.duckdb"),
        (["SELECT 1", "-o", "out.xyz"], 2, "--format"),
        (["SELECT 1", "-f", "a.sql"], 2, "either the SQL or"),
        ([], 2, "either the SQL or"),
        (["SELECT 1", "--format", "xml"], 2, "xml"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    logpipe: Logpipe, arguments: Sequence[str], code: int, sentence: str
) -> None:
    """1 failed, 2 usage; nothing on standard output, no traceback."""
    done = logpipe("query", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_the_database_is_not_overwritten_by_its_own_result(logpipe: Logpipe, shop: Path) -> None:
    """A slip of -o for --db costs nothing."""
    done = logpipe("query", "SELECT 1", "-o", str(shop), "--format", "csv")
    assert done.returncode == 2
    assert logpipe("query", "SELECT 1 AS a", "--format", "csv").stdout == "a\n1\n"


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_a_closed_pipe_is_quiet(form: str) -> None:
    """As when `head` has seen enough."""
    command = [LOGPIPE, "query", "FROM range(1000000)", "--format", form, "--limit", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(120) == 0


def test_a_full_device_is_told() -> None:
    """And is no traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([LOGPIPE, "query", "FROM range(10)"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: cannot write standard output: No space left on device\n"


@pytest.mark.parametrize("rows", ["none", "endless"])
def test_interrupting_ends_the_query(tmp_path: Path, rows: str) -> None:
    """Ctrl-C ends with 130, while the engine still computes as while rows stream out."""
    sql = {
        "none": "SELECT count(*) FROM range(1000000000) AS a(i), range(1000000000) AS b(i) WHERE a.i * b.i = -1",
        "endless": "FROM range(1000000000000)",
    }[rows]
    pipe = tmp_path / "query.sql"
    os.mkfifo(pipe)
    command = [LOGPIPE, "query", "-f", str(pipe), "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        try:
            with pipe.open("w") as file:  # it has started by the time that it opens the other end
                file.write(sql)
                started = _computed_s(running.pid)
            _wait_for_work(running.pid, started + 0.5)
            running.send_signal(signal.SIGINT)
            _, err = running.communicate(timeout=120)
        finally:
            running.kill()
    assert running.returncode == 130
    assert b"Traceback" not in err


def _wait_for_work(pid: int, computed_s: float) -> None:
    """Until the process has computed for so long."""
    deadline = time.monotonic() + 120
    while _computed_s(pid) < computed_s:
        assert time.monotonic() < deadline, "the query does not run"
        time.sleep(0.02)


def _computed_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_hostile_text_cannot_steer_a_terminal(form: str) -> None:
    """Escape and C1 control characters, and marks that turn the direction of writing, never reach it."""
    sql = "SELECT chr(27) || '[2J' || chr(155) || '31m' || chr(8238) || chr(7) || 'ok' AS text"
    code, shown = _on_a_terminal("query", sql, "--format", form)
    assert code == 0
    assert "ok" in shown
    assert "\x1b[2J" not in shown
    assert not {"\x9b", "\u202e", "\x07"} & set(shown)


def test_parquet_is_not_for_a_terminal() -> None:
    """It would only make noise."""
    assert _on_a_terminal("query", "SELECT 1", "--format", "parquet") == (2, "ended")


def _on_a_terminal(*words: str) -> tuple[int, str]:
    """The exit code of a command, and what its terminal was sent, which then says `ended`."""
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:
        done = call(*words, terminal=terminal)
        terminal.write("ended")
        terminal.flush()
        shown = b""
        while not shown.endswith(b"ended"):  # a terminal passes on what was written piece by piece
            shown += os.read(ours, 10_000)
    os.close(ours)
    return done.returncode, shown.decode()
