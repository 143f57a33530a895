"""Slack, PagerDuty, webhooks and Apprise's services, as a real server sees them; and never a secret in an error."""

import hashlib
import hmac
import json
import logging
import ssl
import sys
from importlib import metadata
from pathlib import Path

import pytest
import trustme

from logpipe.errors import LogpipeError, SettingError
from logpipe_analysis import marks
from logpipe_shippers.delivery.receiver import Misconfigured, Rejected, Unavailable
from tests.shippers.http_server import Answers, serving
from tests.shippers.notify.people import People, a_finding, posted

KEY = "0123456789abcdef0123456789abcdef"
SLACK = "services/T0000/B0000/verys3cretverys3cret"


def channel(url: str, more: str = "") -> str:
    return f'[notify.team]\nurl = "{url}"\n{more}\n'


def test_slack_gets_blocks_in_which_a_log_line_mentions_nobody(people: People, server: Answers) -> None:
    """Title, the usual text as prose, the thread, the link once; what stands in the line is quoted, not obeyed."""
    people.configure(channel(f"slack+{server.url}/{SLACK}", 'link = "https://logs.example.org"'))
    people.find(a_finding("aaaa2222", "critical", text="<!channel> ```a & b```" + "x" * 9_000))
    people.tell()
    assert server.got[0].path == f"/{SLACK}"
    [body] = posted(server)
    header, text, line, rest, link, context = body["blocks"]
    assert header["text"]["text"] == ":red_circle: [critical] web: errors ×36 (aaaa2222)"
    assert text["text"]["text"].startswith(
        "web: 108 errors/min where 3 are usual.\n*since* 2026-03-02 02:00 UTC, 5 min ago\n"
    )
    assert line["text"]["text"].startswith(
        "*line* /var/log/web.jsonl at byte 12345\n```&lt;!channel&gt; '''a &amp; b'''xxx"
    )
    assert line["text"]["text"].endswith("```")
    assert "*next* `logpipe explain aaaa2222`" in rest["text"]["text"]
    assert json.dumps(body).count("https://logs.example.org") == 1
    assert link["text"]["text"] == "<https://logs.example.org/findings/aaaa2222|Open the finding>"
    assert context["type"] == "context"
    assert "<!channel>" not in json.dumps(body)


def test_slack_is_told_as_much_as_it_takes(people: People, server: Answers) -> None:
    """What is cut is cut at the end, also where an escape stands early."""
    people.configure(channel(f"slack+{server.url}/{SLACK}", f'body = "a & b {"&" * 4_000}"'))
    people.find(a_finding("aaaa2222", "critical"))
    people.tell()
    assert server.got[0].headers["User-Agent"] == f"logpipe/{metadata.version('logpipe')}"
    [body] = posted(server)
    shown = body["blocks"][1]["text"]["text"]
    assert 2_890 < len(shown) <= 3_000
    assert shown.endswith("&amp;…")


def test_pagerduty_triggers_acknowledges_and_resolves_one_incident(people: People, server: Answers) -> None:
    """By its dedup_key, which is the same when a message is sent again."""
    people.configure(channel(server.url.replace("http://", f"pagerduty+http://{KEY}@"), 'update_every = "0s"'))
    people.find(one := a_finding("aaaa2222", "critical", subject="GET /pay"))
    batch = people.channels["team"].take(people.store)
    assert batch is not None
    people.channels["team"].send(batch)
    people.tell()
    people.find(two := a_finding("bbbb2222"))
    people.tell()
    marks.acknowledge(people.store, one, "Ada", people.clock.now)
    people.tell()
    people.end(one, two)
    people.tell()
    assert {(got.path, got.headers.get("Authorization")) for got in server.got} == {("/v2/enqueue", None)}
    bodies = posted(server)
    assert [one["event_action"] for one in bodies] == ["trigger", "trigger", "trigger", "acknowledge", "resolve"]
    assert len({one["dedup_key"] for one in bodies}) == 1
    assert {one["routing_key"] for one in bodies} == {KEY}
    payload = bodies[0]["payload"]
    assert (payload["summary"], payload["severity"]) == ("[critical] web: errors ×36 (aaaa2222)", "critical")
    assert (payload["source"], payload["component"], payload["group"]) == ("web", "GET /pay", "prod")
    assert payload["class"] == "error_spike"


def test_a_test_leaves_no_incident_open(people: People, server: Answers) -> None:
    """It is triggered, and resolved at once."""
    people.configure(channel(server.url.replace("http://", f"pagerduty+http://{KEY}@")))
    people.channels["team"].test()
    begun, ended = posted(server)
    assert (begun["event_action"], ended["event_action"]) == ("trigger", "resolve")
    assert begun["dedup_key"] == ended["dedup_key"]
    assert begun["payload"]["summary"].startswith("[test]")


