"""The servers are configured for this run."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from real_shop.deployment import PORT_NAMES, Deployment, render_config, reserve_ports
from real_shop.faults import faults
from real_shop.programs import Programs
from real_shop.timeline import MINUTES, PHASES, phases

VALUES = {"nginx_port": 4001, "shop_port": 4002, "postgresql_port": 4003, "redis_port": 4004, "password": "secret"}
PROGRAMS = Programs(Path("/nginx"), Path("/redis-server"), Path("/initdb"), Path("/postgres"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nginx.conf", ["listen 127.0.0.1:4001;", "server 127.0.0.1:4002 ", '"$http_user_agent" $request_time']),
        ("postgresql.conf", ["port = 4003", "log_line_prefix = '%m [%p] %u@%d '", "log_lock_waits = on"]),
        ("redis.conf", ["port 4004", "requirepass secret", "bind 127.0.0.1"]),
    ],
)
def test_configuration_has_the_values_of_the_run(name: str, expected: list[str]) -> None:
    """Ports and password are filled in; the servers' own variables and signs are left alone."""
    text = render_config(name, VALUES)
    for part in expected:
        assert part in text
    assert "@{" not in text


def test_a_value_that_is_not_given_is_an_error() -> None:
    """Nothing is left to fill in by accident."""
    with pytest.raises(KeyError, match="redis_port"):
        render_config("redis.conf", {"password": "secret"})


def test_reserved_ports_differ_and_servers_can_listen_on_them() -> None:
    """Each server gets a port of its own, also when it begins again, and nobody else gets it meanwhile."""
    with ExitStack() as stack:
        reserved = [stack.enter_context(each) for each in reserve_ports(20)]
        addresses = [each.getsockname() for each in reserved]
        assert len(set(addresses)) == 20
        for address in addresses * 2:
            with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
                pass
            with socket.create_server(address), socket.create_connection(address):
                pass
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(addresses[0])


def test_a_deployment_begins_with_an_empty_folder_and_a_password_of_its_own(tmp_path: Path) -> None:
    """What an earlier run left is gone; configuration with a password is readable by its owner only."""
    folder = tmp_path / "real"
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "nginx.access.log").write_text("old\n")
    first, second = (Deployment.prepare(folder, PROGRAMS) for _ in range(2))
    assert not any(path.is_file() for path in folder.rglob("*"))
    assert first.password != second.password
    assert set(second.ports) == set(PORT_NAMES)
    second.redis()
    config = folder / "redis" / "redis.conf"
    assert config.stat().st_mode & 0o777 == 0o600
    assert second.password in config.read_text()
    for deployment in (first, second):
        deployment.clean_up()
        assert not deployment.database_folder.exists()


def test_the_timeline_has_each_fault_once_between_quiet_times(tmp_path: Path) -> None:
    """A fault follows and precedes a phase without one, so that its beginning and end can be told."""
    deployment = Deployment.prepare(tmp_path / "real", PROGRAMS)
    known = faults(deployment.database_url("postgres"), deployment.redis())
    deployment.clean_up()
    assert sorted(phase.fault for phase in PHASES if phase.fault) == sorted(known)
    assert [phase.fault is None for phase in PHASES] == [True, False] * 3 + [True]
    assert 8 < MINUTES < 11


def test_the_timeline_can_be_shortened() -> None:
    """All phases keep their share of the time."""
    assert sum(phase.seconds for phase in phases(2)) == pytest.approx(120)
    assert phases(2)[1].seconds / phases(2)[0].seconds == pytest.approx(60 / 210)
