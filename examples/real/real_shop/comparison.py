"""What was found, beside what was done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from real_shop.faults import FaultKind, Truth

EARLY = timedelta(seconds=15)
"""A finding may begin this much before the fault: its onset is the beginning of a bucket."""
LATE = timedelta(seconds=30)
"""And so much after the fault began."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a fault should show: the service whose log tells it, and words that a finding about it has."""

    service: str
    words: str
    """A regular expression, matched without regard to case in the subject, title, explanation and evidence."""


WITNESSES: Mapping[FaultKind, Sequence[Witness]] = {
    "locked_table": (
        Witness("postgresql", r"products|still waiting for|statement timeout"),
        Witness("shop", r"products|QueryCanceled|statement timeout"),
        Witness("nginx", r"."),
    ),
    "dropped_index": (
        Witness("postgresql", r"from orders"),
        Witness("shop", r"from orders|customer_id\}/orders"),
    ),
    "stopped_server": (
        Witness("redis", r"."),
        Witness("shop", r"redis|ConnectionError|connection refused|cart|cache is away"),
        Witness("nginx", r"."),
    ),
}
"""In whose log, and by which words, each kind of fault shows."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding that tells of a fault."""

    truth: Truth
    finding_id: str
    service: str
    kind: str
    title: str
    started_at: datetime

    @property
    def late_by(self) -> timedelta:
        """How long after the fault the finding begins; negative where it begins before."""
        return self.started_at - self.truth.started_at


def sightings(truth: Truth, witnesses: Sequence[Witness], findings: Sequence[Mapping[str, object]]) -> list[Sighting]:
    """The findings (as `logpipe findings --json` writes them) that tell of the fault, the nearest onset first."""
    seen = []
    for finding in findings:
        started_at = _onset(finding)
        if not truth.started_at - EARLY <= started_at <= truth.started_at + LATE:
            continue
        text = " ".join(str(finding.get(key) or "") for key in ("subject", "title", "explanation", "evidence"))
        for witness in witnesses:
            if finding["service"] == witness.service and re.search(witness.words, text, re.IGNORECASE):
                identity, kind, title = (str(finding[key]) for key in ("finding_id", "kind", "title"))
                seen.append(Sighting(truth, identity, witness.service, kind, title, started_at))
    return sorted(seen, key=lambda sighting: (sighting.service != truth.service, abs(sighting.late_by)))


def unexplained(truths: Sequence[Truth], findings: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    """The findings that begin neither during a fault nor soon after it."""
    return [
        finding
        for finding in findings
        if not any(truth.started_at - EARLY <= _onset(finding) <= truth.ended_at + LATE for truth in truths)
    ]


def _onset(finding: Mapping[str, object]) -> datetime:
    return datetime.fromisoformat(str(finding["started_at"]))
