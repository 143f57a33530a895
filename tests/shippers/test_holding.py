"""Targets that are one process's alone: whoever else wants them is told whose they are."""

import errno
import fcntl
import json
import os
import stat
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from logpipe_shippers.delivery.holding import Held, holding


@pytest.fixture
def db(tmp_path: Path) -> str:
    return str(tmp_path / "logs.duckdb")


def test_a_target_is_held_under_each_name_of_its_database(db: str, tmp_path: Path) -> None:
    """Other targets, and the same one of another database, are not."""
    (tmp_path / "other.duckdb").symlink_to(db)
    with holding(db, ["loki:main"], "logpipe ship all", remedy="wait"):
        with pytest.raises(Held, match=r"^loki:main is in use by process \d+ \(logpipe ship all\); wait$"), take(db):
            pass
        with pytest.raises(Held), take(str(tmp_path / "other.duckdb")):
            pass
        with take(db, "loki:a/../b"), take(str(tmp_path / "third.duckdb")):
            pass
    with take(db):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["other.duckdb"]


def test_all_targets_are_held_or_none(db: str) -> None:
    """Who is refused one keeps no other."""
    with take(db, "loki:b"), pytest.raises(Held, match="loki:b"), take(db, "loki:a", "loki:b", "loki:c"):
        pass
    with take(db, "loki:a", "loki:c"):
        pass


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("", "by another process;"),
        ("{", "by another process;"),
        ('{"target": "loki:main"}', "by another process;"),
        (
            json.dumps({"target": "loki:main", "host": "web-2", "pid": 7, "command": "logpipe ship all"}),
            r"by process 7 on web-2 \(logpipe ship all\);",
        ),
    ],
)
def test_the_holder_is_told_as_far_as_it_is_known(db: str, tmp_path: Path, left: str, said: str) -> None:
    """It may be of another host; what a killed process left says nothing once the target is another's."""
    with take(db):
        [lock] = tmp_path.iterdir()
        lock.write_text(left)
        with pytest.raises(Held, match=said), take(db):
            pass
    lock.write_text(left)
    with take(db):
        assert json.loads(lock.read_text())["command"] == "logpipe ship loki"


def test_where_nothing_can_be_locked_it_is_said(db: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And shipped all the same, as without a folder: the store says what it thinks of that."""
    with take(db):
        [lock] = tmp_path.iterdir()
    lock.mkdir()
    with take(db), take(str(tmp_path / "none" / "logs.duckdb")), take(":memory:"):
        pass
    assert caplog.messages == [
        f"nothing keeps another process from shipping to loki:main, too ({lock}: is a directory)"
    ]


def test_a_full_volume_takes_no_target_away(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are refused by a process that has no room to say who it is."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with take(db), pytest.raises(Held, match="in use by another process"), take(db):
        pass


def test_a_target_that_is_let_go_meanwhile_is_held(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file goes with its lock: who has opened it before has to lock the next one."""
    holder = ExitStack()
    holder.enter_context(take(db))
    lock = fcntl.flock

    def once_it_is_let_go(descriptor: int, operation: int) -> None:
        holder.close()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", once_it_is_let_go)
    with take(db), pytest.raises(Held), take(db):
        pass


def test_a_target_of_another_account_is_held(db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which whoever may read the database may see."""
    Path(db).touch()
    Path(db).chmod(0o640)
    opened = os.open

    def of_another(path: Path, flags: int, mode: int = 0) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, mode)

    with take(db):
        [lock] = tmp_path.glob("*.lock")
        umask = os.umask(0)
        os.umask(umask)
        assert stat.S_IMODE(lock.stat().st_mode) == 0o640 & ~umask
        monkeypatch.setattr(os, "open", of_another)
        with pytest.raises(Held, match=r"by process \d+ \(logpipe ship loki\);"), take(db):
            pass


def test_where_no_lock_can_be_made_it_is_said(
    db: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that is another account's."""

    def refused(path: Path, flags: int, _mode: int = 0) -> int:
        raise FileNotFoundError(path) if flags & os.O_RDWR == 0 else PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with take(db):
        pass
    [said] = caplog.messages
    assert said.endswith(".lock: permission denied)")


def test_a_lock_that_is_another_ones_by_now_is_left_to_it(db: str, tmp_path: Path) -> None:
    """As after somebody has removed ours by hand."""
    with take(db):
        [lock] = tmp_path.iterdir()
        lock.unlink()
        another = ExitStack()
        another.enter_context(take(db))
    with another, pytest.raises(Held), take(db):
        pass
    assert not lock.exists()


def test_a_database_that_is_no_file_is_for_the_store_to_refuse(db: str) -> None:
    """As a link to itself."""
    Path(db).symlink_to(db)
    with take(db):
        pass


def take(db: str, *targets: str) -> AbstractContextManager[None]:
    return holding(db, targets or ["loki:main"], "logpipe ship loki", remedy="wait")
