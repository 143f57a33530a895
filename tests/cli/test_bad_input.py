"""Bad input gets one sentence with its remedy, the right exit code, and loses nothing."""

import gzip
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from logpipe.store import SCHEMA_VERSION, Store, database
from tests.commands import Done, call
from tests.ingest.logs import line, rest
from tests.store.owners import until

BIN = Path(sys.executable).with_name("logpipe")
MANY = 100_000
OURS = os.fsencode(Path(database.__file__).parents[1]) + b"/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def run(folder: Path, *arguments: str) -> Done:
    return call(*arguments, folder=folder)


def piped(folder: Path, *arguments: str, stdin: bytes) -> subprocess.CompletedProcess[str]:
    """A process of its own: what is copied from standard input is read past Python's buffers."""
    done = subprocess.run([BIN, *arguments], cwd=folder, input=stdin, capture_output=True)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def refused(folder: Path, *arguments: str) -> str:
    """The one sentence of a command that fails with exit code 1."""
    result = run(folder, *arguments)
    assert result.returncode == 1, result.stderr
    errors = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def good(path: Path, lines: int = 20) -> None:
    path.write_bytes(b"".join(line(number) for number in range(lines)))
    rest(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'[{"a": 1},\n {"a": 2}]\n', "is one JSON array, not one object a line; turn it into lines first: jq -c"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\nmore\0\n", "is binary"),
    ],
)
def test_a_file_that_is_no_log_is_refused_and_the_others_go_on(folder: Path, content: bytes, says: str) -> None:
    """One bad file does not stop the rest."""
    (folder / "bad.log").write_bytes(content)
    good(folder / "good.jsonl")
    assert says in refused(folder, "ingest", "bad.log", "good.jsonl")
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*) FROM events") == [(20,)]


@pytest.mark.parametrize("path", ["logs", "logs/*"])
def test_a_file_that_is_no_log_is_left_alone_where_nobody_named_it(folder: Path, path: str) -> None:
    """A folder of logs may hold other files; that is no failure."""
    (folder / "logs").mkdir()
    (folder / "logs" / "core").write_bytes(b"\x7fELF\x02\x01\x01\0\0\0\0\nmore\0\n")
    good(folder / "logs" / "good.jsonl")
    result = run(folder, "ingest", path)
    assert (result.returncode, result.stderr.count("core is binary")) == (0, 1)
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*) FROM events") == [(20,)]


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (["missing.log"], "missing.log does not exist; check the name"),
        (["empty"], "empty holds no log file"),
        (["*.nothing"], "no file matches *.nothing"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, paths: list[str], says: str) -> None:
    """Missing files, folders without logs and patterns without a match."""
    (folder / "empty").mkdir()
    assert says in refused(folder, "ingest", *paths)
    assert not (folder / "logs.duckdb").exists()
    told = run(folder, "ingest", *paths, "--json")
    assert (told.returncode, says in json.loads(told.stdout)["errors"][0]) == (1, True)


def test_a_file_without_permission_is_named(folder: Path) -> None:
    """Root reads everything, so the refusal is a folder in a file's place."""
    good(folder / "good.jsonl")
    if os.geteuid() == 0:
        assert "does not exist" in refused(folder, "ingest", "good.jsonl/below.log")
        return
    (folder / "good.jsonl").chmod(0)
    assert "cannot read" in refused(folder, "ingest", "good.jsonl")


def test_files_that_only_repeat_another_are_counted(folder: Path) -> None:
    """They bring no event, which is to be seen."""
    for day in (1, 2, 3):
        log = folder / f"backup-2026-01-0{day}.log"
        log.write_text("Backup finished successfully: 1234 files copied to /mnt/backup/home, no errors\n")
        rest(log, 100 - day)
    done = run(folder, "ingest", ".")
    assert "3 files (3 new, 2 copies), 1 line, 79 bytes: 1 event" in done.stderr
    again = json.loads(run(folder, "ingest", ".", "--json").stdout)
    assert (again["files"], again["copies"], again["events"]) == (3, 2, 0)


