"""Opening a store: made, migrated, kept up to date, or refused."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import duckdb
import pytest

from logpipe.errors import StoreError, StoreLocked
from logpipe.store import SCHEMA_VERSION, Store, database
from tests.store.owners import process


def test_a_store_is_made_and_opened_again(tmp_path: Path) -> None:
    """What was written is there, and the session runs in UTC."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        store.execute("INSERT INTO rejects VALUES (1, 0, 2, 'malformed_json', NULL, 'x'::BLOB, now())")
    with Store.open(tmp_path / "logs.duckdb", read_only=True) as store:
        assert store.execute("SELECT count(*) FROM rejects") == [(1,)]
        assert store.execute("SELECT value FROM meta WHERE key = 'schema_version'") == [(str(SCHEMA_VERSION),)]
        assert store.execute("SELECT current_setting('TimeZone')") == [("UTC",)]


def test_a_database_that_was_not_made_to_its_end_is_empty(tmp_path: Path) -> None:
    """Who reads is told so, and who fills it makes it."""
    path = tmp_path / "logs.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(StoreError, match=r"is empty.*fill it with: logpipe ingest"):
        Store.open(path, read_only=True)
    Store.open(path).close()
    Store.open(path, read_only=True).close()


def test_views_and_macros_of_an_earlier_release_are_brought_up_to_date(tmp_path: Path) -> None:
    """A database keeps its rows and gets the definitions of the release that opens it for writing."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        store.execute("DROP MACRO message_template")
        store.execute("UPDATE meta SET value = 'those of last year' WHERE key = 'definitions'")
    with Store.open(path) as store:
        assert store.execute("SELECT message_template('order 17')") == [("order <*>",)]


@pytest.mark.parametrize("shared", [False, True])
def test_pages_of_the_file_are_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool) -> None:
    """What was read is dropped from memory, the limit for queries stays, also where other settings are locked."""
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        store.execute("CREATE TABLE read AS SELECT hash(i) AS number FROM range(1_000_000) AS numbers(i)")
    monkeypatch.setattr(database, "MOST_CACHE_BYTES", 4 << 20)
    with Store.open(path) as store:
        if shared:
            store.share()
        limit = _limit(store)
        for _ in range(5):
            store.execute("SELECT sum(number) FROM read")
            assert _cached(store) > 4 << 20
            store.drop_cache()
            assert _cached(store) <= 2 << 20
            assert _limit(store) == pytest.approx(limit, rel=0.02)  # it is told rounded down


def test_pages_are_given_back_without_failing_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries that need memory at the same time get it, to the limit that holds."""
    monkeypatch.setattr(database, "MOST_CACHE_BYTES", 0)
    with Store.open(tmp_path / "logs.duckdb") as store, ThreadPoolExecutor() as pool:
        store.execute("CREATE TABLE read AS SELECT md5(i::VARCHAR) AS text FROM range(200_000) AS numbers(i)")
        limit = _limit(store)
        queries = [pool.submit(_query, store) for _ in range(2)]
        while not all(query.done() for query in queries):
            store.drop_cache()
        assert [query.result() for query in queries] == [200_000, 200_000]
        assert _limit(store) == pytest.approx(limit, rel=0.02)


def _query(store: Store) -> int:
    with store.connection.cursor() as cursor:
        for _ in range(5):
            [(count,)] = cursor.execute("SELECT count(*) FROM (SELECT text FROM read GROUP BY text)").fetchall()
    return int(count)


def test_pages_that_a_client_needs_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its statement runs; afterwards they go."""
    monkeypatch.setattr(database, "MOST_CACHE_BYTES", 0)
    code = "import sys; from logpipe.store import Store; store = Store.open(sys.argv[1], read_only=True);"
    code += "rows = store.connection.execute('FROM read'); print(rows.fetchone(), flush=True); sys.stdin.readline();"
    code += "rows.fetchall(); print('done', flush=True); sys.stdin.readline()"
    path = tmp_path / "logs.duckdb"
    with Store.open(path) as store:
        store.execute("CREATE TABLE read AS SELECT hash(i) AS number FROM range(1_000_000) AS numbers(i)")
        store.execute("CHECKPOINT")
        store.share()
        with process([sys.executable, "-c", code, str(path)]) as client:
            assert client.stdout
            assert client.stdin
            assert client.stdout.readline().startswith("(")
            store.drop_cache()
            assert _cached(store) > 0
            client.stdin.write("\n")
            client.stdin.flush()
            assert client.stdout.readline() == "done\n"
            store.drop_cache()
            assert _cached(store) == 0


def test_a_store_that_has_failed_fails_nobody_by_giving_back(tmp_path: Path) -> None:
    """Whoever writes next is told."""
    store = Store.open(tmp_path / "logs.duckdb")
    store.close()
    store.drop_cache()


def _limit(store: Store) -> int:
    [(limit,)] = store.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))::BIGINT")
    return int(limit)


def _cached(store: Store) -> int:
    [(cached,)] = store.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'BASE_TABLE'")
    return int(cached)


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """All of it or nothing."""
    with Store.open(tmp_path / "logs.duckdb") as store:
        with pytest.raises(StoreError, match="nowhere"):
            _fail(store)
        assert store.execute("SELECT count(*) FROM operations") == [(0,)]


def test_a_second_writer_is_told_who_has_it(tmp_path: Path) -> None:
    """One process writes, and no other may even read."""
    path = tmp_path / "logs.duckdb"
    code = f"from logpipe.store import Store, database; database.WAIT_S = 0.1; Store.open({str(path)!r})"
    with Store.open(path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"StoreLocked: {path} is in use by process" in done.stderr
    assert issubclass(StoreLocked, StoreError)


def test_a_second_store_of_a_process_takes_nothing_from_the_first(tmp_path: Path) -> None:
    """It may be refused; other processes are kept out all the same."""
    path = tmp_path / "logs.duckdb"
    code = "import sys; from logpipe.store import Store, database; database.WAIT_S = 0; Store.open(sys.argv[1])"
    with Store.open(path) as store:
        with pytest.raises(StoreError, match="open in this process already"):
            Store.open(path, read_only=True)
        with Store.open(path) as second:
            assert second.execute("FROM events") == []
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
        assert "StoreLocked" in done.stderr
        assert store.execute("FROM events") == []


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"PAR1" + bytes(100), b"SQLite format 3\0" + bytes(5000), b"\0" * 5000]
)
def test_what_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    """Also what DuckDB would read in another way; and it stays as it is."""
    path = tmp_path / "logs.duckdb"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is not a DuckDB database") as refused:
        Store.open(path)
    assert refused.value.reason == "store_foreign"
    assert path.read_bytes() == content


def test_an_empty_file_is_refused_as_one(tmp_path: Path) -> None:
    """Nobody is making it, but whose it is cannot be known: it stays."""
    (path := tmp_path / "logs.duckdb").touch()
    with pytest.raises(StoreError, match=r"is empty, and so no DuckDB database; delete it") as refused:
        Store.open(path)
    assert refused.value.reason == "store_foreign"
    assert path.read_bytes() == b""


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    """With a word that says so, not with Python's."""
    with pytest.raises(StoreError, match="is a name that is no UTF-8"):
        Store.open(tmp_path / "\ud800.duckdb")


