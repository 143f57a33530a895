"""The four servers of the shop under one folder: their configuration, data, logs and ports."""

import http.client
import os
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import psycopg
from psycopg import sql

from real_shop.programs import Programs, ServerError
from real_shop.server import Server, groups_of

HERE = Path(__file__).parent
PORT_NAMES = ("nginx_port", "shop_port", "postgresql_port", "redis_port")
SHOP_WORKERS = 2
SHOP_THREADS = 16


class _ConfigTemplate(string.Template):
    """Text with `@{name}` to fill in, because `$` is nginx's own; a literal `@` is written `@@`."""

    delimiter = "@"


def render_config(name: str, values: Mapping[str, object]) -> str:
    """The text of `conf/NAME` with its values filled in; KeyError for a value that is not given."""
    return _ConfigTemplate((HERE / "conf" / name).read_text("utf-8")).substitute(values)


def reserve_ports(count: int) -> list[socket.socket]:
    """Ports of 127.0.0.1, all different, by sockets that are bound to them.

    While one is open the kernel gives its port to nobody; servers, who all set SO_REUSEADDR, may listen on it.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        stack.pop_all()
        return sockets


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the servers share. They listen on 127.0.0.1 only; the password is made for this run."""

    folder: Path
    programs: Programs
    reserved: Mapping[str, socket.socket]
    """Sockets that hold the ports."""
    password: str
    account: str | None
    """The user that PostgreSQL runs as, where that is not our own: it refuses to run as root."""
    database_folder: Path

    @classmethod
    def prepare(cls, folder: Path, programs: Programs) -> "Deployment":
        """Make the folder anew."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "logs").mkdir(parents=True)
        database_folder = folder / "postgresql"
        database_folder.mkdir()
        account = "postgres" if os.geteuid() == 0 else None
        if account is not None and not _can_enter(account, database_folder):
            # A checkout under root's home: the data go to the system's folder for temporary files.
            database_folder = Path(tempfile.mkdtemp(prefix="logpipe-demo-real-"))
            database_folder.chmod(0o755)
        reserved = dict(zip(PORT_NAMES, reserve_ports(len(PORT_NAMES)), strict=True))
        return cls(folder, programs, reserved, secrets.token_hex(16), account, database_folder)

    @property
    def ports(self) -> Mapping[str, int]:
        """By the names of PORT_NAMES."""
        return {name: each.getsockname()[1] for name, each in self.reserved.items()}

    def clean_up(self) -> None:
        """Let go of the ports, and delete PostgreSQL's files, which are large; all servers must have stopped."""
        for each in self.reserved.values():
            each.close()
        shutil.rmtree(self.database_folder, ignore_errors=True)

    @property
    def logs(self) -> Path:
        """The folder that is ingested. A file's name up to its first dot is the service of what names none."""
        return self.folder / "logs"

    @property
    def url(self) -> str:
        """Where clients reach the shop: nginx."""
        return f"http://127.0.0.1:{self.ports['nginx_port']}"

    def database_url(self, account: str) -> str:
        """The shop's database, as the administrator `postgres` or as `shop`."""
        return f"postgresql://{account}:{self.password}@127.0.0.1:{self.ports['postgresql_port']}/shop"

    def nginx(self) -> Server:
        """In front of the shop."""
        folder = self._server_folder("nginx")
        config = self._write_config("nginx.conf", folder)
        command = [str(self.programs.nginx), "-p", f"{folder}/", "-c", str(config), "-g", "daemon off;"]
        return Server(
            "nginx",
            [*command, "-e", str(self.logs / "nginx.error.log")],
            folder,
            folder / "output.txt",
            self._listens("nginx_port"),
            signal.SIGQUIT,  # lets requests under way finish
        )

    def redis(self) -> Server:
        """The shop's carts and its cache."""
        folder = self._server_folder("redis")
        command = [str(self.programs.redis_server), str(self._write_config("redis.conf", folder))]
        return Server("Redis", command, folder, folder / "output.txt", self._listens("redis_port"))

    def shop(self) -> Server:
        """The application under gunicorn, which writes logpipe's four streams."""
        options = {
            "--bind": f"127.0.0.1:{self.ports['shop_port']}",
            "--workers": SHOP_WORKERS,
            "--threads": SHOP_THREADS,
            "--worker-class": "gthread",
            "--keep-alive": 30,
            "--graceful-timeout": 10,
        }
        flags = [str(word) for option in options.items() for word in option]
        environment = {
            "PYTHONPATH": str(HERE.parent),
            "SHOP_DATABASE_URL": self.database_url("shop"),
            "SHOP_REDIS_URL": f"redis://:{self.password}@127.0.0.1:{self.ports['redis_port']}/0",
            "SHOP_LOG_DIR": str(self.logs),  # in which each service has a folder
        }
        return Server(
            "gunicorn",
            [sys.executable, "-m", "gunicorn", "--no-control-socket", *flags, "real_shop.app:create()"],
            self._server_folder("gunicorn"),
            self.logs / "gunicorn.log",
            self._answers("shop_port"),
            environment=environment,
        )

    def postgresql(self) -> Server:
        """The shop's products and orders; its log is what it writes to standard error."""
        data = self._make_cluster()
        pid_file = data / "postmaster.pid"

        def is_ready() -> bool:
            # Line 8 of the file is the state, as pg_ctl reads it; asking by connecting would be logged as an error.
            return pid_file.exists() and [line.strip() for line in pid_file.open()][7:8] == ["ready"]

        return Server(
            "PostgreSQL",
            [str(self.programs.postgres), "-D", str(data)],
            Path("/"),
            self.logs / "postgresql.log",
            is_ready,
            signal.SIGINT,  # "fast": ends the sessions instead of waiting for them
            account=self.account,
        )

    def create_database(self) -> None:
        """Make the shop's database with its two million orders; PostgreSQL must run."""
        administration = self.database_url("postgres").removesuffix("shop") + "postgres"
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
        with psycopg.connect(self.database_url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE shop LOGIN PASSWORD {}").format(sql.Literal(self.password)))
            for statement in (HERE / "schema.sql").read_text("utf-8").strip().split(";\n"):
                connection.execute(statement.encode())

    def _make_cluster(self) -> Path:
        """A new database cluster, whose administrator has this run's password."""
        data, password_file = self.database_folder / "data", self.database_folder / "password"
        data.mkdir(0o700)
        password_file.touch(0o600)
        password_file.write_text(self.password, "utf-8")
        if self.account is not None:
            for path in (data, password_file):
                shutil.chown(path, self.account)
        command = [str(self.programs.initdb), "-D", str(data), "--username=postgres", f"--pwfile={password_file}"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        result = _run_as(self.account, [*command, *options])
        password_file.unlink()
        if result.returncode != 0:
            raise ServerError(f"initdb failed: {result.stderr.strip()}")
        (data / "postgresql.conf").write_text(render_config("postgresql.conf", self.ports), "utf-8")
        return data

    def _server_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _write_config(self, name: str, folder: Path) -> Path:
        path = folder / name
        path.touch(0o600)  # it may hold the password
        path.write_text(render_config(name, {**self.ports, "password": self.password}), "utf-8")
        return path

    def _listens(self, port: str) -> Callable[[], bool]:
        def listens() -> bool:
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex(("127.0.0.1", self.ports[port])) == 0

        return listens

    def _answers(self, port: str) -> Callable[[], bool]:
        """gunicorn listens before its workers are there, so ask for a page."""

        def answers() -> bool:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=5)
            try:
                connection.request("GET", "/")
                return connection.getresponse().status == HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False
            finally:
                connection.close()

        return answers


def _can_enter(account: str, folder: Path) -> bool:
    return _run_as(account, ["test", "-x", str(folder)]).returncode == 0


def _run_as(account: str | None, command: list[str]) -> subprocess.CompletedProcess[str]:
    group, others = groups_of(account)
    return subprocess.run(
        command, cwd="/", user=account, group=group, extra_groups=others, capture_output=True, text=True, check=False
    )
