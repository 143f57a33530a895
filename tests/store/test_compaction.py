"""A compacted database holds what it held, in less room; nothing on the way can harm it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from logpipe.errors import StoreError, StoreFull, StoreLocked
from logpipe.store import Store, compaction
from logpipe.store import database as opening
from logpipe.store.compaction import compact
from tests.stores import copied

ROWS = 160_000


def fill(path: Path) -> None:
    """Rows of which three in four are gone again."""
    with Store.open(path) as store:
        store.execute("SELECT nextval('source_ids') FROM range(6)")
        store.execute(
            "INSERT INTO events (ts, level, stream, service, message, severity, source_id, source_pos, bytes) "
            "SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL 1 SECOND, 'INFO', 'app', 'shop', "
            f"md5(i::VARCHAR) || md5((i + 1)::VARCHAR), 9, 1, i * 100, 100 FROM range({ROWS}) AS numbers (i)"
        )
        store.execute("CREATE TABLE of_the_user AS SELECT 'kept' AS word")
        store.execute("CHECKPOINT")
        store.execute(f"DELETE FROM events WHERE source_pos < {ROWS * 75}")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied, not changed."""
    path = tmp_path_factory.mktemp("filled") / "logs.duckdb"
    fill(path)
    return path


@pytest.fixture
def database(filled: Path, tmp_path: Path) -> Path:
    """On an ordinary file system."""
    return copied(filled, tmp_path / "logs.duckdb")


