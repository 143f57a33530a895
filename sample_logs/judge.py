"""Findings against the ground truth: what was found, how near its onset, and what was found besides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

TOLERANCE: Final = timedelta(minutes=2)
"""How far a finding's onset may lie from the truth's."""

MOST_EXTRA: Final = 2
"""Findings that may stand beside those of the truth."""

Row = Mapping[str, Any]
"""A JSON object: an incident of the truth, or a finding of `logpipe findings --json`."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One incident, and the finding that tells of it."""

    incident: Row
    finding: Row | None

    @property
    def off(self) -> timedelta | None:
        """The finding's onset after the truth's."""
        return None if self.finding is None else onset(self.finding) - onset(self.incident)

    @property
    def found(self) -> bool:
        """Whether there is a finding of the right kind and service, with its onset near enough."""
        return self.off is not None and abs(self.off) <= TOLERANCE


def onset(row: Row) -> datetime:
    """When it began."""
    return datetime.fromisoformat(row["started_at"])


def judge(incidents: Sequence[Row], findings: Sequence[Row]) -> list[Judgement]:
    """For each incident the finding of its kind and service that begins nearest to it."""
    return [Judgement(incident, _nearest(incident, findings)) for incident in incidents]


def _nearest(incident: Row, findings: Sequence[Row]) -> Row | None:
    fitting = [one for one in findings if (one["kind"], one["service"]) == (incident["kind"], incident["service"])]
    return min(fitting, key=lambda one: abs(onset(one) - onset(incident)), default=None)


def extra(incidents: Sequence[Row], findings: Sequence[Row]) -> Iterator[Row]:
    """The findings that tell of no incident, neither in its own service nor in one whose logs show the same."""
    for finding in findings:
        if not any(_tells_of(finding, incident) for incident in incidents):
            yield finding


def _tells_of(finding: Row, incident: Row) -> bool:
    services = (incident["service"], *incident["also"])
    near = abs(onset(finding) - onset(incident)) <= TOLERANCE
    return finding["kind"] == incident["kind"] and finding["service"] in services and near