def test_a_name_that_is_no_utf_8_is_told(folder: Path) -> None:
    """Each byte of it as it stands, also in JSON; the files with other names come in."""
    good(folder / "good.jsonl")
    good(Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jsonl")))
    done = run(folder, "ingest", ".", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["events"]) == (1, 20)
    assert told["errors"] == [
        f"{folder}/caf\\xe9.jsonl has a name that is no UTF-8, which the database cannot hold; rename it, or its folder"
    ]
    missing = run(folder, "ingest", os.fsdecode(b"x\xff"), "--json")
    assert json.loads(missing.stdout)["errors"] == ["x\\xff does not exist; check the name"]
    assert "x\\xff.db is a name that is no UTF-8" in refused(
        folder, "ingest", "good.jsonl", "--db", os.fsdecode(b"x\xff.db")
    )


def test_an_empty_file_is_no_error(folder: Path) -> None:
    """There is nothing to read yet."""
    (folder / "empty.log").touch()
    result = run(folder, "ingest", "empty.log")
    assert result.returncode == 0
    assert "0 events" in result.stderr


def test_a_line_of_twenty_megabytes_is_an_event(folder: Path) -> None:
    """Length alone is no reason to refuse a line."""
    (folder / "long.jsonl").write_bytes(line(1, message="x" * 20_000_000) + line(2))
    assert run(folder, "ingest", "long.jsonl").returncode == 0
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT max(length(message)), count(*) FROM events WHERE level = 'INFO'") == [
            (20_000_000, 2)
        ]


def test_a_damaged_gzip_file_gives_what_stands_before_the_damage(folder: Path) -> None:
    """The lines before it come in once; mended, the file is read on from there."""
    whole = gzip.compress(b"".join(line(number) for number in range(5000)))
    path = folder / "app.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    rest(path)
    assert "the gzip data is damaged or cut off" in refused(folder, "ingest", "app.jsonl.gz")
    with Store.open(folder / "logs.duckdb") as store:
        [(before,)] = store.execute("SELECT count(*) FROM events")
        assert store.execute("SELECT reason FROM gaps") == [("damaged",)]
    assert 0 < before < 5000
    path.write_bytes(whole)
    assert run(folder, "ingest", "app.jsonl.gz").returncode == 0
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*), count(DISTINCT seq) FROM events") == [(5000, 5000)]


def test_invalid_utf_8_is_kept(folder: Path) -> None:
    """The event has U+FFFD in its place, and the bytes as they stood in its attributes."""
    (folder / "app.jsonl").write_bytes(line(0, message="a?b").replace(b"?", b"\xff") + line(1))
    assert run(folder, "ingest", "app.jsonl").returncode == 0
    with Store.open(folder / "logs.duckdb") as store:
        [(message, raw)] = store.execute(
            "SELECT message, from_base64(attributes->>'invalid_utf8_base64') FROM events WHERE seq = 0"
        )
    assert message == "a\N{REPLACEMENT CHARACTER}b"
    assert raw == line(0, message="a?b").replace(b"?", b"\xff").rstrip(b"\n")


def test_a_database_in_use_names_its_owner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second command says which process has it, when it has waited for a while."""
    monkeypatch.setattr(database, "WAIT_S", 0.1)
    good(folder / "app.jsonl")
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb; c = duckdb.connect('logs.duckdb'); print(flush=True); input()"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin
    assert holder.stdout
    holder.stdout.readline()
    try:
        assert f"logs.duckdb is in use by process {holder.pid}" in refused(folder, "ingest", "app.jsonl")
    finally:
        holder.communicate(b"\n")


def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    """It is not overwritten."""
    (folder / "logs.duckdb").write_text("notes of mine\n" * 1000)
    good(folder / "app.jsonl")
    assert "is not a DuckDB database; choose another file with --db" in refused(folder, "ingest", "app.jsonl")
    assert (folder / "logs.duckdb").read_text().startswith("notes of mine")


def test_the_database_of_another_program_is_refused(folder: Path) -> None:
    """Its tables are left alone."""
    with duckdb.connect(str(folder / "logs.duckdb")) as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")
    assert "not one of logpipe's" in refused(folder, "ingest", "app.jsonl")


def test_what_is_no_database_is_told_without_asking_the_network(folder: Path) -> None:
    """A folder, and a file of SQLite's, for which the engine would fetch an extension."""
    with sqlite3.connect(folder / "other.db") as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")
    connection.close()
    assert "other.db is not a DuckDB database" in refused(folder, "verify", "--db", "other.db")
    assert ". is a folder" in refused(folder, "verify", "--db", ".")
    good(folder / "app.jsonl")
    assert "cannot open no/logs.duckdb: no such file" in refused(
        folder, "ingest", "app.jsonl", "--db", "no/logs.duckdb"
    )


