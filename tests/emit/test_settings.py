"""Arguments, variables and defaults."""

from pathlib import Path

import pytest

from logpipe import SettingError
from logpipe.emit.settings import load


def test_an_argument_wins_over_a_variable_and_a_variable_over_the_default() -> None:
    """In this order; an empty variable is none."""
    environ = {"LOGPIPE_SERVICE": "by_variable", "LOGPIPE_VERSION": "", "LOG_LEVEL": "warn"}
    assert load({}, {}).service == "unknown_service"
    assert load({}, environ).service == "by_variable"
    assert load({"service": "by_argument"}, environ).service == "by_argument"
    assert load({}, environ).version is None
    assert load({}, environ).level == "WARNING"
    assert load({}, environ | {"LOGPIPE_LEVEL": "DEBUG"}).level == "DEBUG"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("level", "fatal", "CRITICAL"),
        ("level", 25, "INFO"),
        ("log_dir", "/var/log/x", Path("/var/log/x")),
        ("console", True, "on"),
        ("console", "no", "off"),
        ("console", "JSON", "json"),
        ("max_bytes", "64k", 65536),
        ("max_bytes", "2 MiB", 2 << 20),
        ("rotate_every", "Hour", "hour"),
        ("keep_files", "7", 7),
        ("compress", "ZSTD", "zstd"),
        ("keep_bytes", "10G", 10 << 30),
        ("keep_bytes", "0", 0),
        ("layout", "Per_Process", "per_process"),
        (
            "sample",
            "debug=0.1, shop.cache=1, shop.http@info=.5",
            {"DEBUG": 0.1, "shop.cache": 1, "shop.http@INFO": 0.5},
        ),
        ("sample", {"shop": 0}, {"shop": 0}),
        ("tail", "debug", "DEBUG"),
        ("tail_bytes", "1M", 1 << 20),
        ("repeat_limit", "5", 5),
        ("repeat_window_s", "0.5", 0.5),
    ],
)
def test_values_may_be_spelled_as_people_do(name: str, value: object, expected: object) -> None:
    """Numbers with units, booleans as words, levels in any case."""
    assert getattr(load({name: value}, {}), name) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("service", "../etc"),
        ("service", ""),
        ("service", 3),
        ("level", "LOUD"),
        ("level", True),
        ("log_dir", 3),
        ("console", "maybe"),
        ("max_bytes", "10 parsecs"),
        ("max_bytes", 1),
        ("rotate_every", "fortnight"),
        ("keep_files", -1),
        ("keep_days", "many"),
        ("compress", "perhaps"),
        ("compress", True),
        ("keep_bytes", "some"),
        ("keep_bytes", False),
        ("layout", "scattered"),
        ("environment", 5),
        ("sample", "DEBUG"),
        ("sample", "DEBUG=1.5"),
        ("sample", "shop@LOUD=0.5"),
        ("sample", "@INFO=0.5"),
        ("sample", {"shop": "0.5"}),
        ("sample", {"shop": True}),
        ("sample", {"": 0.5}),
        ("sample", 0.5),
        ("sample_key", ""),
        ("tail", "on"),
        ("tail_records", 0),
        ("tail_bytes", 10),
        ("repeat_limit", 0),
        ("repeat_window_s", 0),
        ("repeat_window_s", "nan"),
        ("repeat_window_s", [1]),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_its_origin(name: str, value: object) -> None:
    """The argument, or the variable, and what it should be."""
    with pytest.raises(SettingError, match=rf"^{name} is .*; give ") as caught:
        load({name: value}, {})
    assert caught.value.reason == "setting"
    if isinstance(value, str) and value:
        variable = f"LOGPIPE_{name.upper()}"
        with pytest.raises(SettingError, match=rf"^{variable} is .*; give "):
            load({}, {variable: value})
