"""Which alerts are sent, and when: labels that stay, ends that are told once, refusals that harm no other."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from logpipe.errors import SettingError
from logpipe.store import Store
from logpipe_analysis import findings, marks
from logpipe_analysis.finding import Finding
from logpipe_shippers.alertmanager import Alertmanager, Settings
from logpipe_shippers.alertmanager.alert import OWN_LABELS
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.receiver import Unavailable
from logpipe_shippers.delivery.shipper import Delivery
from logpipe_shippers.targets import KINDS
from tests.shippers.http_server import Answers, serving
from tests.stores import passing_store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FOUND = Finding(
    kind="latency_shift",
    severity="warning",
    service="shop",
    environment="prod",
    subject="GET /cart",
    started_at=NOW - timedelta(hours=1),
    ended_at=None,
    baseline=120.0,
    observed=23456.7,
    unit="ms",
    score=9.0,
    confidence=0.987,
    title="shop GET /cart: slower",
    explanation="p95 went from 120 ms to 23457 ms.",
    evidence=(),
    sql="SELECT 1",
    fingerprint="f00d",
    finding_id="abcdefgh",
)


@dataclass
class Try:
    """A target, its store, its server and its clock."""

    server: Answers
    store: Store
    now: datetime = NOW
    settings: dict[str, Any] = field(default_factory=dict)
    target: Alertmanager | None = None
    delivery: Delivery = field(default_factory=lambda: Delivery(0))

    def has(self, *found: Finding) -> None:
        """What the store holds from now on."""
        with self.store.transaction() as connection:
            for one in found:
                findings.put(connection, one, self.now)

    def step(self, after: timedelta = timedelta()) -> list[dict[str, Any]] | None:
        """What is sent at the next look; None where there is none to send."""
        self.now += after
        batch = self.shipper().take(self.store)
        if batch is None:
            return None
        before = len(self.server.got)
        self.delivery = self.shipper().send(batch)
        self.shipper().settle(self.store, batch, self.delivery)
        return [alert for request in self.server.got[before:] for alert in orjson.loads(request.body)]

    def shipper(self) -> Alertmanager:
        if self.target is None:
            self.target = Alertmanager("main", Settings(self.server.url, **self.settings), clock=lambda: self.now)
        return self.target

    def restart(self) -> None:
        self.shipper().close()
        self.target = None


@pytest.fixture
def one() -> Iterator[Try]:
    with serving() as server, passing_store() as store:
        trial = Try(server, store)
        yield trial
        trial.shipper().close()


def sent(alerts: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
    """Of each alert its severity, and whether it lasts."""
    assert alerts is not None
    return [
        (alert["labels"]["severity"], "firing" if alert["endsAt"] > NOW.isoformat() else "resolved") for alert in alerts
    ]


def test_an_alert_has_the_finding_in_labels_and_annotations(one: Try) -> None:
    """What it is known by in labels, what may change in annotations; no link where there is no page."""
    one.has(FOUND)
    assert one.step() == [
        {
            "labels": {
                "alertname": "LogpipeLatencyShift",
                "severity": "warning",
                "component": "findings",
                "service": "shop",
                "environment": "prod",
                "kind": "latency_shift",
                "subject": "GET /cart",
                "finding": "abcdefgh",
                "incident": "iabcdefgh",
            },
            "annotations": {
                "summary": "shop GET /cart: slower",
                "description": "p95 went from 120 ms to 23457 ms.",
                "observed": "23,457 ms",
                "baseline": "120 ms",
                "onset": "2026-03-01T11:00:00+00:00",
                "confidence": "0.99",
                "status": "open",
                "command": "logpipe explain abcdefgh",
            },
            "startsAt": "2026-03-01T12:00:00Z",
            "endsAt": "2026-03-01T12:04:00Z",
        }
    ]


def test_what_is_acknowledged_says_so_and_goes_on(one: Try) -> None:
    """Under the labels that it has, for to silence is Alertmanager's; in an annotation, with whoever is at it."""
    one.has(FOUND)
    [first] = one.step() or []
    assert marks.acknowledge(one.store, FOUND, "Ada", one.now)
    [again] = one.step(timedelta(minutes=1)) or []
    assert again["labels"] == first["labels"]
    assert again["annotations"] == first["annotations"] | {"acknowledged": "by Ada"}
    assert again["endsAt"] > first["endsAt"]
    marks.acknowledge(one.store, FOUND, None, one.now + timedelta(seconds=1))
    [last] = one.step(timedelta(minutes=1)) or []
    assert last["annotations"]["acknowledged"] == "yes"


def test_what_lasts_is_sent_again_though_the_clock_was_set_back(one: Try) -> None:
    """It would end by itself while Alertmanager's own clock goes on."""
    one.has(FOUND)
    assert sent(one.step()) == [("warning", "firing")]
    assert one.step() is None
    assert sent(one.step(-timedelta(minutes=3))) == [("warning", "firing")]


