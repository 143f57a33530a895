"""A database that is owned by one process and used by others."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from logpipe.errors import StoreError, StoreLocked
from logpipe.store import Store, attached, database, quack, reading, run_file
from logpipe.store.run_file import RunFile
from tests.ingest.logs import line
from tests.store.owners import LOGPIPE, following, is_shared, owner_of, process, until
from tests.stores import copied

# DuckDB would take a third of a second to import pandas, and does without.
IMPORTS = "import sys, time; sys.modules['pandas'] = None;from logpipe.store import Store, reading; path = sys.argv[1];"


@pytest.fixture
def path(tmp_path: Path, shop: Path) -> Path:
    """The shop's database, to be written."""
    return copied(shop, tmp_path / "logs.duckdb")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def owner(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that shares the database and does nothing else."""
    with child("store = Store.open(path); store.share(); time.sleep(1000)", path) as running:
        until(lambda: is_shared(path, running))
        yield running


@pytest.fixture(scope="module")
def standing_owner(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[Path]:
    """The database of one that goes on, for tests that leave no session behind."""
    path = copied(shop, tmp_path_factory.mktemp("standing") / "logs.duckdb")
    code = "from logpipe.store import sharing; sharing.SWEEP_S = 0.2; store = Store.open(path); store.share();"
    with child(code + "time.sleep(1000)", path) as running:
        until(lambda: is_shared(path, running))
        yield path
        assert running.poll() is None, "the owner did not survive its clients"


@pytest.fixture
def follower(path: Path, logs: Path) -> Iterator[subprocess.Popen[str]]:
    with following(path, logs) as running:
        yield running


def ask(connection: duckdb.DuckDBPyConnection, uri: str, token: str, sql: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection.execute("FROM quack_query(?, ?, token := ?)", [uri, sql, token]).fetchall()
    return rows


def child(code: str, path: Path, zone: str = "UTC") -> AbstractContextManager[subprocess.Popen[str]]:
    """A process that runs `code`, in which `path` is the database, on a machine that is set to `zone`."""
    return process(["env", f"TZ={zone}", sys.executable, "-c", IMPORTS + code, str(path)])


def count(path: Path, sql: str = "SELECT count(*) FROM events") -> int:
    with Store.open(path, read_only=True) as store:
        return int(store.execute(sql)[0][0])


def test_a_store_that_reads_cannot_write(standing_owner: Path) -> None:
    """The owner itself refuses it."""
    with Store.open(standing_owner, read_only=True) as store:
        for sql in ("DELETE FROM events", "BEGIN; DELETE FROM events", "CREATE TABLE more AS SELECT 1 AS one"):
            with pytest.raises(StoreError, match="refused a statement that does more than read"):
                store.execute(sql)
        assert store.execute("SELECT count(*) > 0 FROM events") == [(True,)]


def test_nothing_of_it_is_written_into_the_database(tmp_path: Path, plain_client: duckdb.DuckDBPyConnection) -> None:
    """Whatever the file is called."""
    path = tmp_path / "sharing.duckdb"
    with Store.open(path) as store:
        before = store.execute("SELECT count(*) FROM duckdb_functions() WHERE NOT internal")
        store.share()
        served = owner_of(path)
        assert ask(plain_client, served.uri, served.token, "SELECT 42") == [(42,)]
    with Store.open(path) as store:
        assert store.execute("SELECT count(*) FROM duckdb_functions() WHERE NOT internal") == before


def test_a_session_keeps_what_is_temporary(standing_owner: Path) -> None:
    """Variables, tables, macros, and one snapshot a transaction; a second cursor has its own."""
    with Store.open(standing_owner, read_only=True) as store, store.transaction() as connection:
        connection.execute("CREATE TEMP TABLE mine AS SELECT 1 AS one")
        connection.execute("-- a comment\nCREATE OR REPLACE TEMP MACRO twice(x) AS 2 * x")
        connection.execute("SET VARIABLE three = 3")
        asked = "SELECT twice(one) + getvariable('three') FROM mine"
        assert connection.execute(asked).fetchall() == [(5,)]
        other = connection.cursor()
        with pytest.raises(duckdb.Error, match="mine"):
            other.execute(asked)
        other.close()


def test_everybody_is_in_utc(path: Path, plain_client: duckdb.DuckDBPyConnection) -> None:
    """Cursors of the owner, sessions of clients and what they ask for next to it, wherever the owner runs."""
    day = "SELECT current_setting('TimeZone'), date_trunc('day', TIMESTAMPTZ '2026-03-14 20:00:00+00')::VARCHAR"
    told = "SELECT count(*) FROM duckdb_settings() WHERE name = 'TimeZone' AND value = 'UTC'"
    in_utc = [("UTC", "2026-03-14 00:00:00+00")]
    code = f"store = Store.open(path); print(store.connection.cursor().execute({day!r}).fetchall(), flush=True);"
    with child(code + "store.share(); time.sleep(1000)", path, "Asia/Tokyo") as owner:
        assert owner.stdout
        assert owner.stdout.readline() == f"{in_utc}\n"
        until(lambda: is_shared(path, owner))
        served = owner_of(path)
        for mode in ({"read_only": True}, {"through_owner": True}):
            with Store.open(path, **mode) as store:
                assert store.attached
                assert store.execute(day) == in_utc
                assert store.connection.cursor().execute(day).fetchall() == in_utc
        assert ask(plain_client, served.uri, served.token, told) == [(1,)]


def test_a_session_lasts_wherever_the_owner_runs(path: Path) -> None:
    """Its age is no matter of the time zone."""
    reader = "store = Store.open(path, read_only=True); print(store.attached, flush=True); time.sleep(100)"
    code = "from logpipe.store import sharing; sharing.SWEEP_S = 0.02; store = Store.open(path);"
    in_tokyo = "store.execute(\"SET GLOBAL TimeZone = 'Asia/Tokyo'\"); store.share(); time.sleep(1000)"
    with child(code + in_tokyo, path) as owner:
        until(lambda: is_shared(path, owner))
        with Store.open(path, through_owner=True) as store:
            store.execute("CREATE TEMP TABLE mine AS SELECT 42 AS one")
            with child(reader, path) as dead:
                assert dead.stdout
                assert dead.stdout.readline() == "True\n"
            until(lambda: store.execute("SELECT count(*) FROM quack_active_connections()") == [(1,)])
            assert store.execute("FROM mine") == [(42,)]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY events TO 'out.csv'",
        "COPY (SELECT 1) TO 'out.parquet'",
        "EXPORT DATABASE 'out'",
        "FROM read_text('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM glob('/*')",
        "ATTACH 'out.duckdb'",
        "SET threads = 8",
        "SET memory_limit = '1GB'",
        "SET GLOBAL enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA enable_profiling",
        "INSTALL httpfs",
        "LOAD icu",
        "CALL enable_logging('HTTP', storage = 'file', storage_config = {'path': 'out'})",
        "FROM enable_logging('HTTP', storage = 'file', storage_config = {'path': 'out'})",
        "FROM ENABLE_LOGGING('HTTP', storage = 'file', storage_config = {'path': 'out'})",
        "FROM main.\"enable_logging\"('HTTP', storage = 'file', storage_config = {'path': 'out'})",
        "SELECT (SELECT 1 FROM enable_logging('HTTP', storage = 'file', storage_config = {'path': 'out'}))",
        "CREATE TEMP TABLE x AS FROM enable_logging('HTTP', storage = 'file', storage_config = {'path': 'out'})",
        "EXPLAIN ANALYZE FROM enable_logging('HTTP', storage = 'file', storage_config = {'path': 'out'})",
        "FROM query('FROM enable_logging(''HTTP'')')",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "FROM quack_serve('quack:127.0.0.1:9999', token = 'mine')",
        "CALL quack_stop('quack:localhost')",
        "FROM quack_active_connections()",
        "FROM duckdb_secrets()",
        "FROM checkpoint()",
        "SELECT nextval('ledger_ids')",
        "DELETE FROM events",
        "EXPLAIN ANALYZE DELETE FROM events",
        "SELECT 1; DELETE FROM events",
        "/* SELECT */ DELETE FROM events",
        "CREATE TABLE more AS SELECT 1",
        "CREATE OR REPLACE MACRO message_template(x) AS x",
        "DROP TABLE events",
    ],
)
def test_a_client_that_reads_can_do_nothing_else(
    shared_owner: Path, plain_client: duckdb.DuckDBPyConnection, sql: str
) -> None:
    """No file, no setting, no row, no other server; and the owner goes on."""
    owner = owner_of(shared_owner)
    with pytest.raises(duckdb.Error, match=r"Authorization failed|disabled by configuration|passwd does not exist"):
        ask(plain_client, owner.uri, owner.token, sql)
    assert ask(plain_client, owner.uri, owner.token, "SELECT count(*) FROM events") == [(1422,)]
    names = [name for name in os.listdir(shared_owner.parent) if not name.endswith(".lock")]  # of the owner's own log
    assert {name.partition(".")[0] for name in names} == {"logs"}


@pytest.mark.parametrize(
    "sql",
    ["COPY events TO 'out.csv'", "FROM read_text('/etc/passwd')", "SET threads = 8", "ATTACH 'out.duckdb'"],
)
def test_a_client_that_writes_reaches_the_database_alone(
    shared_owner: Path, plain_client: duckdb.DuckDBPyConnection, sql: str
) -> None:
    """With the other token, too, there are no files and no settings."""
    owner = owner_of(shared_owner)
    assert owner.writer_uri is not None
    assert owner.writer_token is not None
    with pytest.raises(duckdb.Error, match=r"disabled by configuration|has been locked"):
        ask(plain_client, owner.writer_uri, owner.writer_token, sql)


def test_each_server_wants_its_own_token(shared_owner: Path, plain_client: duckdb.DuckDBPyConnection) -> None:
    """The one that reads does not open the one that writes."""
    owner = owner_of(shared_owner)
    assert owner.writer_uri is not None
    for uri, token in ((owner.uri, "wrong"), (owner.writer_uri, owner.token)):
        with pytest.raises(duckdb.Error, match="Authentication failed"):
            ask(plain_client, uri, token, "SELECT 1")


@pytest.fixture(scope="module")
def plain_client() -> Iterator[duckdb.DuckDBPyConnection]:
    """A plain DuckDB with Quack, which takes long to load."""
    with duckdb.connect() as connection:
        quack.load(connection)
        yield connection


@pytest.fixture(scope="module")
def shared_owner(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Iterator[Path]:
    """One owner for many tests that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "logs").mkdir()
    shutil.copy(shop, folder / "logs.duckdb")
    with following(folder / "logs.duckdb", folder / "logs") as running:
        yield folder / "logs.duckdb"
        assert running.poll() is None, "the owner did not survive its clients"