def test_a_file_that_is_there_is_a_whole_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB never makes it in its place, where it would be empty if the process were killed; nothing else is left."""
    path, connect, sizes = tmp_path / "logs.duckdb", database._connect, []

    def seen(url: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        sizes.append(path.stat().st_size)
        return connect(url, read_only=read_only)

    monkeypatch.setattr(database, "_connect", seen)
    Store.open(path).close()
    assert sizes == [12_288]
    assert list(tmp_path.iterdir()) == [path]


def _made_meanwhile(made: Path, path: Path) -> None:
    with Store.open(path) as store:
        store.execute("INSERT INTO meta VALUES ('made by', 'another')")


def _without_links(made: Path, path: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize(("link", "makers"), [(_made_meanwhile, ["another"]), (_without_links, [])])
def test_what_cannot_be_put_in_its_place_whole_is_opened_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[[Path, Path], None], makers: list[str]
) -> None:
    """One that another process has made meanwhile keeps what is in it; on a volume without links DuckDB makes it."""
    path, real = tmp_path / "logs.duckdb", os.link

    def linked(made: Path, path: Path) -> None:
        monkeypatch.setattr(os, "link", real)
        link(made, path)
        real(made, path)

    monkeypatch.setattr(os, "link", linked)
    with Store.open(path) as store:
        assert store.execute("SELECT value FROM meta WHERE key = 'made by'") == [(maker,) for maker in makers]
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_database_takes_nothing_from_the_log_of_an_old_one(tmp_path: Path) -> None:
    """Which is left where its file alone was removed."""
    path, log = tmp_path / "logs.duckdb", tmp_path / "logs.duckdb.wal"
    with Store.open(path) as store:
        store.execute("INSERT INTO meta VALUES ('of', 'the old one')")
        left = log.read_bytes()
    path.unlink()
    log.write_bytes(left)
    with Store.open(path) as store:
        assert store.execute("FROM meta WHERE key = 'of'") == []


@pytest.mark.parametrize("read_only", [False, True])
def test_a_database_that_is_being_made_is_no_strangers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    """It is empty for a moment before the process that makes it locks it; who comes then looks again."""
    path, made = tmp_path / "logs.duckdb", tmp_path / "made.duckdb"
    Store.open(made).close()
    path.touch()
    connect, refusals = database._connect, []

    def made_when_refused(url: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        try:
            return connect(url, read_only=read_only)
        except StoreError as error:
            refusals.append(error.reason)
            made.replace(path)
            raise

    monkeypatch.setattr(database, "_connect", made_when_refused)
    with Store.open(path, read_only=read_only) as store:
        assert store.execute("FROM events") == []
    assert refusals == ["store_foreign"]


def _fail(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute("INSERT INTO operations VALUES ('a', 'b', 'c')")
        connection.execute("FROM nowhere")


def test_threads_have_connections_of_their_own(tmp_path: Path) -> None:
    """Each its temporary tables; what one has committed the others see."""
    with Store.open(tmp_path / "logs.duckdb") as store, ThreadPoolExecutor(2) as threads:
        shared, both = store.for_threads(), Barrier(2)

        def work(number: int) -> list[tuple[int]]:
            shared.execute(f"CREATE TEMP TABLE own AS SELECT {number} AS n")
            with shared.transaction() as connection:
                connection.execute("INSERT INTO operations VALUES ('shop', 'event', ?)", [str(number)])
            both.wait(30)
            return [*shared.execute("FROM own"), *shared.execute("SELECT count(*) FROM operations")]

        assert list(threads.map(work, (1, 2))) == [[(1,), (2,)], [(2,), (2,)]]
