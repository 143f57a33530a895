"""Who is told of what, when, and how often: once, whatever happens between."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from logpipe_analysis import findings, marks
from logpipe_analysis.finding import Finding
from logpipe_shippers.delivery.receiver import Unavailable
from tests.shippers.http_server import Answers
from tests.shippers.notify.people import START, People, a_finding, posted


def team(server: Answers, more: str = "", name: str = "team") -> str:
    """A webhook's table."""
    return f'[notify.{name}]\nurl = "{server.url}/{name}"\n{more}\n'


def said(server: Answers) -> list[tuple[str, list[str]]]:
    """Kind and findings of what the server got."""
    return [(one["message"], one["finding_ids"]) for one in posted(server)]


def test_a_problem_is_told_once_and_its_end_once(people: People, server: Answers) -> None:
    """In one thread, over as many looks and restarts as there are."""
    people.configure(team(server))
    people.find(one := a_finding("aaaa2222"))
    assert (people.tell(), people.tell()) == (1, 0)
    people.configure(team(server))
    assert people.tell() == 0
    people.clock.forward(minutes=20)
    people.end(one)
    assert (people.tell(), people.tell()) == (1, 0)
    problem, end = posted(server)
    assert (problem["message"], end["message"]) == ("problem", "resolved")
    assert (problem["thread"], problem["number"], end["number"]) == (end["thread"], 1, 2)
    assert people.store.execute("SELECT accepted FROM shipping WHERE target = 'notify:team'") == [(2,)]


def test_a_message_says_what_a_person_needs_at_three(people: People, server: Answers) -> None:
    """What, since when, how much against usual, where, the first line, the next command; in the zone of the channel."""
    people.configure(team(server, 'time_zone = "Europe/Berlin"\nlink = "https://logs.example.org/"'))
    people.find(a_finding("aaaa2222", "critical"))
    people.tell()
    [problem] = posted(server)
    assert problem["title"] == "[critical] web: errors ×36 (aaaa2222)"
    assert problem["text"].splitlines() == [
        "web: 108 errors/min where 3 are usual.",
        "since  2026-03-02 03:00 CET, 5 min ago",
        "now    108 errors/min, usually 3 errors/min (×36)",
        "where  web in prod",
        "line   /var/log/web.jsonl at byte 12345",
        "       PaymentError: card refused",
        "next   logpipe explain aaaa2222",
        "on it  logpipe findings ack aaaa2222",
        "see    https://logs.example.org/findings/aaaa2222",
    ]


def test_a_message_names_the_service_and_no_factor_of_less(people: People, server: Answers) -> None:
    """Though a title does not; and a service that fell silent is no multiple of anything."""
    people.configure(team(server))
    silent = replace(a_finding("aaaa2222", title="nothing since 02:00"), observed=0.0, evidence=())
    people.find(silent, a_finding("bbbb2222", title="new error: TypeError"))
    people.tell()
    [problem] = posted(server)
    assert problem["title"] == "[warning] web: nothing since 02:00 (+1)"
    assert "now    0 errors/min, usually 3 errors/min\n" in problem["text"]
    assert "also   warning: web: new error: TypeError (bbbb2222)" in problem["text"]
    assert "line " not in problem["text"]


def test_what_a_log_says_cannot_steer_a_message(people: People, server: Answers) -> None:
    """No new line, no control character, and no more of it than is read."""
    people.configure(team(server))
    people.find(a_finding("aaaa2222", title="web:\r\nBcc: all\x1b[2J", text="one\ntwo\x07 " + "x" * 5_000))
    people.tell()
    [problem] = posted(server)
    assert problem["title"] == "[warning] web: Bcc: all [2J"
    assert len(problem["text"]) < 1_000
    assert "one two xxx" in problem["text"]


