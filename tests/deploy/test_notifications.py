"""What a real Alertmanager sends by the configuration of deploy/, and what it does not."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.alertmanager import Running, running
from tests.deploy.rules import firing
from tests.deploy.servers import until

pytestmark = pytest.mark.real
SOURCE = "http://prometheus.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1"


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for the tests, each of which uses a service or an instance of its own."""
    with running(tmp_path_factory.mktemp("alertmanager")) as one:
        yield one


def alert(name: str, **labels: str) -> dict[str, Any]:
    """As Prometheus sends it."""
    link = f"https://docs.example/alerts.md#{name.lower()}"
    texts = {"summary": f"{name} of {labels}", "description": "51 % of them.", "runbook_url": link}
    return {"labels": firing()[name] | labels, "annotations": texts, "generatorURL": SOURCE}


def resolved(one: dict[str, Any]) -> dict[str, Any]:
    """The same when it is over."""
    now = datetime.now(UTC)
    return one | {"startsAt": (now - timedelta(hours=1)).isoformat(), "endsAt": now.isoformat()}


def test_a_critical_alert_wakes_somebody_and_is_over_once(alertmanager: Running) -> None:
    """PagerDuty gets a trigger and its end under one key, and the channel of the component hears of both."""
    critical = alert("ApiErrorRateCritical", service="woken")
    alertmanager.post(critical)
    until(lambda: len(pages(alertmanager, "woken")) == 1 and len(chats(alertmanager, "woken")) == 1, told(alertmanager))
    alertmanager.post(resolved(critical))
    until(lambda: len(pages(alertmanager, "woken")) == 2 and len(chats(alertmanager, "woken")) == 2, told(alertmanager))
    trigger, end = pages(alertmanager, "woken")
    assert [trigger["event_action"], end["event_action"]] == ["trigger", "resolve"]
    assert trigger["dedup_key"] == end["dedup_key"]
    assert trigger["routing_key"] == "a key"
    payload = trigger["payload"]
    assert {name: payload[name] for name in ("severity", "component", "class", "group")} == {
        "severity": "critical",
        "component": "api",
        "class": "ApiErrorRateCritical",
        "group": "woken",
    }
    assert payload["summary"] == "[CRITICAL] " + critical["annotations"]["summary"]


def test_a_message_says_what_to_do(alertmanager: Running) -> None:
    """Text, runbook and source of each alert, in the channel of its component."""
    alertmanager.post(alert("DatabaseQueryLatencyHigh", service="chatty"))
    until(lambda: len(chats(alertmanager, "chatty")) == 1, told(alertmanager))
    said = chats(alertmanager, "chatty")[0]
    attachment = said["attachments"][0]
    assert said["channel"] == "#alerts-data"
    assert attachment["color"] == "warning"
    assert attachment["title"].startswith("[WARNING] DatabaseQueryLatencyHigh of")
    assert attachment["title_link"].endswith("#databasequerylatencyhigh")
    assert "51 % of them." in attachment["text"]
    assert "<https://docs.example/alerts.md#databasequerylatencyhigh|What to do>" in attachment["text"]
    assert f"<{SOURCE}|More of it>" in attachment["text"]


def test_alerts_of_one_name_and_service_come_together(alertmanager: Running) -> None:
    """Many instances, one message."""
    alertmanager.post(*(alert("CacheMemoryHigh", instance=f"grouped{n}:9121") for n in range(5)))
    until(lambda: len(chats(alertmanager, "grouped")) == 1, told(alertmanager))
    attachment = chats(alertmanager, "grouped")[0]["attachments"][0]
    assert re.fullmatch(r"\[WARNING ×5\] CacheMemoryHigh of .*grouped\d:9121.*", attachment["title"])
    assert all(f"grouped{n}:9121" in attachment["text"] for n in range(5))


def test_what_is_wrong_with_a_service_is_one_page(alertmanager: Running) -> None:
    """Its failing requests and what logpipe has found are one incident of PagerDuty, whatever comes first."""
    alertmanager.post(alert("ApiErrorRateCritical", service="troubled"))
    until(lambda: len(pages(alertmanager, "troubled")) == 1, told(alertmanager))
    alertmanager.post(finding("troubled", "ours"))
    until(lambda: len(pages(alertmanager, "troubled")) == 2, told(alertmanager))
    first, later = pages(alertmanager, "troubled")
    assert first["dedup_key"] == later["dedup_key"]
    assert later["payload"]["summary"].startswith("[CRITICAL ×2] ")
    assert "ApiErrorRateCritical of" in str(later["payload"]["custom_details"])


def test_findings_of_one_cause_are_one_message(alertmanager: Running) -> None:
    """Of two services, with what to type; words of logs are no links, and call nobody."""
    alertmanager.post(finding("behind", "theirs"), finding("before", "theirs", "<!channel> & <none>"))
    until(lambda: len(chats(alertmanager, "before")) == 1, told(alertmanager))
    [said] = [one["attachments"][0] for one in chats(alertmanager, "before")]
    assert said["title"] == "[CRITICAL ×2] before: errors ×36"
    assert "&lt;!channel&gt; &amp; &lt;none&gt;" in said["text"]
    assert "<!channel>" not in str(said)
    assert "`logpipe explain behind1`" in said["text"]
    assert "<https://logs.example/findings/behind1|More of it>" in said["text"]