def test_what_lasts_is_sent_every_minute_and_what_is_new_at_once(one: Try) -> None:
    """With the figures of the time, under the same labels."""
    one.has(FOUND)
    first = one.step()
    assert first is not None
    assert one.step(timedelta(seconds=10)) is None
    one.has(replace(FOUND, finding_id="later", fingerprint="beef"))
    [new] = one.step(timedelta(seconds=10)) or []
    assert new["labels"]["finding"] == "later"
    one.has(replace(FOUND, observed=30.0, title="much slower", started_at=NOW - timedelta(hours=2)))
    one.store.execute("INSERT INTO incidents VALUES ('iother', 't', ['abcdefgh'], '[]', now(), now())")
    both = one.step(timedelta(seconds=40)) or []
    [again] = [alert for alert in both if alert["labels"]["finding"] == "abcdefgh"]
    assert (len(both), again["labels"]) == (2, first[0]["labels"])
    assert (new["startsAt"], again["startsAt"]) == ("2026-03-01T12:00:20Z", "2026-03-01T12:00:00Z")
    assert (again["annotations"]["summary"], again["annotations"]["observed"]) == ("much slower", "30 ms")
    assert one.store.execute("SELECT sent_at = TIMESTAMPTZ '2026-03-01 12:00:00Z' FROM alerts_sent") == [
        (True,),
        (False,),
    ]


@pytest.mark.parametrize("how", ["resolved", "muted", "forgotten"])
@pytest.mark.parametrize("restarted", [False, True])
def test_an_end_is_told_once(one: Try, how: str, restarted: bool) -> None:
    """As of its time, under the labels that were sent; a restart neither forgets it nor tells it again."""
    one.has(FOUND)
    one.step()
    ends = {"resolved": "2026-03-01T12:00:05Z", "muted": "2026-03-01T12:00:10Z", "forgotten": "2026-03-01T12:00:10Z"}
    match how:
        case "resolved":
            one.has(replace(FOUND, status="resolved", ended_at=NOW + timedelta(seconds=5)))
        case "muted":
            marks.mute(one.store, FOUND, None, None, NOW)
        case _:
            one.store.execute("DELETE FROM findings")
    if restarted:
        one.restart()
    [last] = one.step(timedelta(seconds=10)) or []
    assert (last["labels"]["finding"], last["endsAt"]) == ("abcdefgh", ends[how])
    assert last["annotations"].get("status") == (None if how == "forgotten" else how)
    if restarted:
        one.restart()
        assert one.step() == []
    assert one.step() is None
    if how == "muted":
        marks.unmute(one.store, FOUND, NOW + timedelta(seconds=1))
        assert sent(one.step(timedelta(seconds=10))) == [("warning", "firing")]


def test_a_severity_that_rises_is_another_alert_and_one_that_falls_is_not(one: Try) -> None:
    """The old label set ends as the new one begins, and a page is not taken back before the end."""
    one.settings["min_severity"] = "warning"
    one.has(replace(FOUND, severity="info"))
    assert one.step() == []
    one.has(FOUND)
    assert sent(one.step(timedelta(seconds=1))) == [("warning", "firing")]
    one.has(replace(FOUND, severity="critical"))
    rise = one.step(timedelta(seconds=10)) or []
    assert [(alert["labels"]["severity"], alert["startsAt"], alert["endsAt"]) for alert in rise] == [
        ("warning", "2026-03-01T12:00:01Z", "2026-03-01T12:00:11Z"),
        ("critical", "2026-03-01T12:00:11Z", "2026-03-01T12:04:11Z"),
    ]
    one.has(replace(FOUND, severity="info"))
    assert one.step(timedelta(seconds=10)) is None
    assert sent(one.step(timedelta(minutes=1))) == [("critical", "firing")]
    one.has(replace(FOUND, severity="info", status="resolved", ended_at=NOW))
    [last] = one.step(timedelta(seconds=10)) or []
    assert (last["labels"]["severity"], last["endsAt"]) == ("critical", "2026-03-01T12:00:11Z")


def test_labels_of_ones_own_stand_in_every_alert(one: Try) -> None:
    """And are exchanged where they are changed: what was sent under the old ones ends."""
    one.settings |= {"labels": {"team": "web"}, "external_url": "https://logs.example.org/x/"}
    one.has(FOUND)
    [alert] = one.step() or []
    assert (alert["labels"]["team"], alert["generatorURL"]) == ("web", "https://logs.example.org/x/findings/abcdefgh")
    one.restart()
    one.settings["labels"] = {"team": "shop"}
    old, new = one.step(timedelta(seconds=5)) or []
    assert (old["labels"]["team"], old["endsAt"]) == ("web", "2026-03-01T12:00:05Z")
    assert (new["labels"]["team"], new["endsAt"]) == ("shop", "2026-03-01T12:04:05Z")


