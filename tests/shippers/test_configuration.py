"""Settings of targets from TOML: what is wrong is refused by name, and secrets stay out of the file and of sight."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from logpipe.errors import SettingError
from logpipe_shippers import targets
from logpipe_shippers.delivery import configuration, secrets
from logpipe_shippers.delivery.receiver import Misconfigured
from logpipe_shippers.delivery.secrets import Secret


@dataclass(frozen=True)
class Target:
    url: str
    password: Secret | None = None
    every: timedelta = timedelta(seconds=30)
    services: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Secret] = field(default_factory=dict)
    most: int = 5
    share: float = 0.5
    tls: bool = True


def made(tmp_path: Path, text: str) -> Target:
    file = tmp_path / "ship.toml"
    file.write_text(text)
    return configuration.settings(Target, configuration.read(file), "[target]")


def test_a_table_becomes_settings(tmp_path: Path) -> None:
    """Each in its type; what is not named is as by default."""
    target = made(
        tmp_path, 'url = "u"\nevery = "15m"\nservices = ["a", "b"]\nheaders = { X = "y" }\nshare = 1\ntls = false'
    )
    assert target == Target(
        "u", every=timedelta(minutes=15), services=("a", "b"), headers={"X": "y"}, share=1.0, tls=False
    )


def test_secrets_come_from_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And are not shown by whoever prints the settings."""
    (tmp_path / "secret").write_text("horse\n")
    monkeypatch.setenv("LOGPIPE_TEST_SECRET", "battery")
    by_file = made(tmp_path, f'url = "u"\npassword_file = "{tmp_path / "secret"}"')
    by_variable = made(tmp_path, 'url = "u"\npassword_env = "LOGPIPE_TEST_SECRET"')
    assert by_file.password is not None
    assert by_variable.password is not None
    assert (by_file.password.text, by_variable.password.text) == ("horse", "battery")
    assert "horse" not in f"{by_file} {by_file.password!r} {by_file.password}"


def test_a_secret_that_every_account_can_read_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not where a folder keeps others from it, nor where a container has it mounted."""
    with tempfile.TemporaryDirectory() as name:  # not below a folder that is closed, as those of tests are
        folder, file = Path(name), Path(name) / "one"
        file.write_text("horse")
        for mode, of_folder, mounted, warned in (
            (0o644, 0o755, "/run/secrets", 1),
            (0o640, 0o755, "/run/secrets", 0),
            (0o644, 0o700, "/run/secrets", 0),
            (0o644, 0o755, name, 0),
        ):
            caplog.clear()
            file.chmod(mode)
            folder.chmod(of_folder)
            monkeypatch.setattr(secrets, "_MOUNTED", mounted)
            assert Secret.from_file(file).text == "horse"
            assert len(caplog.records) == warned
            assert "horse" not in caplog.text


def test_a_table_of_secrets_has_each_from_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three ways add up, and none is shown."""
    (tmp_path / "secret").write_text("horse\n")
    monkeypatch.setenv("LOGPIPE_TEST_SECRET", "battery")
    target = made(
        tmp_path,
        f'url = "u"\nkeys = {{ A = "staple" }}\nkeys_file = {{ B = "{tmp_path / "secret"}" }}\n'
        'keys_env = { C = "LOGPIPE_TEST_SECRET" }',
    )
    assert {name: secret.text for name, secret in target.keys.items()} == {"A": "staple", "B": "horse", "C": "battery"}
    assert not any(word in str(target) for word in ("staple", "horse", "battery"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url = "u"\nkeys = { A = "a" }\nkeys_env = { A = "B" }', "[target] keys has A twice; give it once"),
        (
            'url = "u"\nkeys_env = { A = "LOGPIPE_NO_SUCH" }',
            "[target] keys_env: the variable LOGPIPE_NO_SUCH, which is to hold a secret,",
        ),
        ('url = "u"\nkeys_file = "x"', "not a table of texts"),
        ('url = "u"\nkey = { A = "a" }', "[target] has no setting key; did you mean keys"),
        ("", "[target] lacks url"),
        ('url = "u"\npasword_file = "x"', "[target] has no setting pasword_file; did you mean password_file"),
        ('url = "u"\npassword = "a"\npassword_env = "B"', "[target] has password and password_env; give one of them"),
        (
            'url = "u"\npassword_env = "LOGPIPE_NO_SUCH"',
            "[target] password_env: the variable LOGPIPE_NO_SUCH, which is to hold a secret,",
        ),
        (
            'url = "u"\npassword_file = "/no/such"',
            "[target] password_file: the secret in /no/such cannot be read: No such file or directory",
        ),
        ('url = "u"\nevery = "soon"', "[target] every is 'soon', not a time, as 90s, 15m, 12h or 7d"),
        ('url = "u"\nmost = true', "[target] most is True, not a whole number"),
        ('url = "u"\nmost = 1.5', "[target] most is 1.5, not a whole number"),
        ('url = "u"\nservices = "a"', "[target] services is 'a', not a list"),
        ('url = "u"\nservices = [1]', "[target] services is 1, not a text"),
        ('url = "u"\nheaders = { X = 1 }', "not a table of texts"),
        ("url = ", "is not TOML"),
        ('url = "u"\nevery = -5', "[target] every is -5, not a time"),
        ('url = "u"\nevery = inf', "[target] every is inf, not a time"),
        ('url = "u"\nevery = nan', "[target] every is nan, not a time"),
        ('url = "u"\nevery = "99999999999999d"', "not a time"),
    ],
)
def test_what_is_wrong_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    """With what there is instead."""
    with pytest.raises(SettingError) as wrong:
        made(tmp_path, text)
    assert said in str(wrong.value)