def test_the_secrets_are_for_their_user_alone(follower: subprocess.Popen[str], path: Path, logs: Path) -> None:
    """In a file of mode 600 and nowhere else: no argument, no output."""
    file = run_file.path_of(str(path))
    assert file.stat().st_mode & 0o777 == 0o600
    shared = owner_of(path)
    tokens = [token for token in (shared.token, shared.writer_token) if token]
    assert len({len(token) >= 43 for token in tokens}) == 1
    assert not [token for token in tokens if token in repr(shared)]
    arguments = Path(f"/proc/{follower.pid}/cmdline").read_text()
    follower.send_signal(signal.SIGTERM)
    said = "".join(follower.communicate(timeout=60))
    assert not [token for token in tokens if token in arguments + said]
    assert not file.exists()


def test_an_error_does_not_tell_a_token(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even with all that led to it."""
    monkeypatch.setattr(database, "WAIT_S", 0.1)
    with child("store = Store.open(path); print(flush=True); time.sleep(100)", path) as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        stale = RunFile.of_this_process(9, 10)
        stale.write(str(path))
        with pytest.raises(StoreLocked, match=f"in use by process {holder.pid}") as refused:
            Store.open(path, read_only=True)
    chain: BaseException | None = refused.value
    while chain is not None:
        assert stale.token not in str(chain)
        chain = chain.__cause__ or chain.__context__


def test_the_next_command_takes_over_from_a_dead_owner(owner: subprocess.Popen[str], path: Path) -> None:
    """Its run file goes, and what it committed is there."""
    owner.kill()
    owner.wait()
    assert run_file.path_of(str(path)).exists()
    with Store.open(path, read_only=True) as store:
        assert not store.attached
        assert store.execute("SELECT count(*) FROM events") == [(1422,)]
    assert not run_file.path_of(str(path)).exists()


def test_a_statement_under_way_when_the_owner_dies_is_told(owner: subprocess.Popen[str], path: Path) -> None:
    """As one sentence, of which half a transaction is nothing."""
    with Store.open(path, through_owner=True) as store:
        connection = store.connection
        connection.begin()
        connection.execute("DELETE FROM events")
        owner.kill()
        owner.wait()
        told = r"ended while it was asked.*run the command again"
        with pytest.raises(StoreError, match=told):
            store.execute("SELECT 1")
        with pytest.raises(StoreError, match=told), store.rows("SELECT 1"):
            pass
    assert count(path) == 1422
    with reading.open_sealed(path) as store:
        assert not store.attached


@pytest.mark.parametrize("process_id", ["ours", "nobody's"])
def test_a_run_file_beside_a_free_database_means_nothing(path: Path, process_id: str) -> None:
    """Also where its process number is that of another process by now."""
    stale = RunFile.of_this_process(9)
    if process_id == "nobody's":
        stale = RunFile(stale.host, 2**22 + 1, stale.uri, stale.token)
    stale.write(str(path))
    with Store.open(path, read_only=True) as store:
        assert not store.attached
    assert not run_file.path_of(str(path)).exists()


def test_an_owner_on_another_host_is_named(path: Path) -> None:
    """Its address means nothing here."""
    with child("store = Store.open(path); print(flush=True); time.sleep(100)", path) as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        RunFile("far-away", 17, "quack:127.0.0.1:9", "secret").write(str(path))
        with pytest.raises(StoreLocked, match="in use by process 17 on far-away; run the command there"):
            Store.open(path, read_only=True)


@pytest.mark.parametrize("content", ["", "[]", '{"pid": 1}', "\xff"])
def test_a_run_file_that_cannot_be_read_is_none(path: Path, content: str) -> None:
    """As after a full disk."""
    run_file.path_of(str(path)).write_text(content, encoding="latin-1")
    assert RunFile.read(str(path)) is None


def test_a_second_ingester_says_who_has_it(shared_owner: Path) -> None:
    """And ends with 1, at once."""
    logs = shared_owner.parent / "logs"
    done = subprocess.run([LOGPIPE, "ingest", str(logs), "--db", str(shared_owner)], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"is in use by process {owner_of(shared_owner).pid}" in done.stderr


def test_of_two_that_start_together_one_owns_it(tmp_path: Path, logs: Path) -> None:
    """The other ends; what is in the file is taken once."""
    path = tmp_path / "logs.duckdb"
    (logs / "app.log").write_bytes(b"".join(line(number) for number in range(100)))
    command = [LOGPIPE, "ingest", "--follow", str(logs), "--db", str(path)]
    with process(command) as one, process(command) as other:
        until(lambda: (one.poll() is None) != (other.poll() is None))
        loser, winner = (one, other) if one.poll() is not None else (other, one)
        assert loser.wait() == 1
        assert f"is in use by process {winner.pid}" in loser.communicate()[1]
        until(lambda: is_shared(path, winner))
        until(lambda: count(path) == 100)
        assert winner.poll() is None


def test_a_writer_that_dies_leaves_nothing(standing_owner: Path) -> None:
    """Its transaction is rolled back, and the next writer need not wait for long."""
    code = (
        "store = Store.open(path, through_owner=True); store.connection.begin();"
        "store.execute(\"INSERT INTO meta VALUES ('half', '1')\"); print(store.attached, flush=True); time.sleep(100)"
    )
    with child(code, standing_owner) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "True\n"
        writer.kill()
        writer.wait()
    with Store.open(standing_owner, through_owner=True) as store:
        sessions = "SELECT count(*) FROM quack_active_connections()"
        until(lambda: store.execute(sessions) == [(1,)])
        assert store.execute("SELECT count(*) FROM meta WHERE key = 'half'") == [(0,)]


def test_a_reader_that_dies_lets_go_of_its_snapshot(standing_owner: Path) -> None:
    """Else the log of the database would grow for ever."""
    code = (
        "store = Store.open(path, read_only=True);"
        "print(store.connection.execute('FROM range(1000000000)').fetchmany(1), flush=True); time.sleep(100)"
    )
    with child(code, standing_owner) as reader:
        assert reader.stdout
        assert reader.stdout.readline() == "[(0,)]\n"
        with Store.open(standing_owner, through_owner=True) as store:
            sessions = "SELECT count(*) FROM quack_active_connections()"
            until(lambda: store.execute(sessions) == [(2,)])
            reader.kill()
            reader.wait()
            until(lambda: store.execute(sessions) == [(1,)])


def test_one_process_at_a_time_writes_through_the_owner(
    standing_owner: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The second waits a while, says so, and is told."""
    monkeypatch.setattr(database, "TURN_S", 0.2)
    monkeypatch.setattr(attached, "_SAID_AFTER_S", 0)
    with Store.open(standing_owner, through_owner=True), pytest.raises(StoreLocked, match="another process is writing"):
        Store.open(standing_owner, through_owner=True)
    assert [record.getMessage() for record in caplog.records] == [
        f"another process is writing to {standing_owner}, through its owner: waiting for it"
    ]
    with Store.open(standing_owner, through_owner=True) as store:
        assert store.attached


def test_who_waited_for_a_turn_while_the_owner_ended_has_the_database(
    owner: subprocess.Popen[str], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that was."""
    monkeypatch.setattr(database, "WAIT_S", 0.4)
    monkeypatch.setattr(attached, "_POLL_S", 0.5)
    monkeypatch.setattr(attached, "_SAID_AFTER_S", 0)
    first = Store.open(path, through_owner=True)

    def end_both(*_: object) -> None:
        owner.kill()
        owner.wait()
        first.close()

    monkeypatch.setattr(attached._log, "warning", end_both)
    with Store.open(path, through_owner=True) as store:
        assert not store.attached


def test_a_process_that_was_forked_speaks_to_the_owner_too(standing_owner: Path) -> None:
    """By an engine of its own: the threads of its parent's are not there."""
    ask = "\nwith Store.open(path, read_only=True) as store: print(store.attached, flush=True)"
    forked = f"\nimport os, warnings; warnings.simplefilter('ignore'); child = os.fork(){ask}"
    with child(f"{ask}{forked}\nchild or os._exit(0)\nsys.exit(os.waitpid(child, 0)[1])", standing_owner) as parent:
        assert parent.stdout
        assert [parent.stdout.readline() for _ in range(3)] == ["True\n"] * 3
        assert parent.wait(60) == 0


def test_who_writes_beside_others_waits_for_no_turn(standing_owner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shipper does not wait for an analysis, whose transaction is open."""
    monkeypatch.setattr(database, "TURN_S", 0)
    with (
        Store.open(standing_owner, through_owner=True) as analysis,
        analysis.transaction() as connection,
        Store.open(standing_owner, through_owner=True, beside=True) as shipper,
    ):
        connection.execute("INSERT INTO meta VALUES ('of the analysis', '1')")
        shipper.execute("INSERT INTO meta VALUES ('of the shipper', '1')")
    with Store.open(standing_owner, read_only=True) as store:
        assert store.execute("SELECT count(*) FROM meta WHERE key LIKE 'of the %'") == [(2,)]


def test_a_command_that_takes_long_shares_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while; without a writer's address, others cannot write meanwhile."""
    monkeypatch.setattr(database, "WAIT_S", 60.0)  # a busy machine loads Quack for longer than a command waits
    code = "store = Store.open(path); store.share(writable=False, after_s=0.2); print(flush=True); time.sleep(100)"
    with child(code, path) as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        assert count(path) == 1422
        assert owner_of(path).writer_token is None


def test_where_the_run_file_cannot_be_written_nothing_is_served(path: Path) -> None:
    """Nobody could know of it, and nothing of the attempt is left."""
    (run_file.path_of(str(path)) / "in the way").mkdir(parents=True)
    with Store.open(path) as store:
        with pytest.raises(StoreError, match=r"cannot be shared: .*Is a directory"):
            store.share()
        assert store.execute("SELECT count(*) FROM quack_server_list()") == [(0,)]
    assert list(path.parent.glob("*.run.*")) == []


def test_what_cannot_be_shared_now_is_shared_later(
    path: Path, plain_client: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the volume was full; that it waits is logged once."""
    obstacle = run_file.path_of(str(path))
    (obstacle / "in the way").mkdir(parents=True)
    with Store.open(path) as store:
        store.share(after_s=0.01)
        until(lambda: "cannot be shared" in caplog.text)
        shutil.rmtree(obstacle)
        until(obstacle.is_file)
        assert ask(plain_client, *owner_of(path).entries[0], "SELECT 1") == [(1,)]
    assert len(caplog.records) == 1


def test_a_store_that_could_not_be_opened_again_at_once_is_shared_in_the_end(path: Path) -> None:
    """As when another process took the file in between."""
    with Store.open(path) as store:
        store.share()
        store.close()
        with child("store = Store.open(path); print(flush=True); time.sleep(100)", path) as other:
            assert other.stdout
            assert other.stdout.readline()
            with pytest.raises(StoreLocked):
                store.reopen()
        other.wait()
        store.reopen()
        until(run_file.path_of(str(path)).is_file)
        assert owner_of(path).pid == os.getpid()


def test_a_command_that_is_short_does_not(path: Path) -> None:
    """It ends before it begins."""
    with Store.open(path) as store:
        store.share(after_s=100)
    assert not run_file.path_of(str(path)).exists()


def test_many_readers_meet_an_ingest(follower: subprocess.Popen[str], path: Path, logs: Path) -> None:
    """Each sees whole commits in their order, without anything being said, and the ingest goes on."""
    failed: list[object] = []

    def read() -> None:
        with Store.open(path, read_only=True) as store:
            seen = 0
            if not store.attached:
                failed.append("not attached")
            while seen < 1422 + 2000:
                [(now, entered)] = store.execute(
                    "SELECT (SELECT count(*) FROM events), 1422 + (SELECT coalesce(sum(events), 0) FROM ledger)"
                )
                if now < seen or now != entered:
                    failed.append((seen, now, entered))
                    return
                seen = now

    threads = [threading.Thread(target=read, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for start in range(0, 2000, 100):
        with (logs / "app.log").open("ab") as file:
            file.writelines(line(number) for number in range(start, start + 100))
        threading.Event().wait(0.05)
    for thread in threads:
        thread.join(120)
    assert failed == []
    assert not any(thread.is_alive() for thread in threads)
    assert follower.poll() is None


def test_memory_that_a_client_uses_up_is_not_the_owners_end(path: Path) -> None:
    """The query fails; the owner, and other queries, go on."""
    code = "store = Store.open(path); store.execute(\"SET memory_limit = '600MB'\"); store.share(); time.sleep(1000)"
    with child(code, path) as owner:
        until(lambda: is_shared(path, owner))
        with Store.open(path, read_only=True) as store:
            assert store.execute("SELECT current_setting('memory_limit')") == [("286.0 MiB",)]
            with pytest.raises(StoreError, match="allocate"):
                store.execute("SELECT len(list(repeat('x', 100_000) || i)) FROM range(1_000_000) AS numbers(i)")
            assert store.execute("SELECT count(*) FROM events") == [(1422,)]
        assert owner.poll() is None


def test_a_plain_client_reads_the_run_file(shared_owner: Path) -> None:
    """Its keys are the documented ones."""
    content = json.loads(run_file.path_of(str(shared_owner)).read_text())
    assert set(content) == {"host", "pid", "uri", "token", "writer_uri", "writer_token"}