def holds(path: Path) -> bool:
    """Whether all that should be there is."""
    with Store.open(path) as store:
        assert store.execute("SELECT word FROM of_the_user") == [("kept",)]
        assert store.execute("FROM errors_by_service") == []
        return store.execute("SELECT count(*), min(source_pos)::BIGINT FROM events") == [(ROWS // 4, ROWS * 75)]


def test_the_file_shrinks_and_holds_the_same(database: Path) -> None:
    """Tables of users, views, sequences and permissions too."""
    database.chmod(0o640)
    done = compact(database)
    assert done.after == database.stat().st_size < done.before * 0.6
    assert holds(database)
    assert database.stat().st_mode & 0o777 == 0o640
    with Store.open(database) as store:
        assert store.execute("SELECT nextval('source_ids')") == [(7,)]
    assert [name for name in os.listdir(database.parent) if "compacting" in name] == []


@pytest.mark.parametrize("name", ["compacting", "sharing", "temp", "events", 'a "b"'])
def test_a_database_may_be_called_anything(tmp_path: Path, name: str) -> None:
    """Also by a word that names something within."""
    path = tmp_path / f"{name}.duckdb"
    with Store.open(path) as store:
        store.execute("CREATE TABLE of_the_user AS SELECT 'kept' AS word")
    compact(path)
    with Store.open(path) as store:
        assert store.execute("SELECT word FROM of_the_user") == [("kept",)]


def test_a_link_stays_a_link(database: Path, tmp_path: Path) -> None:
    """What it leads to is compacted."""
    link = tmp_path / "link.duckdb"
    link.symlink_to(database)
    compact(link)
    assert link.is_symlink()
    assert holds(database)


def test_a_database_in_use_is_left_alone(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says who has it."""
    monkeypatch.setattr(opening, "WAIT_S", 0.1)
    code = f"from logpipe.store import Store; s = Store.open({str(database)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"open\n"
        with pytest.raises(StoreLocked):
            compact(database)
        owner.communicate(b"\n")
    assert holds(database)


def test_a_change_in_between_wins(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process wrote after the copy was made is not overwritten."""
    replace = compaction._replace

    def late(path: Path, *rest: Any) -> None:
        code = "import sys; from logpipe.store import Store\nwith Store.open(sys.argv[1]) as store: "
        code += "store.execute(\"UPDATE of_the_user SET word = 'newer'\")"
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        replace(path, *rest)

    monkeypatch.setattr(compaction, "_replace", late)
    with pytest.raises(StoreLocked, match="changed meanwhile"):
        compact(database)
    with Store.open(database) as store:
        assert store.execute("SELECT word FROM of_the_user") == [("newer",)]
    assert [name for name in os.listdir(database.parent) if "compacting" in name] == []


def test_another_file_put_in_its_place_wins(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even one that begins alike."""
    replace, other = compaction._replace, database.with_name("other.duckdb")

    def late(path: Path, *rest: Any) -> None:
        shutil.copy(database, other)
        identity.append(other.stat().st_ino)
        os.replace(other, path)
        replace(path, *rest)

    identity: list[int] = []
    monkeypatch.setattr(compaction, "_replace", late)
    with pytest.raises(StoreLocked, match="changed meanwhile"):
        compact(database)
    assert [database.stat().st_ino] == identity


def test_nobody_comes_in_before_it_has_ended(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the copy is made, until it has taken the place of the database, and a moment longer."""
    code = "import sys; from logpipe.store import Store, database; database.WAIT_S = 0; Store.open(sys.argv[1])"
    told = []

    def knocking(step: Callable[..., Any]) -> Callable[..., Any]:
        def knocked(*arguments: Any) -> Any:
            done = step(*arguments)
            told.append(subprocess.run([sys.executable, "-c", code, str(database)], capture_output=True, text=True))
            return done

        return knocked

    for owner, step in ((compaction, "_copy"), (compaction, "_header"), (shutil, "copymode")):
        monkeypatch.setattr(owner, step, knocking(getattr(owner, step)))
    compact(database)
    assert len(told) == 4  # the header is read twice
    assert all("StoreLocked" in one.stderr for one in told)
    assert holds(database)


def test_a_second_compaction_leaves_the_first_its_copy(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, for the database is in use; the copy, which no other user can look into, is the first one's."""
    header = compaction._header

    def late(file: FileIO) -> bytes:
        monkeypatch.setattr(compaction, "_header", header)
        [folder] = database.parent.glob(".logs.duckdb.compacting-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        code = "from logpipe.store import compaction, database; database.WAIT_S = 0; compaction.compact(%r)"
        second = subprocess.run([sys.executable, "-c", code % str(database)], capture_output=True, text=True)
        assert "StoreLocked" in second.stderr
        assert folder.is_dir()
        return header(file)

    monkeypatch.setattr(compaction, "_header", late)
    done = compact(database)
    assert done.after < done.before
    assert holds(database)


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param([0, *(0.1 * 2**step for step in range(10))], id="ever later"),
        pytest.param([0.1 * step for step in range(200)], id="evenly", marks=pytest.mark.long),
    ],
)
def test_killed_at_any_time_the_database_is_whole(database: Path, moments: Sequence[float]) -> None:
    """`kill -9` at moments over the whole run, in seconds; the next compaction clears up."""
    code = f"from logpipe.store.compaction import compact; print('go', flush=True); compact({str(database)!r})"
    finished = False
    for moment in moments:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        assert holds(database)
        assert process.returncode in (0, -signal.SIGKILL)
        finished = process.returncode == 0
        if finished:
            break
    assert finished
    compact(database)
    assert [name for name in os.listdir(database.parent) if "compacting" in name] == []


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system of so many megabytes; called again it is resized."""
    volume = tmp_path / "small"
    volume.mkdir()

    def mount(megabytes: int) -> Path:
        options = ("remount," if volume.is_mount() else "") + f"size={megabytes}m"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", volume], capture_output=True)
        if done.returncode:
            pytest.skip("mounting a small file system needs root")
        return volume

    yield mount
    if volume.is_mount():
        subprocess.run(["umount", "-l", volume], check=True)


def test_a_full_volume_changes_nothing(
    filled: Path, small_volume: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is asked for first; and where it goes away meanwhile, the database is as it was."""
    database = copied(filled, small_volume(200) / "logs.duckdb")
    room = database.stat().st_size // (1 << 20) + 1
    small_volume(room)
    with pytest.raises(StoreFull, match="MB are free"):
        compact(database)
    assert holds(database)
    monkeypatch.setattr(compaction, "_SPARE", 0.0)
    with pytest.raises(StoreError):
        compact(database)
    assert [name for name in os.listdir(database.parent) if "compacting" in name] == []
    assert holds(database)
    small_volume(200)
    assert compact(database).after < room << 20


def test_the_command_says_both_sizes(database: Path, logpipe: Callable[..., Any]) -> None:
    """On standard error."""
    done = logpipe("compact", "--db", str(database))
    assert done.returncode == 0
    assert "MB before" in done.stderr