@pytest.mark.parametrize("text", ['keys = "horse"', 'keys = { A = "horse", B = 1 }', 'keys = ["horse"]'])
def test_a_table_of_secrets_that_is_none_is_not_repeated(tmp_path: Path, text: str) -> None:
    """An error is printed, and sent to whoever is asked for help."""
    with pytest.raises(SettingError, match=r"keys is not a table of texts") as wrong:
        made(tmp_path, f'url = "u"\n{text}')
    assert "horse" not in str(wrong.value)


def test_a_variable_may_end_as_files_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kubernetes makes of a file has its line break, which no header may have."""
    monkeypatch.setenv("LOGPIPE_TEST_SECRET", "battery\n")
    target = made(tmp_path, 'url = "u"\npassword_env = "LOGPIPE_TEST_SECRET"')
    assert target.password == Secret("battery")


@pytest.mark.parametrize(
    ("kind", "table", "said"),
    [
        ("loki", {"batch_events": 0}, "batch_events is 0, not 1 or more"),
        ("loki", {"interval": 0}, "interval is less than 0.01 s"),
        ("otlp", {"interval": 0}, "interval is less than 0.01 s"),
        ("otlp", {"timeout_s": 0}, "timeout_s is 0, not above 0"),
        ("pushgateway", {"interval": "0s"}, "interval is less than 0.01 s"),
        ("alertmanager", {"interval": "10ms"}, "interval is less than 1 s"),
        ("notify", {"timeout_s": -1}, "timeout_s is -1, not above 0"),
        ("loki", {"user": "me"}, "there is a user, me, without a password; give it as password_file"),
        ("pushgateway", {"user": "me"}, "there is a user, me, without a password"),
        ("loki", {"ca_file": "/no/such"}, "the certificate in /no/such cannot be read"),
        ("otlp", {"bearer_token": "a b\n"}, "the header 'Authorization' has a name or a value"),
        ("pushgateway", {"objectives": "/no/such"}, "/no/such: no such file or directory"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_target(
    tmp_path: Path, kind: str, table: Mapping[str, float | str], said: str
) -> None:
    """A file may hold many of a kind."""
    file = tmp_path / "ship.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    file.write_text("\n".join([f"[{kind}.one]", 'url = "http://one:1"', *lines]))
    with pytest.raises(SettingError) as wrong:
        targets.load(file)
    assert str(wrong.value).startswith(f"{file}: [{kind}.one]: {said}")


def test_an_address_that_is_none_is_refused_with_its_target(tmp_path: Path) -> None:
    """As its settings are."""
    file = tmp_path / "ship.toml"
    file.write_text('[loki.one]\nurl = "localhost"')
    with pytest.raises(Misconfigured, match=r"ship.toml: \[loki.one\]: 'localhost' is not the address of a server"):
        targets.load(file)


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    """A mount that failed leaves an empty file."""
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingError, match="is empty"):
        made(tmp_path, f'url = "u"\npassword_file = "{tmp_path / "secret"}"')
    with pytest.raises(SettingError, match="no such file"):
        configuration.read(tmp_path / "none.toml")
