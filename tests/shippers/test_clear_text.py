"""A configuration file with secrets in it that others may read is named, once, without them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from logpipe_shippers import alertmanager, otlp
from logpipe_shippers.delivery import clear_text, configuration, secrets
from logpipe_shippers.delivery.secrets import Secret
from logpipe_shippers.loki import LokiSettings
from logpipe_shippers.notify.settings import Settings as Channel
from logpipe_shippers.prometheus import pushgateway
from tests.commands import call
from tests.stores import new_store

IN_CLEAR = '[loki.main]\nurl = "http://localhost:1"\nuser = "shop"\npassword = "h0rse"\n'


def warnings(caplog: pytest.LogCaptureFixture, path: Path, text: str = IN_CLEAR, mode: int = 0o644) -> list[str]:
    """What is said when the file is read."""
    path.write_text(text)
    path.chmod(mode)
    configuration.read(path)
    return caplog.messages


@pytest.fixture
def folder() -> Iterator[Path]:
    """That others may pass, as they may not those of tests."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def config(folder: Path) -> Path:
    return folder / "ship.toml"


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o644, True), (0o640, True), (0o604, True), (0o620, True), (0o600, False), (0o400, False)]
)
def test_others_have_no_business_in_it(caplog: pytest.LogCaptureFixture, config: Path, mode: int, warned: bool) -> None:
    """The group as little as all."""
    said = f"{config} holds secrets in clear text, and other accounts may read it; chmod 600 {config} keeps them"
    assert warnings(caplog, config, mode=mode) == ([said] if warned else [])


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, False)])
def test_a_file_of_another_account_is_read_by_its_group(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, config: Path, mode: int, warned: bool
) -> None:
    """We could not read it otherwise."""
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    said = warnings(caplog, config, mode=mode)
    assert [f"chmod 640 {config} keeps them" in one for one in said] == [True] * warned


def test_who_is_not_of_its_group_is_told_how_to_stay_able_to_read_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    """As in a container that has it from the account that wrote it."""
    monkeypatch.setattr(os, "geteuid", lambda: 99_999)
    monkeypatch.setattr(os, "getegid", lambda: 99_998)
    monkeypatch.setattr(os, "getgroups", lambda: [99_998])
    [said] = warnings(caplog, config)
    assert said.endswith(f"; chgrp 99998 {config} && chmod 640 {config} keeps them")


@pytest.mark.parametrize(
    "table",
    [
        '[loki.main]\nbearer_token = "h0rse"',
        '[otlp.main]\nheaders = { X-Key = "h0rse" }',
        '[pushgateway.main]\nurl = "https://shop:h0rse@localhost"',
        '[otlp.main]\nurl = "https://localhost/?key=h0rse"',
        '[notify.hook]\nurl_env = "HOOK"\nsecret = "h0rse"',
        '[notify.hook]\nurl = "https://localhost/h0rse"',
        '[notify.hook]\nurl = "https://localhost/?key=h0rse"',
        '[notify.chat]\nurl = "slack+https://localhost/h0rse"',
        '[notify.pager]\nurl = "pagerduty://h0rse"',
        '[notify.mail]\nurl = "smtps://ada:h0rse@localhost?to=ada@example.org"',
        '[notify.other]\nurl = "ntfy://h0rse"',
        '[loki.a]\nurl = "http://localhost:1"\n[loki.b]\nurl = "http://b:h0rse@localhost:1"',
    ],
)
def test_a_secret_may_be_many_things(caplog: pytest.LogCaptureFixture, config: Path, table: str) -> None:
    """None of them is shown."""
    [said] = warnings(caplog, config, table)
    assert "h0rse" not in said


@pytest.mark.parametrize(
    "table",
    [
        '[loki.main]\nurl = "https://localhost:3100/behind"\nuser = "shop"\npassword_file = "p"\nheaders = {}',
        '[otlp.main]\nurl = "https://localhost"\nbearer_token_env = "TOKEN"\nheaders_file = { X-Key = "k" }',
        '[notify.chat]\nurl_file = "u"\nsecret_env = "SECRET"',
        '[notify.hook]\nurl = "http://localhost:9000"',
        '[notify.mail]\nurl = "smtp+plain://localhost?from=a@example.org&to=b@example.org"',
        '[[route]]\nto = "chat"\n[[objective]]\nservice = "secret"\navailability = 0.9',
        'loki = 1\n[otlp]\nurl = "https://[::1/"\n[notify.a]\nurl = "https://[::1/"',
    ],
)
def test_what_names_a_file_or_a_variable_is_no_secret(
    caplog: pytest.LogCaptureFixture, config: Path, table: str
) -> None:
    """Nor is an address alone, or what is no table."""
    assert warnings(caplog, config, table) == []


def test_what_a_container_has_mounted_is_its_own(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    """As it is with files of single secrets."""
    monkeypatch.setattr(secrets, "_MOUNTED", str(config.parent))
    assert warnings(caplog, config) == []


@pytest.mark.parametrize(
    ("of_folder", "warned"), [(0o700, False), (0o744, False), (0o710, True), (0o701, True), (0o755, True)]
)
def test_a_folder_may_keep_others_from_it(
    caplog: pytest.LogCaptureFixture, config: Path, of_folder: int, warned: bool
) -> None:
    """As home folders do; one that cannot be looked at does not."""
    config.parent.chmod(of_folder)
    assert len(warnings(caplog, config)) == warned
    assert not secrets.is_closed_off(Path("/none/ship.toml"))


def test_each_command_that_reads_it_says_so_once(
    caplog: pytest.LogCaptureFixture, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that reads it for its targets and for objectives."""
    monkeypatch.chdir(folder)
    new_store(folder / "logs.duckdb").close()
    hook = '[notify.hook]\nurl = "http://localhost:1/h0rse"\n'
    objective = '[[objective]]\nservice = "shop"\navailability = 0.9\n'
    push = (
        '[pushgateway.main]\nurl = "ftp://a:h0rse@localhost"\nobjectives = "both.toml"\n'  # no server, once it is read
    )
    for name, text, words in (
        ("routes.toml", hook, ("notify", "routes", "--config")),
        ("test.toml", hook, ("notify", "test", "--config")),
        ("objectives.toml", hook + objective, ("ship", "prometheus", "-o", "-", "--objectives")),
        ("both.toml", push + objective, ("ship", "all", "--config")),
    ):
        caplog.clear()
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
        done = call(*words, name)
        assert [name in one for one in caplog.messages if "clear text" in one] == [True], name
        assert "h0rse" not in caplog.text + done.stderr + done.stdout


def test_all_settings_that_are_secrets_are_known() -> None:
    """Of each kind of target; what is written as a secret is one."""
    kinds = (alertmanager.Settings, LokiSettings, otlp.Settings, pushgateway.Settings, Channel)
    hints = {name: hint for kind in kinds for name, hint in get_type_hints(kind).items()}
    found = {name for name, hint in hints.items() if hint is Secret or Secret in get_args(hint)}
    assert found | {"url"} == set(clear_text.SETTINGS)