def test_findings_of_an_incident_are_one_message_that_grows(people: People, server: Answers) -> None:
    """What comes to it is told no sooner than update_every after the last word; it ends when all of it has."""
    people.configure(team(server, 'update_every = "10m"'))
    people.find(one := a_finding("aaaa2222"), two := a_finding("bbbb2222", service="worker"))
    people.put_together("iaaaa2222", "aaaa2222", "bbbb2222")
    assert people.tell() == 1
    people.find(three := a_finding("cccc2222", service="nginx"))
    people.put_together("iaaaa2222", "aaaa2222", "bbbb2222", "cccc2222")
    people.clock.forward(minutes=9)
    assert people.tell() == 0
    people.clock.forward(minutes=1)
    assert people.tell() == 1
    people.end(one, two)
    assert people.tell() == 0
    people.end(three)
    assert people.tell() == 1
    first, more, end = posted(server)
    assert first["title"].endswith("(+1 in worker)")
    assert "also   warning: worker: errors ×36 (bbbb2222) (bbbb2222)" in first["text"]
    assert (more["message"], more["finding_ids"]) == ("update", ["aaaa2222", "bbbb2222", "cccc2222"])
    assert more["text"].startswith("Since the last message: 1 more finding.")
    assert "+ warning: nginx" in more["text"]
    assert end["message"] == "resolved"
    assert len({one["thread"] for one in (first, more, end)}) == 1


def test_a_rise_to_critical_does_not_wait(people: People, server: Answers) -> None:
    """Another rise does, and a fall is not told of."""
    people.configure(team(server) + '[[route]]\nto = "team"\n')
    people.find(a_finding("aaaa2222", "info"))
    people.tell()
    people.find(a_finding("aaaa2222", "warning"))
    assert people.tell() == 0
    people.find(a_finding("aaaa2222", "critical"))
    assert people.tell() == 1
    people.find(a_finding("aaaa2222", "warning"))
    people.clock.forward(hours=1)
    assert people.tell() == 0
    assert [one["severity"] for one in posted(server)] == ["info", "critical"]


@pytest.mark.parametrize(("group", "messages"), [("incident", 3), ("service", 2), ("finding", 4)])
def test_a_channel_says_what_is_one_message(people: People, server: Answers, group: str, messages: int) -> None:
    """An incident, a service where there is none; or always a service; or each finding."""
    people.configure(team(server, f'group = "{group}"'))
    people.find(a_finding("aaaa2222"), a_finding("bbbb2222", service="worker"))
    people.find(a_finding("cccc2222"), a_finding("dddd2222"))
    people.put_together("iaaaa2222", "aaaa2222")
    people.put_together("ibbbb2222", "bbbb2222")
    assert people.tell() == messages


def test_incidents_that_become_one_are_told_of_once(people: People, server: Answers) -> None:
    """The thread that tells of one of its findings takes in what nobody was told of."""
    people.configure(team(server, 'update_every = "0s"'))
    people.find(a_finding("aaaa2222"))
    people.put_together("iaaaa2222", "aaaa2222")
    people.tell()
    people.find(a_finding("bbbb2222"))
    people.put_together("ioldest22", "aaaa2222", "bbbb2222")
    people.store.execute("DELETE FROM incidents WHERE incident_id = 'iaaaa2222'")
    assert people.tell() == 1
    assert said(server) == [("problem", ["aaaa2222"]), ("update", ["aaaa2222", "bbbb2222"])]


def test_what_comes_back_is_let_cool(people: People, server: Answers) -> None:
    """Unless it comes back worse; past the time it is a new problem, of a new thread."""
    people.configure(team(server, 'cool_down = "30m"'))
    people.find(one := a_finding("aaaa2222"))
    people.tell()
    people.end(one)
    people.tell()
    people.clock.forward(minutes=29)
    people.find(one)
    assert people.tell() == 0
    people.clock.forward(minutes=1)
    assert people.tell() == 1
    people.end(one)
    people.tell()
    people.find(a_finding("aaaa2222", "critical"))
    assert people.tell() == 1
    bodies = posted(server)
    assert [one["message"] for one in bodies] == ["problem", "resolved", "problem", "resolved", "problem"]
    assert len({one["thread"] for one in bodies}) == 3


