"""What following costs, and how soon a line is seen: `python benchmarks/follow.py [--seconds 30] [--files 100000]`.

The results become a section of benchmarks/RESULTS.md.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from logpipe.ingest.files.discovery import family_of
from logpipe.ingest.files.fingerprint import Segment, digest
from logpipe.store import Store
from logpipe.store.run_file import RunFile

LINES_A_SECOND = 5_000
TICK_S = 0.02
IDLE_FILES = 100
A_FOLDER = 1_000
"""Files in one folder of the many."""
SETTLING_S = 5.0
LOGPIPE = Path(sys.executable).with_name("logpipe")
RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "## Following"


Line = Callable[[int], bytes]


def line(number: int) -> bytes:
    """One record, as logpipe's emitter writes it."""
    record = {"timestamp": _time(number), "level": _level(number), "stream": "app", "service": "shop"}
    return _written(record | {"message": f"order {number} handled", "seq": number})


def line_of_another(number: int) -> bytes:
    """The same as another library might."""
    return _written(
        {"time": _time(number), "severity": _level(number), "msg": f"order {number} handled", "seq": number}
    )


def _time(number: int) -> str:
    return f"2026-03-12T10:{number // 300_000 % 60:02}:{number // 5000 % 60:02}.{number % 5000:06}Z"


def _level(number: int) -> str:
    return "ERROR" if number % 100 == 0 else "INFO"


