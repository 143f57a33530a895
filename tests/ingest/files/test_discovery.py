"""From paths to files, families and services."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logpipe.ingest.files.discovery import family_of, find, service_of


@pytest.mark.parametrize(
    "name",
    [
        "app.log",
        "app.log.1",
        "app.log.2.gz",
        "app.log-20260312",
        "app.log-20260312.zst",
        "app.log.2026-03-12",
        "app.2026-03-12.log",
        "app.20260312T101112.123456Z-4242.log.gz",
    ],
)
def test_rotated_names_are_of_one_family(name: str) -> None:
    """Numbers, dates and compression suffixes do not make another log."""
    assert family_of(f"/logs/{name}") == "/logs/app.log"


@pytest.mark.parametrize("name", ["app2.log", "sample01.log", "postgresql-15-main.log", "worker-a.log"])
def test_a_number_within_a_name_is_part_of_it(name: str) -> None:
    """What is no rotation suffix stays."""
    assert family_of(f"/logs/{name}") == f"/logs/{name}"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/logs/shop.log", "shop"),
        ("/logs/shop.log.1.gz", "shop"),
        ("/var/log/nginx/access.log.1", "nginx"),
        ("/logs/nginx.access.log", "nginx"),
        ("/logs/postgresql-2026-03-12_000000.log", "postgresql"),
    ],
)
def test_the_service_is_told_by_the_place(path: str, service: str) -> None:
    """The name up to the first dot, or the folder where the name says only what is in the file."""
    assert service_of(path) == service


def test_what_cannot_be_found_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A missing path, a broken link, an empty folder, a pattern without a match, a pipe: the others are read."""
    (tmp_path / "good.log").write_text("x\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.log").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo")
    names = ("good.log", "missing.log", "empty", "broken.log", "*.nope", "fifo")
    files, errors = find(str(tmp_path / name) for name in names)
    assert [Path(file.path).name for file in files] == ["good.log"]
    assert [error.reason for error in errors] == ["missing", "empty_folder", "missing", "missing", "not_a_file"]


def test_folders_are_searched_on_all_levels(tmp_path: Path) -> None:
    """Hidden files and files that are never logs are passed over."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("one.log", "a/two.jsonl", "a/b/three.log.gz", ".hidden.log", "a/logs.duckdb", "a/x.png"):
        (tmp_path / name).write_text("x\n")
    files, _ = find([str(tmp_path)])
    assert sorted(Path(file.path).name for file in files) == ["one.log", "three.log.gz", "two.jsonl"]


def test_a_file_is_found_by_the_name_with_the_fewest_links(tmp_path: Path) -> None:
    """Whatever leads to it, in whatever order: links are led elsewhere, and so would be its family."""
    folder = tmp_path / "2026-03-12"
    folder.mkdir()
    log = folder / "app.log"
    log.write_text("x\n")
    (tmp_path / "current").symlink_to(folder.name)
    (folder / "a.log").symlink_to(log.name)
    (folder / "z.log").symlink_to(log.name)
    names = [str(tmp_path), str(tmp_path / "*" / "*.log"), str(tmp_path / "current" / "z.log")]
    for paths in (names, names[::-1]):
        files, _ = find(paths)
        assert [file.path for file in files] == [str(log)]
    files, _ = find([str(tmp_path / "current")])
    assert [file.path for file in files] == [str(tmp_path / "current" / "app.log")]


def test_a_file_that_was_named_stays_so_under_its_other_name(tmp_path: Path) -> None:
    """The one by which it is found may be one that nobody gave."""
    log = tmp_path / "app.log.2026-03-12"
    log.write_text("x\n")
    (tmp_path / "app.log").symlink_to(log.name)
    files, _ = find([str(tmp_path / "app.log")])
    assert [(file.path, file.named) for file in files] == [(str(log), True)]


def test_each_folder_is_listed_once_in_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of its files are named, and of how many families."""
    for number in range(20):
        (tmp_path / f"app.log.{number}").write_text("x\n")
        (tmp_path / f"{number}.log").write_text("x\n")
    looks: list[str] = []

    def noted(look: Callable[..., Any]) -> Callable[..., Any]:
        def note(path: str) -> Any:
            looks.append(path)
            return look(path)

        return note

    monkeypatch.setattr(os, "listdir", noted(os.listdir))
    monkeypatch.setattr(os, "stat", noted(os.stat))
    files, _ = find(str(path) for path in sorted(tmp_path.iterdir()))
    assert len(files) == 40
    assert all(file.named for file in files)
    assert looks.count(str(tmp_path)) == 1
    assert max(looks.count(file.path) for file in files) < 10
