"""docker-compose.yml: what can be held without Docker."""

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import jsonschema
import pytest

from tests.deploy.debian import ROOT
from tests.deploy.stack import COMPOSE, EXAMPLE, PROFILES, compose, example, interpolated, services, variables

SCHEMA = Path(__file__).parent / "compose-spec.json"
STACK = (ROOT / "docs" / "stack.md").read_text()
EACH_SERVICE = pytest.mark.parametrize("name", compose()["services"])
EACH_PROFILE = pytest.mark.parametrize("profile", PROFILES)


def binds(name: str, profile: str) -> list[str]:
    """The paths of this repository that a service mounts."""
    mounts = compose()["services"][name].get("volumes", [])
    sources = [interpolated(mount["source"], COMPOSE_PROFILES=profile) for mount in mounts if mount["type"] == "bind"]
    return [source for source in sources if source.startswith("./")]


def test_the_file_is_a_compose_file() -> None:
    """By the schema that the Compose specification publishes."""
    jsonschema.validate(compose(), json.loads(SCHEMA.read_text()))


def test_the_schema_would_tell() -> None:
    """Of a name that is none."""
    wrong = {"services": {"one": {"image": "two", "helthcheck": {}}}}
    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        jsonschema.validate(wrong, json.loads(SCHEMA.read_text()))


def test_full_has_all_that_core_has() -> None:
    """And no service is in no profile, so that one word chooses."""
    assert set(services("core")) < set(services("full")) == set(compose()["services"])


@EACH_SERVICE
def test_each_service_has_a_health_check(name: str) -> None:
    """A command of its own image, with time to start."""
    check = compose()["services"][name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@EACH_SERVICE
def test_each_service_is_limited(name: str) -> None:
    """In processors, memory, processes and the length of its log."""
    service = compose()["services"][name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


@EACH_SERVICE
def test_each_service_may_do_little(name: str) -> None:
    """Its files are read only but for its volumes, it has no capabilities, and it gets no more."""
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "devices"} & set(service)
    assert set(service.get("cap_add", [])) <= ({"DAC_READ_SEARCH"} if name == "alloy" else set())


def test_nobody_gets_the_socket_of_docker() -> None:
    """Who has it has the machine."""
    assert "docker.sock" not in COMPOSE.read_text()


@EACH_SERVICE
def test_each_image_is_of_one_version(name: str) -> None:
    """Neither `latest` nor a tag that moves."""
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-alpine)?", compose()["services"][name]["image"])


@EACH_SERVICE
def test_ports_are_open_on_the_loopback_alone(name: str) -> None:
    """Unless somebody says otherwise."""
    for port in compose()["services"][name].get("ports", []):
        assert port.startswith("${LOGPIPE_BIND:-127.0.0.1}:")
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", interpolated(port))
    assert example()["LOGPIPE_BIND"] == "127.0.0.1"


@EACH_PROFILE
@EACH_SERVICE
def test_what_is_mounted_is_there(name: str, profile: str) -> None:
    """Docker would make a folder in its place, or end with an error."""
    assert [source for source in binds(name, profile) if not (ROOT / source).exists()] == []


@EACH_SERVICE
def test_what_is_mounted_is_read_only(name: str) -> None:
    """Only volumes are written to; and a path that is missing is not made."""
    for mount in compose()["services"][name].get("volumes", []):
        if mount["type"] == "bind":
            assert mount["read_only"] is True
            assert mount["source"] == "/" or mount["bind"] == {"create_host_path": False}


def test_volumes_are_declared_and_used() -> None:
    """Each by one service: none is shared."""
    used = [
        mount["source"]
        for service in compose()["services"].values()
        for mount in service.get("volumes", [])
        if mount["type"] == "volume"
    ]
    assert sorted(used) == sorted(compose()["volumes"])


def test_variables_and_their_example_are_the_same() -> None:
    """With the same defaults; what has none is empty there, and Compose says so."""
    assert {one.name for one in variables()} == set(example())
    for one in variables() - {variable for variable in variables() if variable.name == "COMPOSE_PROFILES"}:
        assert example()[one.name] == (one.default or "")
    assert example()["COMPOSE_PROFILES"] == "core"


def test_each_variable_is_explained() -> None:
    """By a comment above its group, and by a row of docs/stack.md."""
    for name in example():
        assert re.search(rf"^# .*\n([A-Z_]+=.*\n)*{name}=", EXAMPLE.read_text(), re.MULTILINE), name
        assert f"`{name}`" in STACK, name


