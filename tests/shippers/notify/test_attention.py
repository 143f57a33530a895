"""What comes to a problem that somebody is at already: told at once where it is critical, and nobody is at it yet."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from logpipe_analysis import marks
from logpipe_analysis.finding import Finding
from logpipe_shippers.notify import attended
from tests.shippers.http_server import Answers
from tests.shippers.notify.people import People, a_finding, posted

WEB = a_finding("aaaa2222", "critical", title="web: errors ×103, POST /checkout")
API = a_finding("bbbb2222", "info", service="api")


@pytest.fixture
def oncall(people: People, server: Answers) -> People:
    """Two channels, the second called after a quarter of an hour; `web` was told, and Ada is at it."""
    people.configure(
        "".join(f'[notify.{name}]\nurl = "{server.url}/{name}"\n' for name in ("team", "lead"))
        + '[[route]]\nseverity = "warning"\nto = "team"\nescalate = [{ after = "15m", to = "lead" }]\n'
    )
    people.find(WEB)
    people.put_together("iaaaa2222", WEB.finding_id)
    people.tell()
    people.clock.forward(seconds=20)
    acknowledge(people, WEB)
    people.tell()
    server.got.clear()
    return people


def acknowledge(people: People, finding: Finding, by: str = "Ada") -> None:
    assert marks.acknowledge(people.store, finding, by, people.clock.now)


def join(people: People, *found: Finding) -> None:
    """Findings of the incident that `web` began."""
    people.find(*found)
    people.put_together("iaaaa2222", WEB.finding_id, *(one.finding_id for one in found))


def become_critical(people: People) -> Finding:
    """`api` has a finding of its own, which is critical half a minute later and of the incident."""
    people.clock.forward(seconds=50)
    people.find(API)
    assert people.tell() == 0
    people.clock.forward(seconds=27)
    join(people, critical := replace(API, severity="critical"))
    return critical


def told(server: Answers) -> list[str]:
    return [one["message"] for one in posted(server)]


def test_what_is_critical_is_told_at_once_though_somebody_is_at_the_rest(oncall: People, server: Answers) -> None:
    """By the next look, in the same thread, with its service in the title; and once."""
    become_critical(oncall)
    assert (oncall.tell(), oncall.tell()) == (1, 0)
    [more] = posted(server)
    assert (more["message"], more["number"]) == ("update", 3)
    assert more["title"] == "[critical] web: errors ×103, POST /checkout (+1 in api)"
    assert "+ critical: api: errors ×36" in more["text"]


def test_an_acknowledgement_holds_for_what_had_been_told(oncall: People, server: Answers) -> None:
    """The new one escalates from when it was told, and who is at it then is told as well."""
    api = become_critical(oncall)
    oncall.tell()
    assert attended(oncall.store, oncall.clock.now) == {"aaaa2222": "Ada"}
    oncall.clock.forward(minutes=14)
    assert oncall.tell("lead") == 0
    oncall.clock.forward(minutes=1)
    assert oncall.tell("lead") == 1
    *_, escalated = posted(server)
    assert escalated["finding_ids"] == ["bbbb2222"]
    acknowledge(oncall, api, "Bob")
    assert (oncall.tell(), oncall.tell(), oncall.tell("lead")) == (1, 0, 1)
    assert posted(server)[0]["text"].startswith("Acknowledged: Bob.")
    assert attended(oncall.store, oncall.clock.now) == {"aaaa2222": "Ada", "bbbb2222": "Bob"}


def test_one_word_is_for_all_that_had_been_told(oncall: People, server: Answers) -> None:
    """To acknowledge the first again, as the message has it, is to acknowledge what came to it."""
    become_critical(oncall)
    oncall.tell()
    oncall.clock.forward(seconds=5)
    acknowledge(oncall, WEB)
    oncall.clock.forward(hours=1)
    assert (oncall.tell(), oncall.tell("lead")) == (1, 0)
    assert told(server) == ["update", "acknowledged"]


def test_what_is_not_critical_waits_and_calls_nobody(oncall: People, server: Answers) -> None:
    """Somebody is at the problem; a later rise is told at once, and escalates from then."""
    join(oncall, warning := replace(API, severity="warning"))
    assert oncall.tell() == 0
    oncall.clock.forward(minutes=10)
    assert oncall.tell() == 1
    oncall.clock.forward(hours=1)
    assert (oncall.tell(), oncall.tell("lead")) == (0, 0)
    oncall.find(replace(warning, severity="critical"))
    assert (oncall.tell(), oncall.tell("lead")) == (1, 0)
    oncall.clock.forward(minutes=15)
    assert oncall.tell("lead") == 1
    assert told(server) == ["update", "update", "problem"]


def test_what_comes_and_goes_is_told_at_once_the_first_time_only(oncall: People, server: Answers) -> None:
    """Whether its severity does, or it ends and is found anew; what is new waits for `update_every`."""
    api = become_critical(oncall)
    oncall.tell()
    for each in range(8):
        oncall.clock.forward(seconds=20)
        oncall.find(replace(api, severity="warning"))
        assert oncall.tell() == 0
        oncall.find(api)
        assert oncall.tell() == 0
        oncall.end(api)
        api = replace(api, finding_id=f"cccc222{each}", started_at=oncall.clock.now)
        join(oncall, api)
        assert oncall.tell() == 0
    oncall.clock.forward(minutes=10)
    assert (oncall.tell(), oncall.tell()) == (1, 0)
    assert told(server) == ["update", "update"]


def test_a_second_rise_is_told_of_a_problem_that_is_critical_already(oncall: People, server: Answers) -> None:
    """Also past the limit of messages: nothing else would tell of it."""
    oncall.configure(f'[notify.team]\nurl = "{server.url}/team"\nmessages_per_hour = 1\nupdate_every = "0s"\n')
    oncall.clock.forward(hours=2)
    join(oncall, api := replace(API, severity="warning"))
    assert oncall.tell() == 1
    oncall.find(replace(api, severity="critical"))
    assert (oncall.tell(), oncall.tell()) == (1, 0)
    assert posted(server)[1]["text"].startswith("It got worse.")


@pytest.mark.parametrize(
    ("services", "end"),
    [
        (["web"], "(+1)"),
        (["web", "api"], "(+2 in web, api)"),
        (["api", "worker", "nginx", "api", "db"], "(+5 in api, worker and 2 more)"),
        (["a-service-with-a-very-long-name", "b" * 80], "(+2 in a-service-with-a-ve…, bbbbbbbbbbbbbbbbbbb…)"),
    ],
)
def test_a_title_names_the_services_within_its_length(
    people: People, server: Answers, services: list[str], end: str
) -> None:
    """What it says of the first is cut before that."""
    people.configure(f'[notify.team]\nurl = "{server.url}"\n')
    first = replace(WEB, title=f"web: errors ×103, POST /{'x' * 200}")
    rest = [
        replace(WEB, finding_id=f"bbbb222{each}", fingerprint=f"f{each}", service=service, started_at=late(each))
        for each, service in enumerate(services, 1)
    ]
    join(people, first, *rest)
    people.tell()
    [problem] = posted(server)
    assert problem["title"].startswith("[critical] web: errors ×103, POST /xxx")
    assert problem["title"].endswith(f"x… {end}")
    assert len(problem["title"]) <= 120


def late(minutes: int) -> datetime:
    return WEB.started_at + timedelta(minutes=minutes)