def test_a_webhook_is_signed(people: People, server: Answers) -> None:
    """So that its receiver knows who wrote it, and when."""
    people.configure(channel(f"{server.url}/hook", 'secret = "sh4red"'))
    people.find(a_finding("aaaa2222"))
    people.tell()
    [got] = server.got
    signed = got.headers["X-Logpipe-Timestamp"].encode() + b"." + got.body
    wanted = hmac.new(b"sh4red", signed, hashlib.sha256).hexdigest()
    assert got.headers["X-Logpipe-Signature"] == f"sha256={wanted}"
    body = json.loads(got.body)
    assert (body["message"], body["number"], body["severity"], body["finding_ids"]) == (
        "problem", 1, "warning", ["aaaa2222"],
    )  # fmt: skip
    assert body["at"] == "2026-03-02T02:05:00Z"
    assert body["fields"]["command"] == "logpipe explain aaaa2222"
    assert "sh4red" not in str(got)


def test_apprise_reaches_the_rest(people: People, server: Answers) -> None:
    """By its own URLs."""
    people.configure(channel(server.url.replace("http://", "json://ada:s3cretpass@") + "/hook"))
    people.find(a_finding("aaaa2222", "critical"))
    people.tell()
    [body] = posted(server)
    assert (body["title"], body["type"]) == ("[critical] web: errors ×36 (aaaa2222)", "failure")
    assert "next   logpipe explain aaaa2222" in body["message"]


def test_no_line_of_a_log_calls_everybody_in_a_chat(people: People, server: Answers) -> None:
    """Discord and others take such words for calls."""
    people.configure(channel(server.url.replace("http://", "json://") + "/hook"))
    people.find(a_finding("aaaa2222", "critical", title="@everyone", text="@here <@123> <!channel> ada@example.org"))
    people.tell()
    [body] = posted(server)
    for call in ("@everyone", "@here", "<@", "<!"):
        assert call not in str(body["title"] + body["message"])
    assert "ada@example.org" in body["message"]


def test_apprise_fails_without_a_word_of_the_url(
    people: People, server: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error nor in the log; and what it does not know is refused at once."""
    caplog.set_level(logging.DEBUG)
    people.configure(channel(server.url.replace("http://", "json://ada:s3cretpass@") + "/h00kpath"))
    server.say(500, "s3cretpass")
    with pytest.raises(Unavailable) as failed:
        people.channels["team"].test()
    with pytest.raises(SettingError) as unknown:
        people.configure(channel("nonsense://s3cretpass"))
    assert "nonsense://, is none that Apprise knows" in str(unknown.value)
    for told in (str(failed.value), str(unknown.value), caplog.text):
        assert "s3cretpass" not in told
        assert "h00kpath" not in told


def test_without_apprise_its_urls_are_one_clear_error(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingError, match=r"not installed; pip install 'logpipe\[notify\]'"):
        people.configure(channel("discord://id/token"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (403, Misconfigured), (404, Misconfigured), (429, Unavailable), (0, Unavailable)],
)
@pytest.mark.parametrize("scheme", ["slack+http", "http", "pagerduty+http"])
def test_an_error_shows_the_host_and_nothing_else_of_the_url(
    people: People,
    server: Answers,
    caplog: pytest.LogCaptureFixture,
    scheme: str,
    status: int,
    kind: type[LogpipeError],
) -> None:
    """Nor does a log, though the service repeats what it was sent."""
    caplog.set_level(logging.DEBUG)
    host = server.url.removeprefix("http://")
    url = f"{scheme}://{KEY}@{host}" if scheme.startswith("pagerduty") else f"{scheme}://{host}/{SLACK}?token=qu3ry"
    people.configure(channel(url, 'secret = "sh4red"'))
    server.say(status, f"nothing with {KEY}" if KEY in url else f"no {SLACK} here, nor verys3cretverys3cret, qu3ry")
    with pytest.raises(kind) as failed:
        people.channels["team"].test()
    told = str(failed.value) + caplog.text
    assert not [secret for secret in (KEY, "verys3cret", "qu3ry", "sh4red") if secret in told]
    assert kind is Rejected or f"http://{host}" in told


def test_a_webhook_behind_an_own_authority(people: People, tmp_path: Path) -> None:
    """Is trusted with its certificate, and not without."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with serving(context) as answers:
        people.configure(channel(f"{answers.url}/hook", f'ca_file = "{tmp_path / "ca.pem"}"'))
        people.channels["team"].test()
        people.configure(channel(f"{answers.url}/hook"))
        with pytest.raises(Misconfigured, match="not trusted"):
            people.channels["team"].test()
    assert [json.loads(got.body)["message"] for got in answers.got] == ["test"]