def test_beyond_the_limit_one_message_counts_the_rest(people: People, server: Answers) -> None:
    """It grows and ends as any other, and when the hour is over there is room again."""
    people.configure(team(server, 'messages_per_hour = 2\nupdate_every = "10m"'))
    many = [a_finding(f"aaaa222{each}", service=f"service-{each}") for each in range(2, 10)]
    people.find(*many)
    assert people.tell() == 3
    bodies = posted(server)
    assert bodies[2]["title"] == "[warning] 6 more findings held back by the limit of messages"
    assert bodies[2]["text"].startswith("6 more findings held back by the limit of messages; the worst of them:")
    assert "\n       and 1 more: logpipe findings --status open" in bodies[2]["text"]
    people.find(late := a_finding("bbbb2222", "critical", service="late"))
    people.clock.forward(minutes=10)
    assert people.tell() == 1
    [more] = posted(server)
    assert (more["message"], more["severity"], len(more["finding_ids"])) == ("update", "critical", 7)
    people.end(late, *many)
    assert people.tell() == 3
    people.clock.forward(hours=1)
    people.find(a_finding("cccc2222"))
    assert people.tell() == 1


def test_what_becomes_critical_is_told_beyond_the_limit(people: People, server: Answers) -> None:
    """Nothing else would tell of it: it was told as a warning."""
    people.configure(team(server, "messages_per_hour = 2"))
    people.find(one := a_finding("aaaa2222", service="first"), a_finding("bbbb2222", service="second"))
    assert people.tell() == 2
    people.find(replace(one, severity="critical"))
    assert people.tell() == 1
    assert said(server)[2:] == [("update", ["aaaa2222"])]


def test_what_counts_the_rest_takes_no_room(people: People, server: Answers) -> None:
    """However often it grows: an hour after the last that counts the next problem has a message of its own."""
    people.configure(team(server, "messages_per_hour = 1"))
    people.find(a_finding("aaaa2222", service="first"), a_finding("bbbb2222", service="second"))
    assert people.tell() == 2
    people.clock.forward(minutes=50)
    people.find(a_finding("cccc2222", service="third"))
    assert people.tell() == 1
    people.clock.forward(minutes=11)
    people.find(a_finding("dddd2222", service="fourth"))
    assert people.tell() == 1
    assert said(server)[2:] == [("update", ["bbbb2222", "cccc2222"]), ("problem", ["dddd2222"])]


def test_quiet_hours_let_only_what_is_critical_pass(people: People, server: Answers) -> None:
    """By the clock of the channel's zone; what still lasts in the morning is told then."""
    people.configure(team(server, 'quiet_hours = "22:00-07:00"\ntime_zone = "America/New_York"'))
    people.clock.now = datetime(2026, 3, 3, 2, 59, tzinfo=UTC)  # 21:59
    people.find(evening := a_finding("aaaa2222", service="evening"))
    assert people.tell() == 1
    people.clock.forward(minutes=1)
    people.end(evening)
    people.find(a_finding("bbbb2222", service="night"), short := a_finding("cccc2222", service="short"))
    people.find(a_finding("dddd2222", "critical", service="pager"))
    assert people.tell() == 1
    people.clock.now = datetime(2026, 3, 3, 11, 59, tzinfo=UTC)
    people.end(short)
    assert people.tell() == 0
    people.clock.forward(minutes=1)
    assert people.tell() == 2
    assert said(server) == [
        ("problem", ["aaaa2222"]),
        ("problem", ["dddd2222"]),
        ("problem", ["bbbb2222"]),
        ("resolved", ["aaaa2222"]),
    ]


ROUTES = """
[[route]]
severity = "critical"
environment = "prod*"
to = ["pager"]
continue = true
[[route]]
service = ["shop-*", "web"]
to = "team"
[[route]]
kind = "silence"
severity = "warning"
to = ["team", "pager"]
"""


