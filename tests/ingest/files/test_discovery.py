"""From paths to files, families and services."""

import os
from pathlib import Path

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