def _written(record: dict[str, object]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


@contextmanager
def following(path: Path, database: Path) -> Iterator[int]:
    """The process that follows a path while the block runs; its id."""
    command = [str(LOGPIPE), "ingest", str(path), "--db", str(database), "--follow"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as owner:
        try:
            while RunFile.read(str(database)) is None:
                time.sleep(0.02)
            yield owner.pid
        finally:
            owner.terminate()


def cpu_s(pid: int) -> float:
    """Of a process and the kernel for it, since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share_of_a_core(pid: int, seconds: float) -> float:
    """In percent, over so many seconds."""
    before, started = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_s(pid) - before) / (time.monotonic() - started)


KINDS: dict[str, Line] = {"logpipe's own JSON": line, "other JSON": line_of_another}


class Writer(threading.Thread):
    """Appends lines at an even pace, and remembers when."""

    def __init__(self, path: Path, make: Line, first: int) -> None:
        super().__init__()
        self.written: list[tuple[int, float]] = []
        """(number of the last line, when it was written)"""
        self._path, self._make, self._next, self._ended = path, make, first, threading.Event()

    def run(self) -> None:
        begun, first = time.monotonic(), self._next
        with self._path.open("ab", buffering=0) as file:
            while not self._ended.wait(TICK_S):
                due = first + int((time.monotonic() - begun) * LINES_A_SECOND)
                file.write(b"".join(map(self._make, range(self._next, due))))
                self.written.append((due - 1, time.monotonic()))
                self._next = due

    def end(self) -> int:
        """Stop; gives the number of the next line."""
        self._ended.set()
        self.join()
        return self._next


def one_busy_file(folder: Path, make: Line, seconds: float) -> tuple[float, list[float]]:
    """CPU of the owner when nobody asks it, in percent; and for each write, how long until a query saw it."""
    database, log = folder / f"{make.__name__}.duckdb", folder / f"{make.__name__}.log"
    log.write_bytes(make(0))
    with following(log, database) as owner:
        time.sleep(SETTLING_S)
        alone = Writer(log, make, 1)
        alone.start()
        time.sleep(SETTLING_S)
        cpu = share_of_a_core(owner, seconds)
        first = alone.end()
        asked = Writer(log, make, first)
        with Store.open(database, read_only=True) as store:
            asked.start()
            latencies = _latencies(store, asked, seconds)
        asked.end()
    return cpu, latencies


def _latencies(store: Store, writer: Writer, seconds: float) -> list[float]:
    """Of each write: until a query that began after it has its last line."""
    latencies: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(latencies) < len(writer.written):
        [(newest,)] = store.execute("SELECT max(seq) FROM events")
        now = time.monotonic()
        if now > until:
            writer.end()
        while len(latencies) < len(writer.written) and writer.written[len(latencies)][0] <= newest:
            latencies.append(now - writer.written[len(latencies)][1])
        time.sleep(0.02)
    return latencies


def idle_files(folder: Path, seconds: float) -> float:
    """CPU of the owner of files to which nothing happens, in percent."""
    logs = folder / "idle"
    logs.mkdir()
    for number in range(IDLE_FILES):
        (logs / f"service{number}.log").write_bytes(line(number))
    with following(logs, folder / "idle.duckdb") as owner:
        time.sleep(4 * SETTLING_S)
        return share_of_a_core(owner, seconds)


def known_files(folder: Path, count: int) -> tuple[float, int]:
    """Seconds from the start until all of so many known files have been looked at, and lines that were read again."""
    logs, database = folder / "many", folder / "many.duckdb"
    _know(logs, database, count)
    log = logs / "0" / "newest.log"
    log.write_bytes(line(count))
    started = time.monotonic()
    with following(logs, database), Store.open(database, read_only=True) as store:
        while not store.execute("FROM events"):
            time.sleep(0.1)
        spent = time.monotonic() - started
        time.sleep(SETTLING_S)
        [(read,)] = store.execute("SELECT count(*) FROM events")
        return spent, read - 1


def _know(logs: Path, database: Path, count: int) -> None:
    """Files of a line each, and the database that knows them: entered at once, as an ingest does one by one."""
    rows = []
    for number in range(count):
        path = logs / str(number // A_FOLDER) / f"service{number}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = line(number)
        path.write_bytes(data)
        status = path.stat()
        segment = Segment(0)
        segment.add(memoryview(data))
        rows.append(
            {
                "id": number + 1,
                "path": str(path),
                "family": family_of(str(path)),
                "bytes": len(data),
                "device": status.st_dev,
                "inode": status.st_ino,
                "modified": status.st_mtime_ns // 1000,
                "head": data.decode(),
                "range": segment.digest().hex(),
                "tail": digest(data).hex(),
            }
        )
    table = logs / ".known.json"
    table.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    with Store.open(database) as store:
        store.execute(f"CREATE TEMP TABLE known AS FROM read_json(?, columns = {_KNOWN})", [str(table)])
        store.execute(
            "INSERT INTO sources SELECT nextval('source_ids'), path, family, 1, device, inode, bytes, "
            "make_timestamptz(modified), encode(head), NULL, 'jsonl', 'shop', 'UTC', 'active', now(), NULL, 0, NULL, "
            "false FROM known ORDER BY id"
        )
        store.execute(
            "INSERT INTO ledger SELECT nextval('ledger_ids'), id, 0, bytes, 1, 1, 0, 0, 0, 0, 0, "
            'unhex("range"), unhex(tail), now() FROM known ORDER BY id'
        )
    table.unlink()


_KNOWN = (
    "{id: 'INTEGER', path: 'VARCHAR', family: 'VARCHAR', bytes: 'UBIGINT', device: 'UBIGINT', inode: 'UBIGINT', "
    "modified: 'BIGINT', head: 'VARCHAR', \"range\": 'VARCHAR', tail: 'VARCHAR'}"
)


def write_down(section: str) -> None:
    """Put the section in its place, or at the end."""
    text = RESULTS.read_text()
    pattern = re.compile(rf"^{HEADING}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    text = pattern.sub("", text).rstrip() + "\n\n" + section
    RESULTS.write_text(text)


def busy_rows(kind: str, measured: tuple[float, list[float]]) -> dict[str, str]:
    """Of a busy file, for people."""
    cpu, latencies = measured
    percentiles = statistics.quantiles(latencies, n=100)
    rate = f"{LINES_A_SECOND:,} lines/s of {kind} into one file"
    return {
        f"{rate}: until a query in another process sees a line, p50": f"{percentiles[49]:.2f} s",
        f"{rate}: the same, p99": f"{percentiles[98]:.2f} s",
        f"{rate}: CPU of the owner meanwhile, when nobody asks it": f"{cpu:.0f} % of a core",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long each share of a core is measured")
    parser.add_argument("--files", type=int, default=100_000, help="known files at the start")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        busy = [busy_rows(kind, one_busy_file(folder, make, arguments.seconds)) for kind, make in KINDS.items()]
        idle = idle_files(folder, arguments.seconds)
        start, again = known_files(folder, arguments.files)
    assert again == 0, f"{again} lines of known files were read again"
    rows = {
        **busy[0],
        **busy[1],
        f"CPU with {IDLE_FILES} idle files": f"{idle:.1f} % of a core",
        f"start with {arguments.files:,} known files, until the line of a new one is seen": f"{start:.1f} s",
    }
    table = "\n".join(f"| {what} | {figure} |" for what, figure in rows.items())
    command = f"python benchmarks/follow.py --seconds {arguments.seconds:g} --files {arguments.files}"
    section = f"{HEADING}\n\n`{command}`\n\n{os.cpu_count()} processors.\n\n| | |\n| --- | --- |\n{table}\n"
    write_down(section)
    print(section)


if __name__ == "__main__":
    os.environ.pop("LOGPIPE_DB", None)
    main()
