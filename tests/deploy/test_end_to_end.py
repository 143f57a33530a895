"""The sample logs with what goes wrong in them, through every program of the stack, to whoever is to hear of it.

What takes minutes in life takes seconds here: the lines, the rules, and the waits of Alertmanager are faster alike.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sample_logs.generate import Truth, generate
from sample_logs.incidents import second
from tests.commands import call
from tests.deploy.rules import PROMETHEUS, RULES, alerts, load
from tests.deploy.scaled import lengths_ms, scaled, without_lengths
from tests.deploy.test_alertmanager import RECEIVERS
from tests.deploy.webhook import CONFIGURATION, News, Routed
from tests.deploy.whole_stack import LINK, Stack, standing

SEED: Final = 11
"""Of a day in which checkouts fail evenly: well above the threshold of one alert, and well below that of the next."""

SEVERITY: Final = {
    "error_spike": "critical",
    "slow_query": "critical",
    "silence": "critical",
    "latency_shift": "warning",
    "latency_trend": "warning",
    "new_pattern": "warning",
}
"""Of what is found of each incident."""

BY_LINES: Final[Mapping[str, tuple[str, ...]]] = {
    "error_spike": ("ApiErrorRateRaised", "ApiErrorRateHigh"),
    "slow_query": ("DatabaseQueryLatencyHigh",),
}
"""Alerts by what the lines of the service count, while an incident lasts. The others do not reach a threshold."""

INHIBITED: Final = {"ApiErrorRateRaised": "ApiErrorRateHigh"}
"""Alerts that the higher one of the same service inhibits: whoever is told of one hears of the lower one only where
it fired earlier."""

OF_THE_MACHINE: Final = "TargetDown"
"""Right where this machine was too busy to answer a scrape for some seconds, and nothing of the logs."""

BESIDES: Final[Mapping[str, tuple[str, ...]]] = {"error_spike": ("ApiErrorRateRaised",)}
"""The same of a service whose logs show it, too: half of the requests that nginx sees are for another service."""

Told = Counter[tuple[str, str, str, str]]
"""Receiver, alert, service and kind of finding."""

WHOM: Final = {name: tuple(who.split(",")) for who, names in RECEIVERS.items() for name in names}


@dataclass(frozen=True)
class Outcome:
    """What there was to tell, and what was told by it."""

    truth: Truth
    findings: list[dict[str, Any]]
    """As they were while they lasted."""
    by_rules: Routed
    by_shipper: Routed
    suppressed: set[tuple[str, str]]
    """Alerts with their services that were inhibited when the higher one was told."""


@pytest.fixture(scope="module", params=["15:30", pytest.param("14:00", marks=pytest.mark.long)])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A payment provider that is down, long after an index was lost; from 14:00 on with a release that is slower."""
    folder = tmp_path_factory.mktemp("afternoon")
    truth = generate(folder / "logs", seed=SEED, since=second(request.param), until=second("16:50"))
    rules, shipped = expected_by_rules(truth), expected_by_shipper(truth)
    with standing(folder, folder / "logs", second("16:17")) as stack:
        with stack.flowing(1, second("16:29")):
            stack.wait(lambda: by_lines(uninhibited(of_logs(stack.by_rules, "firing"))) == by_lines(rules))
            suppressed = stack.by_rules.suppressed()
        # From here on no rate lasts: of a single commit it leaves the range of the rules before their wait ends.
        stack.feed.until(second("16:29"))
        stack.analyze(second("16:29"))
        findings = stack.findings()
        stack.wait(lambda: stack.by_rules.told("firing") >= rules and stack.by_shipper.told("firing") >= shipped)
        stack.feed.until(second("16:50"))
        stack.analyze(second("16:49"))
        close(stack)
        stack.wait(lambda: over(stack.by_rules) and over(stack.by_shipper))
        yield Outcome(truth, findings, stack.by_rules, stack.by_shipper, suppressed)


def close(stack: Stack) -> None:
    """What still lasts is somebody's to close."""
    for finding in stack.findings():
        if finding["status"] == "open":
            assert call("findings", "resolve", finding["finding_id"], "--db", str(stack.db)).returncode == 0


def over(alertmanager: Routed) -> bool:
    """Whether nothing fires, and everybody knows."""
    return alertmanager.told("resolved") == alertmanager.told("firing") and not alertmanager.alerts()


def of_logs(alertmanager: Routed, status: str) -> Told:
    """What was told, without what is told of the machine of the test."""
    return Counter({about: count for about, count in alertmanager.told(status).items() if about[1] != OF_THE_MACHINE})


def uninhibited(told: Told) -> Told:
    """Without what need not be told, for the higher alert is told."""
    higher = {(alert, service) for _, alert, service, _ in told}
    return Counter({about: count for about, count in told.items() if (INHIBITED.get(about[1]), about[2]) not in higher})


def by_lines(told: Told) -> Told:
    """Without what is told of findings."""
    return Counter({about: count for about, count in told.items() if not about[3]})