@pytest.mark.parametrize("words", [["verify"], ["sources", "--json"], ["ship", "prometheus", "-o", "-"]])
def test_a_full_output_is_one_sentence(shop: Path, words: list[str]) -> None:
    """Not a traceback."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([BIN, *words, "--db", str(shop)], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"standard output" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_newer_database_is_refused(folder: Path) -> None:
    """What a later release wrote is not touched by this one."""
    with Store.open(folder / "logs.duckdb") as store:
        store.execute("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    assert f"schema version 999, this release knows {SCHEMA_VERSION}" in refused(folder, "findings")


def test_reading_makes_no_database(folder: Path) -> None:
    """A mistyped name is told, and leaves no file behind."""
    for command in ("findings", "analyze", "report"):
        words = [command, "errors-by-service"] if command == "report" else [command]
        assert "there is no database at nowhere.duckdb" in refused(folder, *words, "--db", "nowhere.duckdb")
    assert not (folder / "nowhere.duckdb").exists()


@pytest.fixture
def small_volume(folder: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    volume = folder / "small"
    volume.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", volume], capture_output=True).returncode == 0
    )
    if not mounted:
        pytest.skip("mounting a small file system needs root")
    yield volume
    subprocess.run(["umount", "-l", volume], check=True)


def test_a_full_disk_loses_nothing(folder: Path, small_volume: Path) -> None:
    """What was committed stays, and with room the ingest goes on to the exact count."""
    with (folder / "app.jsonl").open("wb") as file:
        for number in range(60_000):
            file.write(line(number, noise=os.urandom(150).hex()))
    database = small_volume / "logs.duckdb"
    sentence = refused(folder, "ingest", "app.jsonl", "--db", str(database))
    assert "no room left on the volume" in sentence
    assert "free some space" in sentence
    with Store.open(database) as store:
        [(rows, entered)] = store.execute(
            "SELECT (SELECT count(*) FROM events), (SELECT coalesce(sum(events), 0)::BIGINT FROM ledger)"
        )
        assert rows == entered < 60_000
    subprocess.run(["mount", "-o", "remount,size=400m", small_volume], check=True)
    assert run(folder, "ingest", "app.jsonl", "--db", str(database)).returncode == 0
    with Store.open(database) as store:
        assert store.execute("SELECT count(*), count(DISTINCT seq) FROM events") == [(60_000, 60_000)]
    assert run(folder, "verify", "--db", str(database)).returncode == 0


def test_rejects_are_listed_written_out_and_taken_again(folder: Path) -> None:
    """A torn line, mended in the file that `rejects -o` wrote, becomes an event."""
    good(folder / "app.jsonl")
    with (folder / "app.jsonl").open("ab") as file:
        file.write(line(77)[:-2] + b"\n")
    assert run(folder, "ingest", "app.jsonl", "--strict").returncode == 4
    listed = run(folder, "rejects", "--json").stdout
    assert '"reason":"malformed_json"' in listed
    assert run(folder, "rejects", "-o", "rejects.jsonl").returncode == 0
    torn = (folder / "rejects.jsonl").read_bytes()
    assert torn == line(77)[:-2] + b"\n"
    (folder / "mended.jsonl").write_bytes(torn.rstrip(b"\n") + b"}\n")
    assert run(folder, "ingest", "mended.jsonl").returncode == 0
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*) FROM events WHERE seq = 77") == [(1,)]


def test_standard_input_is_a_log_like_any_other(folder: Path) -> None:
    """A last line without a newline is whole there; it comes in also where a file beside it is missing."""
    result = piped(folder, "ingest", "-", "missing.log", stdin=line(0) + line(1).rstrip(b"\n"))
    assert result.returncode == 1
    assert "missing.log does not exist" in result.stderr
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*) FROM events") == [(2,)]


def test_standard_input_comes_in_as_it_is_written(folder: Path) -> None:
    """What a long-lived pipe has said is in the store before it ends; half a line waits for its rest."""
    wal = folder / "logs.duckdb.wal"
    with subprocess.Popen([BIN, "ingest", "-"], cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(line(0) + line(1)[:40])
        process.stdin.flush()
        deadline = time.monotonic() + 120
        while not (wal.exists() and b"order 0 " in wal.read_bytes()):
            assert time.monotonic() < deadline, "nothing was committed"
            time.sleep(0.05)
        _, said = process.communicate(line(1)[40:])
    assert b"2 events" in said
    assert process.returncode == 0


@pytest.fixture(scope="module")
def many_lines() -> bytes:
    return b"".join(line(number) for number in range(MANY))


@pytest.mark.parametrize(
    "after", [0.2, None, *(pytest.param(seconds, marks=pytest.mark.long) for seconds in (0.6, 1.2, 1.8))]
)
def test_ctrl_c_ends_an_ingest_at_once_and_loses_nothing(folder: Path, many_lines: bytes, after: float | None) -> None:
    """At any moment, and when the first rows come in: 130, a sentence, and the next ingest goes on from there."""
    (folder / "app.jsonl").write_bytes(many_lines)
    with subprocess.Popen([BIN, "ingest", "app.jsonl"], cwd=folder, stderr=subprocess.PIPE) as process:
        if after is None:
            # The file is there until the ingest ends, which may be before a busy machine looks again.
            until(lambda: (folder / "logs.duckdb.wal").exists() or process.poll() is not None)
        else:
            time.sleep(after)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    # It may have been faster; while Python starts and ends, the signal itself ends it, which shells call 130 too.
    if OURS in said or b"Traceback" not in said:  # else Python had not begun with it, and says so itself
        assert process.returncode in (0, 130, -signal.SIGINT)
        assert b"Traceback" not in said
    assert run(folder, "ingest", "app.jsonl").returncode == 0
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*), count(DISTINCT seq) FROM events") == [(MANY, MANY)]


def test_ctrl_c_ends_an_ingest_of_an_open_pipe(folder: Path) -> None:
    """What came through it stays."""
    with subprocess.Popen([BIN, "ingest", "-"], cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(line(0))
        process.stdin.flush()
        wal, deadline = folder / "logs.duckdb.wal", time.monotonic() + 120
        while not (wal.exists() and b"order 0 " in wal.read_bytes()):
            assert time.monotonic() < deadline, "nothing was committed"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
        assert process.stderr.read().startswith(b"interrupted: what was committed stays")
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*) FROM events") == [(1,)]


def test_standard_input_that_is_closed_or_not_understood_is_an_error(folder: Path) -> None:
    """One sentence, and no traceback of the thread that copies."""
    told = subprocess.run(
        [BIN, "ingest", "-"],
        cwd=folder,
        stdin=None,
        capture_output=True,
        close_fds=True,
        preexec_fn=lambda: os.close(0),
    )
    assert (told.returncode, told.stderr.splitlines()[-1][:31]) == (1, b"error: standard input is closed")
    assert piped(folder, "ingest", "-", "--format", "nosuch", stdin=line(0)).returncode == 2


def test_a_full_volume_for_temporary_files_does_not_pass_for_the_end(folder: Path, small_volume: Path) -> None:
    """What came before is committed; the exit code says that it was not all."""
    text = b"".join(line(number, message="x" * 5000) for number in range(2_500))
    done = subprocess.run(
        [BIN, "ingest", "-"],
        cwd=folder,
        input=text,
        capture_output=True,
        env={**os.environ, "TMPDIR": str(small_volume)},
    )
    assert done.returncode == 1
    assert b"no space left on device; what came before is committed" in done.stderr
    with Store.open(folder / "logs.duckdb") as store:
        [(events, last)] = store.execute("SELECT count(*), max(seq) FROM events")
    assert 0 < events == last + 1 < 2_500


def test_compressed_standard_input_and_a_traceback_at_its_end(folder: Path) -> None:
    """Compressed data is read as such; a last record of several lines is whole when its input has ended."""
    assert piped(folder, "ingest", "-", stdin=gzip.compress(line(0) + line(1))).returncode == 0
    text = b"2026-03-12 10:00:00,000 ERROR shop: failed\nTraceback (most recent call last):\nValueError: no"
    assert piped(folder, "ingest", "-", stdin=text).returncode == 0
    with Store.open(folder / "logs.duckdb") as store:
        assert store.execute("SELECT count(*), count(exception_type) FROM events") == [(3, 1)]


def test_a_tampered_store_does_not_pass_verify(folder: Path) -> None:
    """A row that is missing, twice or astray, and a file that was changed, are each found."""
    good(folder / "app.jsonl")
    run(folder, "ingest", "app.jsonl")
    assert run(folder, "verify").returncode == 0
    for damage, reason in (
        ("DELETE FROM events WHERE seq = 3", "missing_events"),
        ("UPDATE events SET source_pos = 0 WHERE seq = 3", "repeated_events"),
        ("UPDATE events SET source_pos = source_pos + 1 WHERE seq = 3", "astray"),
        ("UPDATE ledger SET blanks = blanks + 1", "unaccounted_lines"),
    ):
        shutil.copy(folder / "logs.duckdb", folder / "copy.duckdb")
        with Store.open(folder / "copy.duckdb") as store:
            store.execute(damage)
        result = run(folder, "verify", "--db", "copy.duckdb")
        assert result.returncode == 1
        assert reason in result.stderr
    data = (folder / "app.jsonl").read_bytes()
    (folder / "app.jsonl").write_bytes(data.replace(b"order 5", b"order 6"))
    result = run(folder, "verify")
    assert result.returncode == 1
    assert "file_changed" in result.stderr
