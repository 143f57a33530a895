"""What a file of channels and routes may say; what is wrong is refused by name."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from logpipe.errors import SettingError
from logpipe_shippers.delivery.secrets import Secret
from logpipe_shippers.notify.settings import Settings
from logpipe_shippers.notify.template import FIELDS
from logpipe_shippers.targets import load

URL = 'url = "https://h.example.org/s3cret"\n'
PAGE = (Path(__file__).parents[3] / "docs" / "shipping.md").read_text()


def made(folder: Path, text: str) -> list[str]:
    path = folder / "ship.toml"
    path.write_text(text)
    targets = load(path)
    for target in targets:
        target.close()
    return [target.name for target in targets]


def test_channels_stand_beside_other_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their URLs from files and variables."""
    (tmp_path / "url").write_text("https://hooks.slack.com/services/T/B/x\n")
    monkeypatch.setenv("PAGER_URL", "pagerduty://0123456789abcdef")
    text = f'[notify.chat]\nurl_file = "{tmp_path / "url"}"\n[notify.pager]\nurl_env = "PAGER_URL"\n'
    assert made(tmp_path, text + '[[route]]\nto = ["chat", "pager"]\n') == ["notify:chat", "notify:pager"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[notify.a]\n", "[notify.a] lacks url"),
        ('[notify.a]\nurl = "nothing"\n', "[notify.a]: the URL of the channel is none"),
        ('[notify.a]\nurl = "https:///s3cret"\n', "[notify.a]: the URL of the channel is not the address of a server"),
        ('[notify.a]\nurl = "pagerduty+https://events.example.org/s3cret"\n', "has no routing key"),
        (f'[notify.a]\n{URL}group = "team"\n', "group is 'team', not one of incident, service, finding"),
        (f'[notify.a]\n{URL}quiet_hours = "22-7"\n', "quiet_hours is '22-7', not two times of the day"),
        (f'[notify.a]\n{URL}time_zone = "Mars/Base"\n', "time_zone is 'Mars/Base', not a time zone"),
        (f'[notify.a]\n{URL}time_zone = "../etc"\n', "time_zone is '../etc', not a time zone"),
        (f"[notify.a]\n{URL}messages_per_hour = 0\n", "messages_per_hour is 0, not 1 or more"),
        (f'[notify.a]\n{URL}title = "$sevrity"\n', "title has $sevrity, which is no field; did you mean $severity"),
        (f'[notify.a]\n{URL}body = "5 $"\n', "body has a $ that begins no field"),
        (f'[notify.a]\n{URL}ca_file = "/nowhere/ca.pem"\n', "[notify.a]: the certificate in /nowhere/ca.pem"),
        (f'[notify.a]\n{URL}[[route]]\nto = "b"\n', "[[route]] 1 leads to b, which is no channel; there are a"),
        (f"[notify.a]\n{URL}[[route]]\nto = []\n", "[[route]] 1 leads to nobody"),
        (f"[notify.a]\n{URL}[[route]]\n", "[[route]] 1 lacks to"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\nseverity = "bad"\n', "[[route]] 1: severity is 'bad', not one of"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\nkind = "spike"\n', "[[route]] 1: no finding is of a kind 'spike'"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\nservce = "x"\n', "has no setting servce; did you mean service"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\ncontinue = 1\n', "continue is 1, not true or false"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\nescalate = "b"\n', "escalate is no list of steps"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\nescalate = [{{ to = "b", after = "5m" }}]\n', "leads to b"),
        (f'[notify.a]\n{URL}[[route]]\nto = "a"\nescalate = [{{ to = "a" }}]\n', "escalate lacks after"),
        (f'[notify.a]\n{URL}[route]\nto = "a"\n', "routes are tables"),
        ("[notify]\nurl = 1\n", "a target has a name"),
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """And without what is secret."""
    with pytest.raises(SettingError) as wrong:
        made(tmp_path, text)
    assert said in str(wrong.value)
    assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("hours", "clock", "quiet"),
    [
        ("22:00-07:00", "21:59", False),
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("12:00-13:00", "12:30", True),
        ("12:00-13:00", "13:00", False),
        ("00:00-00:00", "12:00", False),
    ],
)
def test_quiet_hours_may_pass_midnight(hours: str, clock: str, quiet: bool) -> None:
    """From the first minute up to the last, which is not in it."""
    settings = Settings(Secret("https://h.example.org"), quiet_hours=hours)
    moment = datetime.fromisoformat(f"2026-03-02T{clock}:00").replace(tzinfo=UTC)
    assert settings.is_quiet(moment) is quiet


def test_quiet_hours_follow_the_clock_of_their_zone() -> None:
    """Also through the change to summer time."""
    settings = Settings(Secret("https://h.example.org"), quiet_hours="22:00-07:00", time_zone="Europe/Berlin")
    assert settings.is_quiet(datetime(2026, 3, 28, 5, 30, tzinfo=UTC))  # 06:30
    assert not settings.is_quiet(datetime(2026, 3, 29, 5, 30, tzinfo=UTC))  # 07:30


def test_the_example_of_the_page_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that it names set, it makes its five channels."""
    [example] = re.findall(r"```toml\n(\[notify\.oncall\].*?)```", PAGE, re.DOTALL)
    secret = tmp_path / "secret"
    secret.write_text("https://hooks.slack.com/services/T/B/x")
    monkeypatch.setenv("PAGERDUTY_URL", "pagerduty+https://0123456789abcdef@events.eu.pagerduty.com")
    monkeypatch.setenv(
        "MAIL_URL", "smtp://u:p@mail.example.org?from=logpipe@example.org&to=a@example.org,b@example.org"
    )
    monkeypatch.setenv("CHAT_URL", "json://chat.example.org")
    names = made(tmp_path, re.sub(r"/run/secrets/\w+", str(secret), example))
    assert names == [f"notify:{name}" for name in ("oncall", "team", "mail", "ours", "chat")]


def test_each_setting_and_each_field_is_documented() -> None:
    """In docs/shipping.md, where somebody looks."""
    from dataclasses import fields

    from logpipe_shippers.notify.routing import Match

    names = [field.name for kind in (Settings, Match) for field in fields(kind)]
    assert [name for name in (*names, "continue", "escalate") if f"`{name}`" not in PAGE] == []
    assert [name for name in FIELDS if f"`${name}`" not in PAGE] == []
