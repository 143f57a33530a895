"""`logpipe ship --follow` is killed at random moments, while logs come in and Loki has its troubles."""

import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from logpipe.store import Store
from tests.commands import call
from tests.shippers.loki_receiver import Loki, serving
from tests.shippers.loki_stores import NOW
from tests.store.owners import LOGPIPE, following, process, until

PATIENCE_S = 10
TROUBLES = ("", "", "", "", "429:0", "503", "drop", "reset", "take")
SHIP = """
[loki.main]
url = "{url}"
interval = "20ms"
batch_events = 50
since = "60d"
batch_bytes = 3000
"""


class Log:
    """Lines with what becomes of each; a tenth of them Loki refuses, or would."""

    def __init__(self, path: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.path = path
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.number = self.written = 0

    def append(self, count: int) -> None:
        with self.path.open("ab") as file:
            for _ in range(count):
                file.write(self._line())

    def _line(self) -> bytes:
        self.number += 1
        self.written += 1
        chance = self.rng.random()
        at, message = NOW - timedelta(hours=2) + timedelta(seconds=self.number % 5_000), f"m{self.number}"
        if chance < 0.05:
            message += "x" * 900
            self.refused[message] += 1
        elif chance < 0.1:
            at -= timedelta(days=30)
            self.refused[message] += 1
        else:
            if chance < 0.2:  # repeats of one time, and lines from before
                at, message = NOW - timedelta(hours=self.rng.choice((2, 30))), "again"
            self.accepted[message] += 1
        return orjson.dumps(
            {"timestamp": at.isoformat(), "level": "INFO", "message": message, "order": self.number},
            option=orjson.OPT_APPEND_NEWLINE,
        )


@pytest.mark.parametrize(
    ("kills", "lines", "seed"),
    [(1, 40, 1), pytest.param(25, 400, 2, marks=pytest.mark.long), pytest.param(25, 400, 3, marks=pytest.mark.long)],
)
def test_each_line_is_there_once_or_written_down_once(tmp_path: Path, kills: int, lines: int, seed: int) -> None:
    """What Loki takes it has once, through its troubles; what it refuses is recorded with its reason, once."""
    rng = random.Random(seed)
    folder, database, config = tmp_path / "logs", tmp_path / "logs.duckdb", tmp_path / "ship.toml"
    folder.mkdir()
    logs = [Log(folder / name, seed) for name in ("one.log", "two.log")]
    logs[1].number = 1_000_000
    for log in logs:
        log.append(lines)
    with following(database, folder), serving(Loki(max_line_bytes=800)) as loki:
        config.write_text(SHIP.format(url=loki.url))
        for _ in range(kills):
            for log in logs:
                log.append(lines)
            with loki.lock:
                loki.troubles = rng.choices(TROUBLES, k=20)
            _kill_after(rng, config, database, loki, logs)
        loki.troubles = []
        _wait_for(database, sum(log.written for log in logs))
        call("ship", "loki", "--url", loki.url, "--since", "60d", "--db", str(database))
    assert loki.texts() == logs[0].accepted + logs[1].accepted
    with Store.open(database) as store:
        refused = store.execute(
            "SELECT message, reason FROM refusals JOIN events USING (source_id, source_pos) WHERE target = 'loki:main'"
        )
    assert Counter(message for message, _ in refused) == logs[0].refused + logs[1].refused
    for message, reason in refused:
        assert reason.startswith("max entry size '800' bytes" if "x" in message else "timestamp too old")


def _command(config: Path, database: Path) -> list[str]:
    return [LOGPIPE, "ship", "all", "--config", str(config), "--follow", "--db", str(database)]


def _kill_after(rng: random.Random, config: Path, database: Path, loki: Loki, logs: list[Log]) -> None:
    """End a shipper once Loki got some requests of it, or while it waits for long, as logs grow."""
    wanted = len(loki.statuses) + rng.randrange(1, 15)
    latest = time.monotonic() + PATIENCE_S
    with process(_command(config, database)) as shipper:
        while len(loki.statuses) < wanted and time.monotonic() < latest:
            rng.choice(logs).append(1)
            assert shipper.poll() is None
            time.sleep(0.05)
        shipper.kill()


def _wait_for(database: Path, events: int) -> None:
    """Until so many are in a database that another process has."""
    with Store.open(database, read_only=True) as store:
        until(lambda: store.execute("SELECT count(*) FROM events") == [(events,)])
