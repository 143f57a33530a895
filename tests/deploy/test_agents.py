"""Configurations of other agents: they parse, and read what logpipe writes into what logpipe calls it."""

import fnmatch
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from logpipe.emit.file_names import own_path, rotated_path
from logpipe.record import KEYS
from tests.deploy.debian import ROOT
from tests.deploy.rules import load
from tests.deploy.stack import compose

SHIPPERS = ROOT / "shippers"
VECTOR = SHIPPERS / "vector" / "vector.yaml"
FLUENT_BIT = SHIPPERS / "fluent-bit" / "fluent-bit.yaml"
COLLECTOR = SHIPPERS / "otel-collector" / "config.yaml"
ALLOY = SHIPPERS / "alloy" / "config.alloy"
LABELS = {"service_name", "deployment_environment_name", "logpipe_stream"}


def code(path: Path) -> str:
    """A file in Alloy's syntax without its comments."""
    return re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)


def blocks(path: Path) -> dict[str, str]:
    """Its components by name and label; every bracket has its other one."""
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', code(path))
    for opening, closing in ("{}", "[]", "()"):
        assert bare.count(opening) == bare.count(closing), f"{opening}{closing}"
    found = re.findall(r'^([\w.]+) "(\w+)" \{\n(.*?)^\}', code(path), re.MULTILINE | re.DOTALL)
    return {f"{name}.{label}": body for name, label, body in found}


def keys(body: str, stage: str, argument: str) -> set[str]:
    """The names in a map of a stage."""
    found = re.search(rf"{re.escape(stage)} \{{\s+{argument}\s*=\s*\{{(.*?)\}}", body, re.DOTALL)
    assert found, stage
    return set(re.findall(r"(\w+)\s*=", found[1]))


@pytest.mark.parametrize("path", [ALLOY, ROOT / "deploy" / "alloy" / "config.alloy"], ids=["shippers", "deploy"])
def test_components_of_alloy_lead_to_each_other(path: Path) -> None:
    """Whatever is referred to is there, and what nobody refers to is a source."""
    referred = set(re.findall(r"\b(\w+\.\w+\.\w+)\.(?:receiver|targets)\b", code(path)))
    found = set(blocks(path))
    assert referred <= found
    assert found - referred == {name for name in found if name.startswith("loki.source.")}


def test_alloy_parses_fields_of_the_record_into_the_labels_of_logpipe() -> None:
    """Few labels; the rest is structured metadata."""
    body = blocks(ALLOY)["loki.process.logpipe"]
    parsed, metadata = keys(body, "stage.json", "expressions"), keys(body, "stage.structured_metadata", "values")
    assert parsed <= set(KEYS)
    assert keys(body, "stage.labels", "values") == LABELS
    assert metadata == parsed - {"timestamp", "service", "environment", "stream"}


def test_alloy_of_the_stack_reads_what_is_mounted() -> None:
    """Docker's files and the log of the machine, and the names that the logging options give."""
    alloy = compose()["services"]["alloy"]
    mounted = {mount["target"] for mount in alloy["volumes"]}
    paths = re.findall(r'__path__ = "([^"]+)"', (ROOT / "deploy" / "alloy" / "config.alloy").read_text())
    assert {str(Path("/", *Path(path).parts[1:3])) for path in paths} == {"/host/containers", "/host/log"} < mounted
    assert alloy["logging"]["options"]["tag"] == "{{.Name}}"


def files(folder: Path) -> tuple[list[str], list[str]]:
    """The files of a service that are written, and one that was rotated."""
    written = [folder / "shop" / "app.jsonl", own_path(folder / "shop" / "error.jsonl")]
    rotated = [rotated_path(path, datetime(2026, 1, 2, tzinfo=UTC).timestamp()) for path in written]
    return [str(path) for path in written], [str(path) for path in rotated]


def taken(name: str, include: str, exclude: str | None) -> bool:
    """Whether an agent reads a file."""
    return fnmatch.fnmatch(name, include) and not (exclude and fnmatch.fnmatch(name, exclude))


