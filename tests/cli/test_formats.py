"""`logpipe formats` at the command line."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpipe.ingest.formats import FORMATS

Run = Callable[..., Any]

ACCESS = '192.0.2.7 - - [14/Mar/2026:09:00:00 +0000] "GET /a HTTP/1.1" 200 5\n'
DEFINITION = """
name = "numbers"
pattern = '^number (?P<line>\\d+)$'
[[sample]]
line = "number 7"
expected = { line = 7 }
"""


@pytest.fixture(autouse=True)
def _no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "formats").mkdir()
    monkeypatch.setenv("LOGPIPE_FORMATS", str(tmp_path / "formats"))


def test_every_format_is_listed(logpipe: Run) -> None:
    """In the order in which they are asked, with its title and its kind."""
    rows = [json.loads(line) for line in logpipe("formats", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == list(FORMATS)
    assert all(row["title"] and row["kind"] in ("json", "text", "wrapper", "other") for row in rows)
    assert "access_log" in logpipe("formats").stdout


def test_a_file_is_explained(tmp_path: Path, logpipe: Run) -> None:
    """The format, the share of the lines by candidate, and records as the table would hold them."""
    log = tmp_path / "web.log.gz"
    log.write_bytes(gzip.compress(ACCESS.encode() * 4))
    found = json.loads(logpipe("formats", str(log), "--records", "2", "--json").stdout)
    assert (found["format"], found["lines"], found["shares"]["access_log"]) == ("access_log", 4, 1.0)
    assert [event["http_path"] for event in found["events"]] == ["/a", "/a"]
    assert found["events"][0]["service"] == "web"
    assert found["events"][0]["attributes"]["response_size"] == 5
    text = logpipe("formats", "show", str(log)).stdout
    assert text.startswith("access_log (")
    assert "http_status" in text


def test_standard_input_is_explained(logpipe: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what would be rejected, too."""
    done = logpipe("formats", "-", "--json", stdin='{"msg": "a"}\n' * 19 + '{"msg": "to\n')
    found = json.loads(done.stdout)
    assert found["format"] == "json"
    done = logpipe("formats", "-", "--json", "--format", "json", stdin="no json\n")
    assert json.loads(done.stdout)["rejects"] == [{"reason": "malformed_json", "raw": "no json"}]


def test_a_format_that_is_not_there_is_wrong_usage(tmp_path: Path, logpipe: Run) -> None:
    """As for ingest."""
    log = tmp_path / "a.log"
    log.write_text("a\n")
    assert logpipe("formats", str(log), "--format", "nonsense").returncode == 2


def test_a_definition_is_tested(tmp_path: Path, logpipe: Run) -> None:
    """Exit code 1 when a sample fails or a log is not of the format."""
    path, log = tmp_path / "numbers.toml", tmp_path / "a.log"
    path.write_text(DEFINITION)
    log.write_text("number 1\nnumber 2\n")
    done = logpipe("formats", "test", str(path), str(log))
    assert done.returncode == 0, done.stderr
    assert "1 of 1 samples pass" in done.stdout
    assert "100% of the first 2 lines match" in done.stdout
    log.write_text("number 1\nletter b\n")
    assert logpipe("formats", "test", str(path), str(log)).returncode == 1
    path.write_text(DEFINITION.replace("line = 7", "line = 8"))
    failed = logpipe("formats", "test", str(path))
    assert (failed.returncode, "line: expected 8, got 7" in failed.stdout) == (1, True)
    path.write_text(DEFINITION.replace("<line>", "<lne>"))
    wrong = logpipe("formats", "test", str(path))
    assert (wrong.returncode, "did you mean line" in wrong.stderr) == (1, True)


def test_ingest_reads_by_a_definition(tmp_path: Path, logpipe: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given by its file, or found in the folder of formats."""
    path, log, database = tmp_path / "numbers.toml", tmp_path / "a.log", tmp_path / "logs.duckdb"
    path.write_text(DEFINITION)
    log.write_text("number 1\nnumber 2\n")
    assert logpipe("ingest", str(log), "--db", str(database), "--format", str(path)).returncode == 0
    rows = logpipe("query", "SELECT sum(line) AS total FROM events", "--db", str(database), "--format", "json").stdout
    assert json.loads(rows) == {"total": 3}
    monkeypatch.setenv("LOGPIPE_FORMATS", str(tmp_path))
    (tmp_path / "b.log").write_text("number 5\n")
    assert logpipe("ingest", str(tmp_path / "b.log"), "--db", str(database)).returncode == 0
    formats = logpipe("sources", "--db", str(database), "--json").stdout
    assert [json.loads(line)["format"] for line in formats.splitlines()] == ["numbers", "numbers"]


@pytest.mark.parametrize("arguments", [(), ("test", "numbers.toml")])
def test_a_pipe_is_refused_as_by_ingest(
    tmp_path: Path, logpipe: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """It would be waited for, and could not be read twice."""
    monkeypatch.chdir(tmp_path)
    Path("numbers.toml").write_text(DEFINITION)
    os.mkfifo("fifo")
    done = logpipe("formats", *arguments, "fifo", folder=tmp_path)
    assert done.returncode == 1
    assert "fifo is no regular file" in done.stderr
    assert "cat fifo | logpipe formats -" in done.stderr


def test_a_folder_of_formats_that_is_not_there_is_told(
    tmp_path: Path, logpipe: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the variable names it; the user's own need not be there."""
    monkeypatch.setenv("LOGPIPE_FORMATS", str(tmp_path / "nowhere"))
    done = logpipe("formats")
    assert (done.returncode, f"no folder {tmp_path / 'nowhere'}" in done.stderr) == (1, True)
    monkeypatch.delenv("LOGPIPE_FORMATS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    assert logpipe("formats").returncode == 0


def test_the_service_is_that_of_an_ingest(tmp_path: Path, logpipe: Run) -> None:
    """Of a file whose name says only what is in it, the folder it stands in."""
    log = tmp_path / "nginx" / "access.log"
    log.parent.mkdir()
    log.write_text(ACCESS)
    [shown] = map(json.loads, logpipe("formats", str(log), "--json").stdout.splitlines())
    assert shown["events"][0]["service"] == "nginx"