@pytest.mark.parametrize(
    ("finding", "pager", "chat"),
    [
        (a_finding("aaaa2222", "critical"), 1, 1),
        (a_finding("aaaa2222", "warning"), 0, 1),
        (a_finding("aaaa2222", "critical", environment="test"), 0, 1),
        (a_finding("aaaa2222", "critical", environment=None, service="shop-web"), 0, 1),
        (a_finding("aaaa2222", "critical", service="billing"), 1, 0),
        (a_finding("aaaa2222", "warning", service="billing"), 0, 0),
        (a_finding("aaaa2222", "warning", service="billing", kind="silence"), 1, 1),
        (a_finding("aaaa2222", "info", service="billing", kind="silence"), 0, 0),
        (a_finding("aaaa2222", "warning", kind="silence"), 0, 1),
    ],
)
def test_the_first_route_that_matches_wins(
    people: People, server: Answers, finding: Finding, pager: int, chat: int
) -> None:
    """Unless it goes on; what no route matches goes to nobody."""
    people.configure(team(server) + team(server, name="pager") + ROUTES)
    people.find(finding)
    assert (people.tell("pager"), people.tell()) == (pager, chat)


def test_without_routes_every_channel_hears_of_all_from_warning_on(people: People, server: Answers) -> None:
    """A file of one channel is a whole one."""
    people.configure(team(server) + team(server, name="other"))
    people.find(a_finding("aaaa2222", "info"))
    assert (people.tell(), people.tell("other")) == (0, 0)
    people.find(a_finding("bbbb2222", service="shop"))
    assert (people.tell(), people.tell("other")) == (1, 1)


ESCALATES = '[[route]]\nto = "team"\nescalate = [{ after = "15m", to = ["lead"] }, { after = "1h", to = "head" }]\n'


def escalating(server: Answers) -> str:
    return team(server) + team(server, name="lead") + team(server, name="head") + ESCALATES


def test_what_nobody_acknowledges_goes_to_the_next(people: People, server: Answers) -> None:
    """After so long from when the first were to be told; and they hear of its end."""
    people.configure(escalating(server))
    people.find(one := a_finding("aaaa2222"))
    assert [people.tell(name) for name in ("team", "lead", "head")] == [1, 0, 0]
    people.clock.forward(minutes=15)
    assert [people.tell(name) for name in ("team", "lead", "head")] == [0, 1, 0]
    people.clock.forward(minutes=45)
    assert [people.tell(name) for name in ("team", "lead", "head")] == [0, 0, 1]
    assert posted(server)[1]["text"].startswith("Escalated: nobody has acknowledged it.")
    people.end(one)
    assert [people.tell(name) for name in ("team", "lead", "head")] == [1, 1, 1]


def test_what_is_acknowledged_goes_no_further(people: People, server: Answers) -> None:
    """Also by another finding of the message; whoever was told of it hears who is at it, once."""
    people.configure(escalating(server))
    people.find(one := a_finding("aaaa2222"), two := a_finding("bbbb2222"))
    people.tell()
    assert marks.acknowledge(people.store, two, "Ada", people.clock.now)
    people.clock.forward(minutes=90)
    assert [people.tell(name) for name in ("team", "lead", "head")] == [1, 0, 0]
    _, acknowledged = posted(server)
    assert (acknowledged["message"], acknowledged["number"]) == ("acknowledged", 2)
    assert acknowledged["text"].startswith("Acknowledged: Ada.")
    people.end(one, two)
    assert not marks.acknowledge(people.store, findings.load_one(people.store, "aaaa2222"), None, people.clock.now)