def globs(agent: str) -> tuple[str, str | None]:
    """The files that an agent reads, and those that it leaves out."""
    if agent == "vector":
        return load(VECTOR)["sources"]["logpipe"]["include"][0].replace("/var/log/logpipe", "DIR"), None
    if agent == "otel-collector":
        return load(COLLECTOR)["receivers"]["file_log"]["include"][0].replace("${env:LOGPIPE_LOG_DIR}", "DIR"), None
    if agent == "fluent-bit":
        [tail] = load(FLUENT_BIT)["pipeline"]["inputs"]
        include, exclude = (tail[name].replace("${LOGPIPE_LOG_DIR}", "DIR") for name in ("path", "exclude_path"))
        return include, exclude
    paths = dict(re.findall(r'(__path\w+)\s+= sys\.env\("LOGPIPE_LOG_DIR"\) \+ "([^"]+)"', ALLOY.read_text()))
    return f"DIR{paths['__path__']}", f"DIR{paths['__path_exclude__']}"


@pytest.mark.parametrize(
    ("agent", "rotated_too"), [("vector", True), ("otel-collector", True), ("fluent-bit", False), ("alloy", False)]
)
def test_agents_read_what_logpipe_writes(agent: str, rotated_too: bool, tmp_path: Path) -> None:
    """All streams; rotated files by those who know a file again, and not as new files by the others."""
    include, exclude = (glob and glob.replace("DIR", str(tmp_path)) for glob in globs(agent))
    assert include
    written, rotated = files(tmp_path)
    assert all(taken(name, include, exclude) for name in written)
    assert [taken(name, include, exclude) for name in rotated] == [rotated_too] * len(rotated)


def test_vector_makes_labels_of_the_record() -> None:
    """Those of logpipe, of fields that the record has; the sink sends these and the rest."""
    program = load(VECTOR)["transforms"]["entries"]["source"]
    assert set(re.findall(r"labels\.(\w+) =", program)) == LABELS
    assert set(re.findall(r"record\.(\w+)", program)) <= set(KEYS)
    sink = load(VECTOR)["sinks"]["loki"]
    assert (sink["labels"], sink["structured_metadata"]) == ({"*": "{{ labels }}"}, {"*": "{{ metadata }}"})
    assert "${" not in VECTOR.read_text(), "variables are not put in by default"


def test_fluent_bit_makes_labels_of_the_record() -> None:
    """Of what its script leaves beside the line and the metadata."""
    pipeline = load(FLUENT_BIT)["pipeline"]
    [output], [script] = pipeline["outputs"], pipeline["filters"]
    labels = dict(part.strip().split("=$") for part in output["labels"].split(","))
    assert set(labels) == LABELS
    kept = set(re.findall(r"^ {4}(\w+) = ", script["code"], re.MULTILINE))
    assert kept == {*labels.values(), "line", "metadata"}
    assert {part.strip() for part in output["remove_keys"].split(",")} == kept - {"line"}
    [parser] = load(FLUENT_BIT)["parsers"]
    assert (parser["name"], parser["time_key"]) == (pipeline["inputs"][0]["parser"], "timestamp")
    assert datetime.strptime("2026-11-21T07:53:38.608448Z", parser["time_format"].replace("%L", "%f"))  # noqa: DTZ007


def test_the_collector_has_all_parts_of_its_pipeline() -> None:
    """And its operators move fields of the record."""
    configuration: dict[str, Any] = load(COLLECTOR)
    pipeline = configuration["service"]["pipelines"]["logs"]
    for kind in ("receivers", "processors", "exporters"):
        assert pipeline[kind] == list(configuration[kind])
    assert configuration["service"]["extensions"] == list(configuration["extensions"])
    operators = configuration["receivers"]["file_log"]["operators"]
    moved = [step["from"] for step in operators if step["type"] == "move"]
    assert {name.removeprefix("attributes.") for name in moved} <= set(KEYS)
    assert all(step["if"] == f"{step['from']} != nil" for step in operators if step["type"] == "move")


@pytest.mark.parametrize("agent", ["alloy", "vector", "fluent-bit", "otel-collector"])
def test_each_agent_says_how_it_is_run(agent: str) -> None:
    """Its README names the file, and that nothing may be sent twice."""
    text = (SHIPPERS / agent / "README.md").read_text()
    [configuration] = [path for path in (SHIPPERS / agent).iterdir() if path.name != "README.md"]
    assert f"shippers/{agent}/{configuration.name}" in text
    assert "logpipe ship loki" in text
