"""Every program between log files and receivers of alerts, started for a test and ended with it."""

import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from logpipe.store import Store
from sample_logs.incidents import moment
from tests.commands import call
from tests.deploy.feeding import Feed, flowing
from tests.deploy.rules import PROMETHEUS, RULES, load
from tests.deploy.scaled import scaled
from tests.deploy.servers import started, until
from tests.deploy.webhook import Routed, routed
from tests.store.owners import LOGPIPE, following, process

DEADLINE_S: Final = 240.0
"""For what waits for rules and for Alertmanager."""
_LOOK_S: Final = 0.2
"""Between two questions whether it has come to pass."""
_SHORTEST_S: Final = 15.0
_LONGEST_S: Final = 60.0
"""Of what are five minutes in life, the range of most rules."""
_SCRAPES: Final = 6
_STEPS: Final = 6
"""In that time: metrics are read from a database, and lines written to it, which is not faster because time is. With
fewer a rate would be that of less than four minutes, of whose few hundred requests too few or too many fail by chance.
"""
LINK: Final = "https://logs.example.org"


@dataclass(frozen=True)
class Stack:
    """What runs, and who hears of it."""

    db: Path
    feed: Feed
    by_rules: Routed
    """What Prometheus' rules say."""
    by_shipper: Routed
    """What `logpipe ship alertmanager` says."""
    prometheus: str
    factor: int
    """Of time in life by time here."""

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until something has come to pass; what was told is shown where it does not."""
        until(condition, lambda: (self.by_rules.shown(), self.by_shipper.shown()), DEADLINE_S, _LOOK_S)

    def flowing(self, pace: float, end: float) -> AbstractContextManager[None]:
        """Lines come while the block runs; at a pace of 1 as fast as in life, by the time that rules have."""
        return flowing(self.feed, pace * self.factor, 300 / self.factor / _STEPS, end)

    def analyze(self, second: float) -> None:
        """Look for what went wrong before then, beside the ingest, which has read it."""
        written = self.feed.bytes
        until(lambda: self._read() >= written, lambda: (self._read(), written), DEADLINE_S, 1.0)
        done = call("analyze", "--until", moment(second).isoformat(), "--db", str(self.db))
        assert done.returncode == 0, done.stderr

    def _read(self) -> int:
        """Bytes in the database."""
        with Store.open(self.db, read_only=True) as store:
            [(size,)] = store.execute("SELECT sum(to_pos - from_pos)::BIGINT FROM ledger")
        return int(size)

    def findings(self) -> list[dict[str, Any]]:
        """What was found."""
        return [json.loads(line) for line in call("findings", "--json", "--db", str(self.db)).stdout.splitlines()]

    def ask(self, question: str) -> Any:
        """What Prometheus answers."""
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/{question}", timeout=10) as answer:
            return json.load(answer)["data"]


@contextmanager
def standing(folder: Path, logs: Path, begin: float) -> Iterator[Stack]:
    """All of it, as soon as the lines before a second of the day are in the database and Prometheus has seen them."""
    db, feed = folder / "logs.duckdb", Feed(logs, folder / "growing")
    feed.until(begin)
    begun = time.monotonic()
    assert call("ingest", str(folder / "growing"), "--db", str(db)).returncode == 0
    # On a busy machine all takes longer; so that it comes out the same, time passes more slowly there.
    factor = int(300 / min(max(5 * (time.monotonic() - begun), _SHORTEST_S), _LONGEST_S))
    with ExitStack() as running:
        running.enter_context(following(db, folder / "growing"))
        exporter = running.enter_context(_exporting(db))
        by_rules = running.enter_context(routed(folder / "by_rules", factor))
        by_shipper = running.enter_context(routed(folder / "by_shipper", factor))
        command = [LOGPIPE, "ship", "alertmanager", "--follow", "--url", by_shipper.url, "--external-url", LINK]
        running.enter_context(process([*command, "--db", str(db)]))
        prometheus = running.enter_context(_judging(folder / "prometheus", exporter, by_rules.url, factor))
        stack = Stack(db, feed, by_rules, by_shipper, prometheus, factor)
        until(
            lambda: bool(stack.ask("query?query=logpipe_up")["result"]),
            (folder / "prometheus" / "log").read_text,
            DEADLINE_S,
        )
        yield stack


@contextmanager
def _exporting(db: Path) -> Iterator[str]:
    """`logpipe ship prometheus`, at the HOST:PORT that it gets."""
    with process([LOGPIPE, "ship", "prometheus", "--listen", "127.0.0.1:0", "--db", str(db)]) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        found = re.search(r"http://(\S+)/metrics", said)
        assert found is not None, said
        yield found[1]


@contextmanager
def _judging(folder: Path, exporter: str, alertmanager: str, factor: int) -> Iterator[str]:
    """Prometheus with the rules and the configuration that are checked in, but for addresses and lengths of time."""
    (folder / "rules").mkdir(parents=True)
    for path in RULES:
        (folder / "rules" / path.name).write_text(yaml.safe_dump(scaled(load(path), factor)))
    addresses = {"logpipe:9464": exporter, "alertmanager:9093": alertmanager.removeprefix("http://")}
    configuration = scaled(load(PROMETHEUS / "prometheus.yml"), factor)
    scrape = f"{300_000 // factor // _SCRAPES}ms"
    configuration["global"] |= {"scrape_interval": scrape, "scrape_timeout": scrape}
    configuration["scrape_configs"] = [
        job for job in configuration["scrape_configs"] if _addressed(job, addresses) or "static_configs" not in job
    ]
    [alerted] = configuration["alerting"]["alertmanagers"]
    _addressed(alerted, addresses)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    with started(folder, "prometheus", "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data") as url:
        yield url


def _addressed(job: dict[str, Any], addresses: dict[str, str]) -> bool:
    """Put addresses of the test in place of those of the stack, where there are some."""
    for named in job.get("static_configs", []):
        named["targets"] = [addresses[target] for target in named["targets"] if target in addresses]
    return any(named["targets"] for named in job.get("static_configs", []))
