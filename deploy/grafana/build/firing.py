"""The panels with which each dashboard begins: what fires, where, and since when."""

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana.build.meaning import steps
from deploy.grafana.build.panels import figure
from deploy.grafana.build.parts import RUNBOOKS, Link
from deploy.grafana.build.queries import Query
from deploy.grafana.build.tables import Column, table


def firing(components: str, labels: str = "", width: int = 4) -> Panel:
    """How many alerts of some components fire."""
    chosen = _chosen(components, labels)
    return figure(
        "Alerts that fire",
        "short",
        "Alerts of what this dashboard shows. When it is not 0, the table of alerts says which, where and since when; "
        "their runbooks are in docs/alerts.md.",
        Query(f"count({chosen}) or vector(0)", "alerts"),
        steps=steps(warning=1),
        links=[Link("All alerts", "/alerting/groups?alertmanager=Alertmanager")],
        width=width,
    )


def alerts_table(components: str, where: dict[str, str], labels: str = "", width: int = 0) -> Panel:
    """Which alerts fire, where (labels with their headings), and since when; the oldest first."""
    by = ", ".join(["severity", "alertname", *where])
    chosen = _chosen(components, labels)
    return table(
        "Alerts: which, where, since when",
        "What fires now, the one that began first on top: it is often the cause of the others. A click on its name "
        "opens the runbooks of docs/alerts.md, which say what to do.",
        {"alertname": "Alert", **where, "severity": "Severity"},
        [
            Column(
                "Since",
                f"max by ({by}) (ALERTS_FOR_STATE and ignoring (alertstate) {chosen}) * 1000",
                "dateTimeFromNow",
            )
        ],
        ascending=True,
        links={"Alert": [Link("Its runbook", f"${{{RUNBOOKS}:raw}}#${{__data.fields.Alert}}")]},
        none="nothing fires",
        width=width,
    )


def _chosen(components: str, labels: str) -> str:
    matchers = ", ".join(part for part in (f'component=~"{components}"', 'alertstate="firing"', labels) if part)
    return f"ALERTS{{{matchers}}}"
