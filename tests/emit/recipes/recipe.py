"""A section of docs/recipes.md in a folder: its files, its commands, and what they wrote."""

import gzip
import itertools
import json
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

Record = dict[str, Any]  # a JSON object

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "recipes.md"
DEADLINE_S = 240


def blocks(section: str, language: str) -> list[str]:
    """The code blocks of a section of the document."""
    text = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert text, f"docs/recipes.md has no section {section}"
    return re.findall(rf"^```{language}\n(.*?)^```$", text[1], re.DOTALL | re.MULTILINE)


_BROKER = """
import os
from celery import Celery

app = Celery(broker="filesystem://", broker_transport_options={"data_folder_in": "sent", "data_folder_out": "sent"})


def send(task, *args):
    result = app.send_task(task, args=args)
    for name in os.listdir("sent"):  # the worker must not find a message that is half written
        os.rename(f"sent/{name}", f"data_in/{name}")
    return result.id
"""


class Recipe:
    """Files and processes of one test. The port 8000 of the document is a free one here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("LOGPIPE_")}
        self._environ |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{folder}:{ROOT}",
            "LOGPIPE_LOG_DIR": str(folder / "logs"),
            "LOGPIPE_CONSOLE": "off",
            "TMPDIR": str(folder),
        }

    def take(self, section: str) -> list[str]:
        """Writes the section's files, each named by a comment in its first line; gives the section's commands."""
        for code in blocks(section, "python"):
            name = code.partition("\n")[0]
            if name.startswith("# "):
                self.write(name.removeprefix("# "), code)
        return [line.removeprefix("$ ").rstrip() for line in blocks(section, "console")]

    def write(self, name: str, text: str, *, append: bool = False) -> None:
        """Makes a file, or adds to one."""
        with (self.folder / name).open("a" if append else "w") as file:
            file.write(text.replace("8000", str(self.port)))

    def run(self, command: str, **variables: str) -> str:
        """What a command that ends by itself prints."""
        done = subprocess.run(
            shlex.split(command), cwd=self.folder, env=self._environ | variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, command: str, **variables: str) -> None:
        """Starts a server, whose output goes to a file."""
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                shlex.split(command.replace("8000", str(self.port))),
                cwd=self.folder,
                env=self._environ | variables,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        """Asks the server to end, and waits for it."""
        assert self._process
        self._process.terminate()
        self._process.wait(timeout=DEADLINE_S)

    def kill(self) -> None:
        """Ends what a test left behind: the process and those that it started."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def output(self) -> str:
        """What the server printed."""
        return (self.folder / "output").read_text()

    def wait_for(self, happened: Callable[[], bool], what: str = "what was waited for") -> None:
        """Returns once it happened."""
        deadline = time.monotonic() + DEADLINE_S
        while not happened():
            assert self._process is None or self._process.poll() is None, f"the server ended: {self.output()}"
            assert time.monotonic() < deadline, f"{what} did not happen: {self.output()}"
            time.sleep(0.02)

    def wait_for_records(self, count: int, service: str = "shop", **fields: object) -> None:
        """Returns once there are as many records with these fields."""
        self.wait_for(lambda: self.count(service, **fields) >= count, f"{count} records with {fields}")

    def count(self, service: str = "shop", **fields: object) -> int:
        """How many records with these fields there are so far, while files grow and rotate."""
        marks = [json.dumps(value, ensure_ascii=False).encode() for value in fields.values()]
        found = 0
        for path in self._files(service):
            with suppress(FileNotFoundError):  # rotated, or compressed, since the folder was listed
                lines = (line for line in _lines_of(path) if all(mark in line for mark in marks))
                found += len(select(filter(None, map(record_of, lines)), **fields))
        return found

    def get(self, path: str, **headers: str) -> int | None:
        """The status of a request; None where no whole response came."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException):
            return None
        else:
            return response.status
        finally:
            connection.close()

    def ask(self, numbers: Iterable[int]) -> list[int | None]:
        """Requests of `work`, eight at a time."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self.work, numbers))

    def work(self, number: int) -> int | None:
        """The status of a request that has a number, and a request id."""
        return self.get(f"/work?number={number}", X_Request_ID=f"r-{number}")

    def records(self, service: str = "shop") -> list[Record]:
        """All records of a service, of live, rotated and compressed files; each line must be whole."""
        return [json.loads(line) for line in self.lines(service)]

    def lines(self, service: str = "shop") -> Iterator[bytes]:
        """All lines of a service's files, one file at a time."""
        return itertools.chain.from_iterable(map(_lines_of, self._files(service)))

    def _files(self, service: str) -> Iterator[Path]:
        """The files, each once: one that is being compressed is there twice."""
        for path in (self.folder / "logs" / service).glob("[!.]*"):
            if path.suffix == ".gz" or not path.with_name(f"{path.name}.gz").exists():
                yield path


def _lines_of(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()


def make_broker(recipe: Recipe) -> dict[str, str]:
    """Has Celery send messages as files, and `broker.send` in the recipe's folder; gives the worker's variables."""
    for name in ("data_in", "data_out", "sent"):
        (recipe.folder / name).mkdir()
    recipe.write("broker.py", _BROKER)
    return {"CELERY_BROKER_URL": "filesystem://"}


def select(records: Iterable[Record], **fields: object) -> list[Record]:
    """The records with these fields."""
    return [record for record in records if all(record.get(name) == value for name, value in fields.items())]


def assert_whole(records: Iterable[Record]) -> None:
    """Each process's records are numbered from 1 without a gap, none twice."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for record in records:
        numbers[record["instance"]].append(record["seq"])
    assert {instance: sorted(seqs) for instance, seqs in numbers.items()} == {
        instance: list(range(1, len(seqs) + 1)) for instance, seqs in numbers.items()
    }


def assert_worked(records: Iterable[Record], numbers: Iterable[int]) -> None:
    """Each request that was asked by number logged twice, with its own request id."""
    own = [record for record in records if "number" in record]
    ids = sorted((record["number"], record["message"], record["request_id"]) for record in own)
    assert ids == sorted((number, word, f"r-{number}") for number in numbers for word in ("begun", "ended"))


def record_of(line: bytes) -> Record | None:
    """The record of a line; None for one that is not whole."""
    try:
        record: Record = json.loads(line)
    except ValueError:
        return None
    return record


def _free_port() -> int:
    """One of those that the system gives to nobody by itself: until a server begins, another test might get it."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = range(10_000, max(first_given, 20_000))
    while True:
        port = secrets.choice(ports)  # not of `random`, which begins anew, and alike, with each test
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
