"""`logpipe emit check`, on small applications, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import call

DICT_CONFIG = {
    "version": 1,
    "handlers": {"out": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["out"], "level": "INFO"},
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a package that sets up its logging when it is imported, and one that does so when it is called."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "app.py").write_text(
        "import logging\nfrom logpipe import JsonFormatter, setup_logging\nprint('imported')\n"
        "setup_logging(service='shop', level='DEBUG')\nJsonFormatter(service='another')\n"
        "logging.getLogger('shop.cart').warning('ready')\nlogging.getLogger('noisy').setLevel('ERROR')\n"
    )
    (tmp_path / "shop" / "late.py").write_text(
        "from logpipe import setup_logging\ndef configure():\n    setup_logging(service='late')\n"
    )
    (tmp_path / "dict.json").write_text(json.dumps(DICT_CONFIG))
    return tmp_path


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`logpipe emit check ARGUMENTS` in a folder."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LOGPIPE_", "LOG_LEVEL"))}
    command = [sys.executable, "-m", "logpipe", "emit", "check", *arguments]
    return subprocess.run(command, cwd=folder, env=environ | variables, capture_output=True, text=True)


def found(folder: Path, *arguments: str, **variables: str) -> dict[str, Any]:
    """What it finds, as JSON."""
    done = run(folder, "--json", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_settings_are_those_of_the_variables(tmp_path: Path) -> None:
    """Without an application there are no loggers to tell of, and nothing is made."""
    check = found(tmp_path, LOGPIPE_SERVICE="shop", LOG_LEVEL="debug")
    settings = {one["name"]: (one["value"], one["origin"]) for one in check["settings"]}
    assert settings["service"] == ("shop", "LOGPIPE_SERVICE")
    assert settings["level"] == ("DEBUG", "LOG_LEVEL")
    assert settings["keep_days"] == (30, "default")
    assert (check["loggers"], check["setup_called"], check["troubles"]) == ([], None, [])
    assert check["folder"]["path"] == str(tmp_path / "logs" / "shop")
    assert list(tmp_path.iterdir()) == []


def test_an_application_is_imported_and_writes_nothing(shop: Path) -> None:
    """Its own arguments are told, its output is no data, and what it logs goes to no file of its."""
    check = found(shop, "--import", "shop.app", LOGPIPE_SERVICE="overruled")
    settings = {one["name"]: (one["value"], one["origin"]) for one in check["settings"]}
    assert (settings["service"], settings["level"]) == (("shop", "argument"), ("DEBUG", "argument"))
    assert settings["console"] == ("auto", "default")
    assert check["setup_called"] is True
    assert not (shop / "logs").exists()
    loggers = {one["logger"]: one for one in check["loggers"]}
    assert [target["ours"] for target in loggers["shop.cart"]["targets"]] == [True]
    assert [(one["reason"], one["logger"]) for one in check["troubles"]] == [("level", "noisy")]


def test_a_function_is_called(shop: Path) -> None:
    """As it would be when the application starts."""
    assert found(shop, "--import", "shop.late")["setup_called"] is False
    check = found(shop, "--import", "shop.late:configure")
    assert check["setup_called"] is True
    assert check["settings"][0]["value"] == "late"


def test_a_later_dict_config_takes_the_handler_and_disables_loggers(shop: Path) -> None:
    """Both are told, and fail under --strict."""
    done = run(shop, "--import", "shop.app", "dict.json", "--strict")
    assert done.returncode == 1
    assert "warning: the root logger has lost the handler of setup_logging" in done.stderr
    assert "warning: shop.cart is disabled: its records are dropped without a word" in done.stderr
    assert "nowhere: disabled" in done.stdout


@pytest.mark.parametrize("name", ["dict.json", "dict.toml"])
def test_a_dict_config_alone_is_walked(shop: Path, name: str) -> None:
    """Where its records go; it has no handler of ours to lose."""
    (shop / "dict.toml").write_text(
        'version = 1\n[handlers.out]\nclass = "logging.StreamHandler"\n[root]\nhandlers = ["out"]\nlevel = "INFO"\n'
    )
    check = found(shop, name)
    assert check["setup_called"] is False
    [target] = check["loggers"][0]["targets"]
    assert (target["handler"], target["ours"]) == ("logging.StreamHandler", False)
    assert "removed" not in [one["reason"] for one in check["troubles"]]


def test_people_get_tables(shop: Path) -> None:
    """Settings, files, and the loggers that have something of their own; what the module prints is not among them."""
    done = run(shop, "--import", "shop.app")
    assert done.returncode == 0
    assert "imported" in done.stderr
    assert "imported" not in done.stdout
    assert "logs/shop/error.jsonl" in done.stdout
    assert "the folder can be written; " in done.stdout
    assert "noisy" in done.stdout
    assert "shop.cart" not in done.stdout
    assert "more loggers as their parents; --all shows them" in done.stderr
    assert "shop.cart" in run(shop, "--import", "shop.app", "--all").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--import", "nowhere"], "nowhere cannot be run: ModuleNotFoundError: No module named 'nowhere'"),
        (["--import", "shop.late:missing"], "shop.late:missing cannot be run: AttributeError"),
        (["--import", "broken"], "broken cannot be run: ZeroDivisionError"),
        (["--import", "leaves"], "leaves cannot be run: SystemExit: 3"),
        (["wrong.json"], "wrong.json is refused by logging.config.dictConfig: Unable to configure handler 'out'"),
    ],
)
def test_bad_input_is_one_sentence(shop: Path, arguments: list[str], sentence: str) -> None:
    """And exit code 1, with no traceback."""
    (shop / "broken.py").write_text("1 / 0\n")
    (shop / "leaves.py").write_text("raise SystemExit(3)\n")
    (shop / "wrong.json").write_text('{"version": 1, "handlers": {"out": {"class": "no.Handler"}}}')
    done = run(shop, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {sentence}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("missing.json", "cannot read missing.json: no such file or directory"),
        ("broken.py", "broken.py is no JSON"),
        ("list.json", "list.json holds no object"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_sentence(tmp_path: Path, file: str, sentence: str) -> None:
    """And nothing is set up."""
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "list.json").write_text("[]")
    done = call("emit", "check", file, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {sentence}")
    assert done.stderr.count("\n") == 1


def test_a_bad_variable_is_told(tmp_path: Path) -> None:
    """As setup_logging does."""
    done = run(tmp_path, LOGPIPE_LEVEL="LOUD")
    assert (done.returncode, done.stderr.startswith("error: LOGPIPE_LEVEL is 'LOUD'; give one of")) == (1, True)
