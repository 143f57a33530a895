"""The servers' programs are found, or their packages named."""

from pathlib import Path

import pytest

from real_shop.programs import ServerError, find_programs


def _install(*programs: Path) -> None:
    for program in programs:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)


def test_missing_programs_are_named_by_their_packages(tmp_path: Path) -> None:
    """One sentence says what is missing and how to install it."""
    _install(tmp_path / "redis-server")
    with pytest.raises(ServerError) as raised:
        find_programs(str(tmp_path), tmp_path / "none")
    assert str(raised.value) == (
        "this demonstration runs real servers, and these Debian packages are missing: nginx, postgresql; "
        "install them with: apt-get install nginx postgresql"
    )


def test_the_newest_postgresql_is_taken(tmp_path: Path) -> None:
    """Versions are compared as numbers, and one of Debian's goes before one in PATH."""
    _install(*(tmp_path / name for name in ("nginx", "redis-server", "initdb", "postgres")))
    for version in ("9.6", "15", "17"):
        _install(*(tmp_path / "versions" / version / "bin" / name for name in ("initdb", "postgres")))
    programs = find_programs(str(tmp_path), tmp_path / "versions")
    assert programs.postgres == tmp_path / "versions" / "17" / "bin" / "postgres"
    assert programs.initdb == tmp_path / "versions" / "17" / "bin" / "initdb"
    assert programs.nginx == tmp_path / "nginx"
    assert programs.redis_server == tmp_path / "redis-server"


def test_a_postgresql_in_path_will_do(tmp_path: Path) -> None:
    """On other systems the programs are in PATH."""
    _install(*(tmp_path / name for name in ("nginx", "redis-server", "initdb", "postgres")))
    assert find_programs(str(tmp_path), tmp_path / "none").postgres == tmp_path / "postgres"