def finding(service: str, incident: str, explanation: str = "96 errors/min.") -> dict[str, Any]:
    """As `logpipe ship alertmanager` sends it."""
    labels = {"alertname": "LogpipeErrorSpike", "component": "findings", "severity": "critical", "service": service}
    return {
        "labels": labels | {"kind": "error_spike", "finding": f"{service}1", "incident": incident},
        "annotations": {
            "summary": f"{service}: errors ×36",
            "description": explanation,
            "command": f"logpipe explain {service}1",
        },
        "generatorURL": f"https://logs.example/findings/{service}1",
    }


def test_what_can_wait_comes_by_mail(alertmanager: Running) -> None:
    """With the password of its file, as plain text."""
    alertmanager.post(alert("SystemCpuHigh", instance="mailed:9100"))
    until(lambda: any("mailed" in str(one["Subject"]) for one in alertmanager.mail.messages), told(alertmanager))
    message = next(one for one in alertmanager.mail.messages if "mailed" in str(one["Subject"]))
    assert str(message["Subject"]).startswith("[WARNING] SystemCpuHigh of")
    assert message["To"] == "on-call@example.org"
    text = message.get_payload()[0]  # type: ignore[index, union-attr, unused-ignore] # of several kinds of text
    assert "What to do: https://docs.example/alerts.md#systemcpuhigh" in str(text)
    assert "g0.expr" not in str(text)
    assert not pages(alertmanager, "mailed")


def test_a_critical_alert_silences_the_warning_of_its_subject(alertmanager: Running) -> None:
    """Of the same service, and of no other; of the same condition, and of no other."""
    alertmanager.post(
        alert("ApiLatencyCritical", service="silenced"),
        alert("ApiLatencyHigh", service="silenced"),
        alert("ApiErrorRateRaised", service="silenced"),
        alert("DatabaseQueryLatencyHigh", service="silenced"),
    )
    assert_suppressed(alertmanager, {"ApiLatencyHigh"}, service="silenced")


@pytest.mark.parametrize(
    ("label", "critical", "warning"),
    [
        ("service", "DatabaseQueryLatencyCritical", "DatabaseQueryLatencyHigh"),
        ("instance", "CacheHitRateCritical", "CacheHitRateLow"),
        ("source", "LogpipeIngestStalled", "LogpipeIngestLag"),
        ("target", "LogpipeShipperStalled", "LogpipeShipperFailing"),
        ("kind", "LogpipeFindingCritical", "LogpipeFindingWarning"),
    ],
)
def test_a_critical_alert_leaves_the_warning_of_another_subject(
    alertmanager: Running, label: str, critical: str, warning: str
) -> None:
    """Each service, instance, log, target and kind of finding for itself."""
    alertmanager.post(
        alert(critical, **{label: "one"}), alert(warning, **{label: "one"}), alert(warning, **{label: "other"})
    )
    assert_suppressed(alertmanager, {warning}, **{label: "one"})
    assert_suppressed(alertmanager, set(), **{label: "other"})


def test_the_higher_of_two_warnings_about_errors_silences_the_lower(alertmanager: Running) -> None:
    """One message about failed requests is enough."""
    alertmanager.post(
        alert("ApiErrorRateHigh", service="failing"),
        alert("ApiErrorRateRaised", service="failing"),
        alert("ApiErrorRateRaised", service="faltering"),
    )
    assert_suppressed(alertmanager, {"ApiErrorRateRaised"}, service="failing")
    assert_suppressed(alertmanager, set(), service="faltering")


@pytest.mark.parametrize("down", ["CacheDown", "DatabaseDown", "ProbeFailed", "TargetDown"])
def test_an_instance_that_is_down_silences_the_rest_of_it(alertmanager: Running, down: str) -> None:
    """Warnings and critical alerts; not those of other instances, nor those of services."""
    here = f"{down.lower()}:1"
    alertmanager.post(
        alert(down, instance=here),
        alert("DatabasePoolHigh", instance=here),
        alert("SystemDiskLow", instance=here),
        alert("CacheConnectionsHigh", instance=f"{down.lower()}:2"),
    )
    assert_suppressed(alertmanager, {"DatabasePoolHigh", "SystemDiskLow"}, instance=here)
    assert_suppressed(alertmanager, set(), instance=f"{down.lower()}:2")


def test_a_missing_secret_stops_its_receiver_alone(tmp_path: Path) -> None:
    """The others go on, and the log says which file it was."""
    with running(tmp_path, missing="pagerduty_routing_key") as one:
        one.post(alert("CacheDown", instance="alone:9121"))
        until(lambda: len(chats(one, "alone")) == 1, told(one))
        until(lambda: "pagerduty_routing_key: no such file" in one.log.read_text(), told(one))


def assert_suppressed(alertmanager: Running, names: set[str], **label: str) -> None:
    """Of the alerts with a label, just these are inhibited."""

    def seen() -> set[str]:
        return {name for name, suppressed in alertmanager.alerts(**label).items() if suppressed}

    until(lambda: bool(alertmanager.alerts(**label)) and seen() == names, lambda: (seen(), names))


def pages(alertmanager: Running, subject: str) -> list[dict[str, Any]]:
    """What PagerDuty got about it."""
    return [body for body in alertmanager.bodies("/pagerduty") if subject in str(body)]


def chats(alertmanager: Running, subject: str) -> list[dict[str, Any]]:
    """What Slack got about it."""
    return [body for body in alertmanager.bodies("/slack") if subject in str(body)]


def told(alertmanager: Running) -> Any:
    """What to show where a wait was in vain."""
    return lambda: (alertmanager.web.got, alertmanager.log.read_text())