def expected_by_rules(truth: Truth) -> Told:
    """What Prometheus' rules make of the incidents."""
    found = Counter(one for incident in truth["incidents"] for one in _by_lines(incident))
    for service, kind in subjects(truth):
        name = f"LogpipeFinding{SEVERITY[kind].capitalize()}"
        found.update((who, name, service, kind) for who in WHOM[name])
    return uninhibited(found)


def _by_lines(incident: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for service in (incident["service"], *incident["also"]):
        names = BY_LINES if service == incident["service"] else BESIDES
        for name in names.get(incident["kind"], ()):
            yield from ((who, name, service, "") for who in WHOM[name])


def expected_by_shipper(truth: Truth) -> Told:
    """What `logpipe ship alertmanager` makes of them: the same findings, under names of their own."""
    named = {kind: "Logpipe" + kind.title().replace("_", "") for kind in SEVERITY}
    return Counter(
        (who, named[kind], service, kind)
        for service, kind in subjects(truth)
        for who in WHOM[f"LogpipeFinding{SEVERITY[kind].capitalize()}"]
    )


def subjects(truth: Truth) -> Iterator[tuple[str, str]]:
    """Service and kind of all that is to be found: incidents that begin in the logs."""
    for incident in truth["incidents"]:
        if incident["kind"] in SEVERITY and incident["started_at"] >= truth["since"]:
            yield from ((service, incident["kind"]) for service in (incident["service"], *incident["also"]))


def rules_tell_of_the_incidents_and_of_nothing_else(outcome: Outcome) -> None:
    """Each receiver hears once that an alert fires, and once that it is over; no message says nothing new."""
    expected = expected_by_rules(outcome.truth)
    assert expected.total() >= 7
    fired = of_logs(outcome.by_rules, "firing")
    assert uninhibited(fired) == expected
    assert max(fired.values()) == 1
    assert of_logs(outcome.by_rules, "resolved") == fired
    assert outcome.by_rules.idle() == []


def alerts_of_rules_have_the_labels_of_their_rules(outcome: Outcome) -> None:
    """And what they are about: a service, of a finding its kind too. Each leads to its runbook."""
    for one in outcome.by_rules.news():
        name = one.label("alertname")
        if name == OF_THE_MACHINE:
            continue
        about = ("service", "kind") if name.startswith("LogpipeFinding") else ("service",)
        labels = alerts()[name]["labels"] | {label: one.label(label) for label in about} | {"alertname": name}
        assert dict(one.labels) == labels
        assert one.alert["annotations"]["runbook_url"].endswith(f"/docs/alerts.md#{name.lower()}")


def the_higher_alert_inhibits_the_lower(outcome: Outcome) -> None:
    """Of the same service; nobody hears of the lower one a second time when the higher one is over."""
    assert outcome.suppressed == {("ApiErrorRateRaised", "shop-web")}


def the_shipper_tells_of_the_incidents_and_of_nothing_else(outcome: Outcome) -> None:
    """The same without rules, once and to their end."""
    expected = expected_by_shipper(outcome.truth)
    assert expected.total() >= 4
    assert outcome.by_shipper.told("firing") == expected
    assert outcome.by_shipper.told("resolved") == expected
    assert outcome.by_shipper.idle() == []


def alerts_of_the_shipper_are_the_findings(outcome: Outcome) -> None:
    """By labels, by the link, and by the end that the logs tell."""
    found = {one["finding_id"]: one for one in outcome.findings}
    for one in outcome.by_shipper.news():
        finding = found[one.label("finding")]
        assert dict(one.labels) == labels_of(one, finding)
        assert one.alert["generatorURL"] == f"{LINK}/findings/{finding['finding_id']}"
        assert one.alert["annotations"]["summary"]
        assert one.alert["startsAt"] <= one.alert["endsAt"] or one.status == "firing"


def labels_of(one: News, finding: dict[str, Any]) -> dict[str, str]:
    """As a finding is to be told; those of one cause have one incident, whose name is not the finding's."""
    assert one.label("incident")
    values = {name: finding[name] for name in ("severity", "service", "environment", "kind", "subject")}
    named = {"alertname": one.label("alertname"), "component": "findings", "incident": one.label("incident")}
    return named | {name: value for name, value in values.items() if value} | {"finding": finding["finding_id"]}


@pytest.mark.real
def test_incidents_reach_the_receivers_of_alerts(outcome: Outcome) -> None:
    """One test, so that the programs run once where tests are spread over processes."""
    rules_tell_of_the_incidents_and_of_nothing_else(outcome)
    alerts_of_rules_have_the_labels_of_their_rules(outcome)
    the_higher_alert_inhibits_the_lower(outcome)
    the_shipper_tells_of_the_incidents_and_of_nothing_else(outcome)
    alerts_of_the_shipper_are_the_findings(outcome)


@pytest.mark.parametrize("path", [*RULES, PROMETHEUS / "prometheus.yml", CONFIGURATION], ids=lambda path: path.name)
def test_what_is_faster_is_the_same_otherwise(path: Path) -> None:
    """Nothing but lengths of time differ from what is checked in, and each by the same factor."""
    checked_in = load(path)
    faster = scaled(checked_in, 10)
    assert without_lengths(faster) == without_lengths(checked_in)
    assert [10 * length for length in lengths_ms(faster)] == lengths_ms(checked_in)