@pytest.mark.parametrize("name", ["GRAFANA_ADMIN_PASSWORD", "LOGPIPE_LOGS"])
def test_what_nobody_can_guess_has_to_be_given(name: str) -> None:
    """Above all there is no password that works unless somebody chose it."""
    assert [one.default for one in variables() if one.name == name] == [None]
    assert example()[name] == ""


def test_nobody_gets_into_grafana_without_a_password() -> None:
    """Nor makes an account."""
    environment = compose()["services"]["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_grafana_keeps_the_plugins_of_its_image() -> None:
    """Where its files are read only it would end those that it fetches newer ones of, and be without them."""
    grafana = compose()["services"]["grafana"]
    assert grafana["read_only"]
    assert grafana["environment"]["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    assert grafana["environment"]["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"] == "false"
    assert not {"GF_INSTALL_PLUGINS", "GF_PLUGINS_PREINSTALL", "GF_PLUGINS_PREINSTALL_SYNC"} & set(
        grafana["environment"]
    )


def test_secrets_are_declared_and_used() -> None:
    """Each is a file that git leaves alone, and that deploy/secrets/README.md tells of."""
    used = {secret for service in services().values() for secret in service.get("secrets", [])}
    assert used == set(compose()["secrets"])
    readme = (ROOT / "deploy" / "secrets" / "README.md").read_text()
    for name, secret in compose()["secrets"].items():
        assert secret["file"] == f"./deploy/secrets/{name}"
        assert f"| `{name}` |" in readme


def test_secrets_are_not_committed(tmp_path: Path) -> None:
    """Whatever lies in that folder, git and the image leave it alone."""
    folder = tmp_path / "deploy" / "secrets"
    folder.mkdir(parents=True)
    (folder / ".gitignore").write_text((ROOT / "deploy" / "secrets" / ".gitignore").read_text())
    (folder / "smtp_password").write_text("secret")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    told = subprocess.run(["git", "status", "--short", "-uall"], cwd=tmp_path, capture_output=True, text=True)
    assert "smtp_password" not in told.stdout
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert not [line for line in (ROOT / ".dockerignore").read_text().splitlines() if "secrets" in line and "!" in line]


def test_the_first_commands_of_the_document_make_what_is_mounted(tmp_path: Path) -> None:
    """Run in a copy: all files of secrets are there, readable to containers, in a folder for their owner alone."""
    shutil.copy(EXAMPLE, tmp_path)
    shutil.copytree(ROOT / "deploy" / "secrets", tmp_path / "deploy" / "secrets")
    block = re.search(r"^## From a clone.*?\n\n((?: {4}[^\n]*\n)+)", STACK, re.MULTILINE | re.DOTALL)
    assert block
    subprocess.run(["bash", "-euc", textwrap.dedent(block[1])], cwd=tmp_path, check=True)
    assert (tmp_path / ".env").read_text() == EXAMPLE.read_text()
    for secret in compose()["secrets"].values():
        assert (tmp_path / secret["file"]).stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "deploy" / "secrets").stat().st_mode & 0o777 == 0o700
    assert json.loads((tmp_path / "deploy" / "secrets" / "redis_passwords").read_text()) == {}


def test_alertmanager_has_the_secrets_that_it_reads() -> None:
    """By the same names."""
    text = (ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text()
    assert set(re.findall(r": /run/secrets/(\w+)$", text, re.MULTILINE)) == set(services()["alertmanager"]["secrets"])


@EACH_SERVICE
def test_secrets_of_exporters_are_files(name: str) -> None:
    """No password is a variable, but the one of Grafana, which takes no other."""
    service = compose()["services"][name]
    for variable, value in service.get("environment", {}).items():
        if re.search(r"PASS|SECRET|TOKEN|KEY", variable) and variable != "GF_SECURITY_ADMIN_PASSWORD":
            assert value.removeprefix("/run/secrets/") in service["secrets"]


@EACH_SERVICE
def test_the_document_tells_what_each_container_is_for(name: str) -> None:
    """With the version that runs."""
    image = compose()["services"][name]["image"]
    assert f"| `{name}` | `{image}` |" in STACK


def test_the_image_is_made_of_what_is_there() -> None:
    """What the Dockerfile copies is in the repository and is sent to the builder, and it ends as a user of its own."""
    dockerfile = (ROOT / "deploy" / "logpipe" / "Dockerfile").read_text()
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for source in line.split()
    }
    assert copied == sent
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"python:3.11.16-slim-trixie"}
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["logpipe"]
    assert "uv sync --locked" in dockerfile