def test_what_comes_back_escalates_anew(people: People, server: Answers) -> None:
    """From when it was told of again; that the last time somebody was at another finding says nothing."""
    people.configure(escalating(server))
    people.find(one := a_finding("aaaa2222"), two := a_finding("bbbb2222"))
    people.tell()
    marks.acknowledge(people.store, two, "Ada", people.clock.now)
    people.end(one, two)
    people.tell()
    people.clock.forward(minutes=30)
    people.find(one)
    assert [people.tell(name) for name in ("team", "lead")] == [1, 0]
    people.clock.forward(minutes=14)
    assert people.tell("lead") == 0
    people.clock.forward(minutes=1)
    assert people.tell("lead") == 1


def test_a_channel_that_is_down_escalates_all_the_same(people: People, server: Answers) -> None:
    """Time counts from when it was to be told."""
    people.configure(escalating(server))
    people.find(a_finding("aaaa2222"))
    down = people.channels["team"]
    batch = down.take(people.store)
    assert batch is not None
    server.say(503)
    with pytest.raises(Unavailable):
        down.send(batch)
    people.clock.forward(minutes=15)
    assert people.tell("lead") == 1


def test_a_kill_between_sending_and_writing_repeats_one_message_as_what_it_was(people: People, server: Answers) -> None:
    """Same thread, same number, same key; nothing else is told again, and what has come meanwhile is told next."""
    people.configure(team(server, 'update_every = "0s"'))
    people.find(a_finding("aaaa2222"), a_finding("bbbb2222", service="worker"))
    channel = people.channels["team"]
    batch = channel.take(people.store)
    assert batch is not None
    channel.send(batch)
    people.configure(team(server, 'update_every = "0s"'))
    people.clock.forward(minutes=3)
    people.find(a_finding("cccc2222", started_at=START - timedelta(hours=1)))
    assert people.tell() == 3
    keys = [got.headers["Idempotency-Key"] for got in server.got]
    bodies = posted(server)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert [one["finding_ids"] for one in bodies[:2]] == [["aaaa2222"], ["aaaa2222"]]
    assert bodies[0]["thread"] == bodies[1]["thread"]


def test_nobody_is_called_for_what_ended_while_nothing_ran(people: People, server: Answers) -> None:
    """It may have been told of before the kill, so its end is told."""
    people.configure(team(server))
    people.find(one := a_finding("aaaa2222"))
    assert people.channels["team"].take(people.store) is not None
    people.clock.forward(days=3)
    people.end(one)
    assert (people.tell(), people.tell()) == (1, 0)
    assert said(server) == [("resolved", ["aaaa2222"])]


def test_what_a_service_refuses_is_recorded_and_passed_over(people: People, server: Answers) -> None:
    """With its reason; the next message goes its way."""
    people.configure(team(server))
    people.find(a_finding("aaaa2222"))
    server.say(400, "no such field")
    assert people.tell() == 1
    [(target, reason)] = people.store.execute("SELECT target, reason FROM refusals")
    assert target == "notify:team"
    assert reason.endswith("refused with 400: no such field")
    people.find(a_finding("bbbb2222", service="worker"))
    assert people.tell() == 1


def test_what_is_muted_is_told_as_that(people: People, server: Answers) -> None:
    """It is not over, but nobody is to hear of it."""
    people.configure(team(server))
    people.find(one := a_finding("aaaa2222"))
    people.tell()
    marks.mute(people.store, one, "known", None, people.clock.now)
    assert people.tell() == 1
    assert posted(server)[1]["title"] == "[muted] web: errors ×36 (aaaa2222)"


def test_templates_replace_title_and_body(people: People, server: Answers) -> None:
    """By the fields of the worst finding; the usual body is one of them."""
    templates = 'title = "$state: $service ($times)"\nbody = "${since} $$ $finding_id\\n$text"'
    people.configure(team(server, templates))
    people.find(a_finding("aaaa2222"))
    people.tell()
    [problem] = posted(server)
    assert problem["title"] == "warning: web (×36)"
    assert problem["text"].startswith("2026-03-02 02:00 UTC $ aaaa2222\nweb: 108")
