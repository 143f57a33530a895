"""A real MariaDB that logs every statement, a load for it, and what pt-query-digest makes of the log."""

import getpass
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from logpipe.store import Store
from logpipe_analysis import reports
from logpipe_analysis.queries.fingerprint import fingerprint
from logpipe_analysis.reports import Scope

PACKAGES = {"mariadbd": "mariadb-server", "pt-query-digest": "percona-toolkit"}
START_S = 60

SCHEMA = """
CREATE DATABASE shop; CREATE DATABASE other; USE shop;
CREATE TABLE users_1 (id INT PRIMARY KEY, name VARCHAR(40), email VARCHAR(60)) ENGINE=InnoDB;
CREATE TABLE users_2 LIKE users_1;
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, user_id INT, note TEXT, total DECIMAL(9, 2)) ENGINE=InnoDB;
CREATE PROCEDURE sweep(IN age INT, IN why TEXT) SELECT age, why;
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a query cost in all."""

    queries: int
    seconds: float
    rows_sent: int
    rows_examined: int


def missing() -> str | None:
    """The Debian package of the first program that is not there."""
    return next((package for program, package in PACKAGES.items() if _program(program) is None), None)


@contextmanager
def server(folder: Path) -> Iterator[Path]:
    """A server whose slow log, at the path given, holds every statement; its socket is `socket` in `folder`."""
    log, data, socket, user = folder / "slow.log", folder / "data", folder / "socket", f"--user={getpass.getuser()}"
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", user]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    options = [
        *("--no-defaults", f"--datadir={data}", f"--socket={socket}", f"--pid-file={folder / 'pid'}", user),
        *("--skip-networking", "--skip-grant-tables", "--innodb-flush-log-at-trx-commit=0", "--log-output=FILE"),
        *("--slow-query-log", f"--slow-query-log-file={log}", "--long-query-time=0"),
    ]
    with (folder / "server.log").open("wb") as errors:
        process = subprocess.Popen([_program("mariadbd") or "mariadbd", *options], stdout=errors, stderr=errors)
        try:
            _wait_for(socket, process)
            yield log
        finally:
            process.terminate()
            process.wait(START_S)


def run(socket: Path, *scripts: str) -> None:
    """Run each script by a client of its own, all at once; statements that fail are part of it."""
    command = ["mariadb", "--no-defaults", f"--socket={socket}", "--force", "--comments", "--skip-reconnect"]
    clients = list[subprocess.Popen[bytes]]()
    for script in scripts:
        with TemporaryFile() as file:
            file.write(script.encode())
            file.seek(0)
            clients.append(subprocess.Popen(command, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    for client in clients:
        client.wait()


def load(statements: int, seed: int) -> str:
    """So many statements of many kinds, as applications, people and tools write them."""
    rng = random.Random(seed)
    return "USE shop;\n" + "".join(f"{_statement(rng)};\n" for _ in range(statements))


_NAMES = ("it\\'s", 'a "b"', "x -- y", "/* z */", "#1", "ü", "")
"""In quotes of SQL; texts with a doubled quote, or that end in a backslash, pt-query-digest misreads."""


def _statement(rng: random.Random) -> str:
    number, name = rng.randrange(10**6), rng.choice(_NAMES)
    ids = ", ".join(str(rng.randrange(1000)) for _ in range(rng.randrange(1, 9)))
    rows = ", ".join(f"({rng.randrange(99)}, '{name}', {rng.random():.2f})" for _ in range(rng.randrange(1, 6)))
    return rng.choice(
        [
            f"SELECT * FROM users_{rng.randrange(1, 3)} WHERE id = {number}",
            f"SELECT name\n  FROM users_1\n WHERE email = '{name}' AND id <> -{number}\n LIMIT {rng.randrange(9)}, 10",
            f'select `id` from `orders` where `note` = "{rng.choice(["a", "it is", "b; c"])}" or total is null',
            f"SELECT id FROM orders WHERE user_id IN ({ids}) ORDER BY id ASC LIMIT 5",
            f"INSERT INTO orders (user_id, note, total) VALUES {rows}",
            f"UPDATE orders SET note = '{name}', total = total + {rng.random():.3f} WHERE user_id = {number % 99}",
            f"DELETE FROM orders WHERE id = {number} OR note LIKE '%{number}%'",
            f"/* web: {number} */ SELECT COUNT(*) FROM orders WHERE total > {number}e-3 AND 1 = TRUE",
            f"SELECT {number} UNION ALL SELECT {number + 1} UNION ALL SELECT 3",
            f"CALL sweep({number}, '{name}')",
            f"SET @a = {number}",
            f"SELECT u.id, o.id FROM users_1 u JOIN orders o ON o.user_id = u.id WHERE u.id BETWEEN 1 AND {number}",
            f"REPLACE INTO users_2 VALUES ({number % 500}, '{name}', NULL)",
            rng.choice(["BEGIN", "COMMIT", "SHOW TABLES", "SHOW STATUS LIKE 'Threads%'", "USE other", "USE shop"]),
            f"SELECT 0x{number:x}, X'4D', b'01', 1.5e3, .5, '{name}' FROM users_1 LIMIT 1 OFFSET {rng.randrange(3)}",
        ]
    )


def digested(log: Path) -> dict[str, Cost]:
    """What pt-query-digest says of each of its classes, by our fingerprint of its example."""
    command = [*("pt-query-digest", "--no-version-check", "--limit=100%", "--output=json"), str(log)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = dict[str, Cost]()
    for one in json.loads(output)["classes"]:
        metrics, name = one["metrics"], fingerprint(one["example"]["query"], "mysql")
        if name in found:
            raise AssertionError(f"two classes of pt-query-digest are one query here: {name}")
        rows = (int(float(metrics[key]["sum"])) for key in ("Rows_sent", "Rows_examined"))
        found[name] = Cost(one["query_count"], float(metrics["Query_time"]["sum"]), *rows)
    return found


def reported(database: Path) -> dict[str, Cost]:
    """The same by the report slow-queries."""
    with Store.open(database, read_only=True) as store, reports.run(store, _REPORT, Scope()) as result:
        rows = [row for batch in result.batches for row in batch.to_pylist()]
    return {
        row["fingerprint"]: Cost(row["queries"], row["total_ms"] / 1000, row["rows_sent"], row["rows_examined"])
        for row in rows
    }


_REPORT = reports.find("slow-queries")


def differences(one: dict[str, Cost], other: dict[str, Cost]) -> list[str]:
    """The classes that are not in both with the same counts, and the same seconds but for rounding."""
    return [
        f"{name}: {one.get(name)} and {other.get(name)}"
        for name in sorted(one.keys() | other.keys())
        if not _agree(one.get(name), other.get(name))
    ]


def _agree(one: Cost | None, other: Cost | None) -> bool:
    if one is None or other is None or abs(one.seconds - other.seconds) > 1e-6 * max(one.queries, 1):
        return False
    return (one.queries, one.rows_sent, one.rows_examined) == (other.queries, other.rows_sent, other.rows_examined)


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    ping: Sequence[str] = ["mariadb", "--no-defaults", f"--socket={socket}", "-e", "SELECT 1"]
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            if subprocess.run(ping, capture_output=True, check=False).returncode == 0:
                return
        time.sleep(0.1)
    raise AssertionError("mariadbd did not start")


def _program(name: str) -> str | None:
    """Where it is; servers of Debian's packages stand where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