def test_what_was_taken_long_ago_wakes_nobody(one: Try) -> None:
    """While Alertmanager is away a batch gets old: it says until when it held, and the next one is taken at once."""
    one.has(FOUND)
    batch = one.shipper().take(one.store)
    assert batch is not None
    one.server.say(503)
    with pytest.raises(Unavailable):
        one.shipper().send(batch)
    one.now += timedelta(hours=2)
    one.has(replace(FOUND, status="resolved", ended_at=NOW))
    one.shipper().settle(one.store, batch, one.shipper().send(batch))
    [old] = orjson.loads(one.server.got[-1].body)
    assert old["endsAt"] == "2026-03-01T12:04:00Z"
    assert [alert["endsAt"] for alert in one.step() or []] == ["2026-03-01T12:00:00Z"]


def test_what_was_sent_and_not_settled_is_sent_again(one: Try) -> None:
    """As after a kill between the two: the same alert, which Alertmanager knows."""
    one.has(FOUND)
    batch = one.shipper().take(one.store)
    assert batch is not None
    one.shipper().send(batch)
    one.restart()
    assert one.step() == orjson.loads(one.server.got[0].body)


def test_a_refused_alert_harms_no_other_and_is_not_sent_again(one: Try) -> None:
    """Found by halving, recorded with its reason, and forgotten when the finding ends."""
    one.has(*(replace(FOUND, finding_id=f"finding{number}", fingerprint=str(number)) for number in range(4)))
    one.server.say(400, "one is bad")
    one.server.say(200)
    one.server.say(400, "one is bad")
    one.server.say(400, "this is bad")
    one.server.say(200)
    one.step()
    assert [len(orjson.loads(request.body)) for request in one.server.got] == [4, 2, 2, 1, 1]
    [bad] = orjson.loads(one.server.got[3].body)
    [refusal] = one.delivery.refusals
    assert (one.delivery.accepted, refusal.reason) == (
        3,
        f"finding {bad['labels']['finding']}: refused with 400: this is bad",
    )
    assert one.store.execute("SELECT target, ts, reason FROM refusals") == [("alertmanager:main", NOW, refusal.reason)]
    assert len(one.step(timedelta(minutes=1)) or []) == 3
    one.store.execute("DELETE FROM findings")
    assert len(one.step(timedelta(minutes=1)) or []) == 3
    assert one.store.execute("SELECT count(*) FROM alerts_sent") == [(0,)]


def test_hundreds_of_findings_take_several_requests(one: Try) -> None:
    """Each alert stands in one of them."""
    one.has(*(replace(FOUND, finding_id=f"f{number}", fingerprint=str(number)) for number in range(501)))
    alerts = one.step() or []
    assert (len(one.server.got), len({alert["labels"]["finding"] for alert in alerts})) == (2, 501)


def test_hostile_texts_are_bounded_and_on_one_line(one: Try) -> None:
    """A subject may be anything that was logged; clocks of logs may be ahead of ours."""
    one.has(
        replace(
            FOUND,
            subject="a\0b\x1b[31m\n" + "x" * 10_000,
            title="\u202eevil\r\n" + "y" * 10_000,
            environment="",
            observed=None,
            started_at=NOW + timedelta(days=1),
        )
    )
    [alert] = one.step() or []
    assert alert["labels"]["subject"] == "a b [31m " + "x" * 190 + "…"
    assert alert["annotations"]["summary"].startswith("evil yyy")
    assert len(alert["annotations"]["summary"]) == 2000
    assert "environment" not in alert["labels"]
    assert "observed" not in alert["annotations"]
    assert alert["startsAt"] == "2026-03-01T12:00:00Z"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"min_severity": "fatal"}, "min_severity is 'fatal', not one of info, warning, critical"),
        ({"interval": "10ms"}, "interval is less than 1 s"),
        ({"external_url": "logs.example.org"}, "external_url is 'logs.example.org', not the address of a page"),
        ({"external_url": "https://a b"}, "not the address of a page"),
        ({"labels": {"a-b": "x"}}, "labels has 'a-b', which is no name of a label"),
        ({"labels": {"severity": "x"}}, "labels has severity, which every alert has already"),
        ({"labels": {"team": ""}}, "the label team is empty"),
    ],
)
def test_wrong_settings_are_refused(table: dict[str, Any], said: str) -> None:
    """Before anything is sent, where Alertmanager would refuse every alert."""
    with pytest.raises(SettingError) as wrong:
        KINDS["alertmanager"]("main", {"url": "http://localhost:9093", **table}, "[alertmanager.main]")
    assert said in str(wrong.value)


def test_each_setting_and_label_is_documented() -> None:
    """Under its name, in the section of this target."""
    page = (Path(__file__).parents[2] / "docs" / "shipping.md").read_text()
    section = page.partition("\n## Alertmanager\n")[2].partition("\n## ")[0]
    own = {one.name for one in fields(Settings)} - {one.name for one in fields(Access)}
    assert own
    assert [name for name in (*own, *OWN_LABELS) if f"`{name}`" not in section] == []
