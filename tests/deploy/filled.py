"""A real Prometheus that has what a run of the pipeline leaves in it, and what Loki was sent.

Two hours of a small shop are ingested and analysed, and shipped to Loki; then comes the rest of its logs, in which
payments fail. Between them Prometheus scrapes, so that there are rates; its rules are those of deploy/, without waits.
"""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from logpipe.store import Store
from logpipe_shippers.delivery import record
from tests.commands import call
from tests.deploy.debian import ROOT
from tests.deploy.rules import RULES, load
from tests.deploy.servers import END_S, started, until
from tests.shippers.loki_receiver import Loki, serving
from tests.store.owners import LOGPIPE, process

EVERY = "3s"
"""Scrapes, which may take as long: one that fails leaves nothing to be asked."""
POLL_S = 0.5
OBJECTIVES = """
[[objective]]
service = "shop-web"
availability = 0.99
name = "the shop answers"

[[objective]]
service = "shop-web"
route = "/checkout"
latency_ms = 512
share = 0.9
name = "quick checkout"
"""


@dataclass(frozen=True)
class Filled:
    """Where the Prometheus is, and the Loki."""

    url: str
    loki: Loki

    def ask(self, path: str, **parameters: str) -> Any:
        """What the API answers; an expression that is refused is an error that says why."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error

    def values(self, expression: str) -> list[float]:
        """Of the series that an expression has now."""
        return [float(one["value"][1]) for one in self.ask("query", query=expression)["result"]]


@contextmanager
def filled(
    folder: Path, targets: Mapping[str, str] | None = None, between: Callable[[], None] = lambda: None
) -> Iterator[Filled]:
    """`targets` are further ones, as job to HOST:PORT; `between` is called after the first scrape, when all is well."""
    db = folder / "logs.duckdb"
    write_logs(folder)
    with serving(Loki()) as loki:
        _take_in(db, loki, folder / "early")
        with _metrics(db, folder) as own, _prometheus(folder, {"logpipe": own, **(targets or {})}) as url:
            there = Filled(url, loki)
            _scraped(there, 1 + len(targets or {}))
            between()
            _tear(folder / "early" / "shop-web" / "performance.jsonl")
            _take_in(db, loki, folder / "early", folder / "late")
            _scraped(there, 1 + len(targets or {}))
            _evaluated(there)
            yield there


def write_logs(folder: Path) -> None:
    """By a process of its own, since the emitter is one in a process."""
    subprocess.run(
        [sys.executable, "-m", "tests.deploy.small_shop", str(folder), str(time.time())], cwd=ROOT, check=True
    )


def _tear(log: Path) -> None:
    """As a full disk does: what is appended is no record."""
    with log.open("ab") as file:
        file.write(b'{"timestamp": "20\n' * 6)


def _take_in(db: Path, loki: Loki, *logs: Path) -> None:
    for words in (["ingest", *map(str, logs)], ["analyze"], ["ship", "loki", "--url", loki.url]):
        done = call(*words, "--db", str(db))
        assert done.returncode == 0, done.stderr
    with Store.open(db) as store:
        record.followed(store, "loki:main")  # as with --follow, which would not end


@contextmanager
def _metrics(db: Path, folder: Path) -> Iterator[str]:
    """`logpipe ship prometheus`; gives HOST:PORT."""
    (folder / "objectives.toml").write_text(OBJECTIVES)
    words = ["ship", "prometheus", "--listen", "127.0.0.1:0", "--objectives", str(folder / "objectives.toml")]
    with process([LOGPIPE, *words, "--db", str(db)]) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        found = re.search(r"http://(\S+)/metrics", said)
        assert found is not None, said
        yield found[1]
        server.send_signal(signal.SIGTERM)
        server.wait(END_S)


@contextmanager
def _prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[str]:
    """With the rules of deploy/, which wait for nothing here."""
    (folder / "rules").mkdir()
    for path in RULES:
        groups = load(path)["groups"]
        for rule in (rule for group in groups for rule in group["rules"]):
            rule.pop("for", None)
        (folder / "rules" / path.name).write_text(yaml.safe_dump({"groups": groups}))
    jobs = [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()]
    configuration = {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": "2s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    arguments = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--enable-feature=exemplar-storage")
    with started(folder, "prometheus", "prometheus", *arguments) as url:
        yield url


def _scraped(there: Filled, number: int) -> None:
    """Each target twice from now on, and with success: the first answer may be one that was made before."""
    for _ in range(2):
        until(partial(_scraped_since, there, number, datetime.now(UTC)), lambda: there.ask("targets"), every_s=POLL_S)


def _scraped_since(there: Filled, number: int, moment: datetime) -> bool:
    targets = there.ask("targets", state="active")["activeTargets"]
    fresh = [one for one in targets if one["health"] == "up" and datetime.fromisoformat(one["lastScrape"]) > moment]
    return len(fresh) == number


def _evaluated(there: Filled) -> None:
    """Each rule twice from now on: what fires then is seen by rules, and by whoever asks for alerts."""
    for _ in range(2):
        until(partial(_evaluated_since, there, datetime.now(UTC)), lambda: there.ask("rules"), every_s=POLL_S)


def _evaluated_since(there: Filled, moment: datetime) -> bool:
    rules = [rule for group in there.ask("rules")["groups"] for rule in group["rules"]]
    return all(datetime.fromisoformat(rule["lastEvaluation"]) > moment for rule in rules)
