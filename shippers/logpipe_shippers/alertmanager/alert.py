"""A finding as an alert of Alertmanager's API, version 2.

The label set is what Alertmanager knows an alert by, so it stays the same while a finding lasts; whatever changes is an
annotation. https://prometheus.io/docs/alerting/latest/alerts_api/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from logpipe_analysis.finding import SEVERITIES, Finding

OWN_LABELS: Final = (
    "alertname",
    "severity",
    "component",
    "service",
    "environment",
    "kind",
    "subject",
    "finding",
    "incident",
)
_COMPONENT: Final = "findings"
"""As the alerts by rules have it, so that routes by component find these, too."""
_MAX_LABEL_CHARACTERS: Final = 200
_MAX_ANNOTATION_CHARACTERS: Final = 2_000

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One label set, that is firing or has ended."""

    finding_id: str
    labels: Labels
    starts_at: datetime
    """When these labels were first sent, and not the onset: from then on Alertmanager waits for the rest of a group.

    One that began long ago it tells at once, and what it gets in the same moment is told with it or minutes later.
    """
    ended_at: datetime | None = None
    """None while it lasts."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None

    def posted(self, lasts_until: datetime) -> dict[str, Any]:
        """As the API takes it; `lasts_until` is when it resolves if nothing more is said of it."""
        ends_at = lasts_until if self.ended_at is None else max(self.ended_at, self.starts_at)
        body = {"labels": self.labels, "annotations": self.annotations, "startsAt": self.starts_at, "endsAt": ends_at}
        return body if self.url is None else {**body, "generatorURL": self.url}


def labels(finding: Finding, before: Labels | None, incident_id: str | None, more: Labels) -> dict[str, str]:
    """The label set of a finding, of which the one `before` was sent.

    The severity is the worst that the finding had since it was first sent: one that rises is a new alert, which may be
    for somebody else, and one that falls again takes no page back. The incident is the one that it was first sent with,
    though another may have taken that in: an alert does not move between groups.
    """
    told = before or {}
    severities = (finding.severity, told.get("severity", finding.severity))
    values = {
        "alertname": f"Logpipe{''.join(part.capitalize() for part in finding.kind.split('_'))}",
        "severity": max(severities, key=SEVERITIES.index),
        "component": _COMPONENT,
        "service": finding.service,
        "environment": finding.environment,
        "kind": finding.kind,
        "subject": finding.subject,
        "finding": finding.finding_id,
        "incident": told.get("incident") or incident_id or f"i{finding.finding_id}",
        **more,
    }
    shown = {name: _on_one_line(value or "", _MAX_LABEL_CHARACTERS) for name, value in values.items()}
    return {name: value for name, value in shown.items() if value}


def annotations(finding: Finding, acknowledged: str = "") -> dict[str, str]:
    """What is told of a finding as it is now; `acknowledged` is by whom, and empty where nobody is at it."""
    values = {
        "summary": finding.title,
        "description": finding.explanation,
        "observed": _figure(finding.observed, finding.unit),
        "baseline": _figure(finding.baseline, finding.unit),
        "onset": finding.started_at.isoformat(timespec="seconds"),
        "confidence": f"{finding.confidence:.2f}",
        "status": finding.status,
        "acknowledged": acknowledged,
        "command": f"logpipe explain {finding.finding_id}",
    }
    shown = {name: _on_one_line(value, _MAX_ANNOTATION_CHARACTERS) for name, value in values.items()}
    return {name: value for name, value in shown.items() if value}


def url(finding_id: str, external_url: str | None) -> str | None:
    """Where people see a finding, if anywhere."""
    return None if external_url is None else f"{external_url.rstrip('/')}/findings/{finding_id}"


def _figure(value: float | None, unit: str | None) -> str:
    if value is None:
        return ""
    shown = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return f"{shown} {unit}" if unit else shown


def _on_one_line(text: str, most: int) -> str:
    """Logs may hold anything, and an alert is shown on terminals and telephones."""
    text = " ".join("".join(part if part.isprintable() else " " for part in text).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
