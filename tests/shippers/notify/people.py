"""A store with findings, a clock that is set by hand, and channels that are told."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from logpipe.store import Store
from logpipe_analysis import findings
from logpipe_analysis.finding import Example, Finding, Kind, Severity, Status
from logpipe_shippers.delivery import configuration
from logpipe_shippers.notify import Notifier, load, routing
from logpipe_shippers.notify.settings import Settings
from tests.shippers.http_server import Answers

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Stands until it is set forward."""

    now: datetime = START + timedelta(minutes=5)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def a_finding(
    finding_id: str,
    severity: Severity = "warning",
    service: str = "web",
    *,
    kind: Kind = "error_spike",
    environment: str | None = "prod",
    subject: str | None = None,
    started_at: datetime = START,
    ended_at: datetime | None = None,
    status: Status = "open",
    title: str | None = None,
    text: str = "PaymentError: card refused",
) -> Finding:
    """One, of a fingerprint of its own."""
    return Finding(
        kind=kind,
        severity=severity,
        service=service,
        environment=environment,
        subject=subject,
        started_at=started_at,
        ended_at=ended_at,
        baseline=3.0,
        observed=108.0,
        unit="errors/min",
        score=9.0,
        confidence=0.99,
        title=title or f"{service}: errors ×36 ({finding_id})",
        explanation=f"{service}: 108 errors/min where 3 are usual.",
        evidence=(Example(1, 12_345, START, text),),
        sql="SELECT 1",
        fingerprint=finding_id[::-1],
        finding_id=finding_id,
        status=status,
    )


@dataclass
class People:
    """Channels of a file, and what they are told."""

    folder: Path
    store: Store
    clock: Clock = field(default_factory=Clock)
    channels: dict[str, Notifier] = field(default_factory=dict)

    def configure(self, text: str) -> None:
        """As after a start with this file."""
        for channel in self.channels.values():
            channel.close()
        path = self.folder / "ship.toml"
        path.write_text(text)
        ways = routing(configuration.read(path), path)
        self.channels = {
            name: Notifier(name, configuration.settings(Settings, table, name), ways, clock=self.clock)
            for name, table in configuration.read(path)["notify"].items()
        }
        for channel in load(path):
            channel.close()

    def find(self, *found: Finding) -> None:
        with self.store.transaction() as connection:
            for one in found:
                findings.put(connection, one, START)

    def end(self, *found: Finding) -> None:
        self.find(*(replace(one, status="resolved", ended_at=self.clock.now) for one in found))

    def put_together(self, incident_id: str, *finding_ids: str) -> None:
        """As one incident."""
        self.store.execute("DELETE FROM incidents WHERE incident_id = ?", [incident_id])
        self.store.execute(
            "INSERT INTO incidents VALUES (?, 'what happened', ?, '[]', now(), now())", [incident_id, list(finding_ids)]
        )

    def tell(self, name: str = "team") -> int:
        """Bring a channel all that it is to be told now; how many messages it was."""
        channel, count = self.channels[name], 0
        while (batch := channel.take(self.store)) is not None:
            channel.settle(self.store, batch, channel.send(batch))
            count += 1
            assert count < 50, "there is always something to say"
        return count


def posted(answers: Answers) -> list[dict[str, Any]]:
    """What a server got since it was last asked."""
    bodies = [json.loads(got.body) for got in answers.got]
    answers.got.clear()
    return bodies
