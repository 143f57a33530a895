"""Settings of the detectors from a file."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from logpipe.errors import SettingError
from logpipe_analysis.settings import Settings
from logpipe_analysis.settings_file import load

Read = Callable[[str], Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a file and reads it as settings."""

    def settings(text: str) -> Settings:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return load(path)

    return settings


def test_what_is_named_differs_from_the_default(read: Read) -> None:
    """All else is as by default; a whole number will do for one with decimals, a list is given for several."""
    default = Settings()
    assert read("") == default
    assert read("bucket = 30\n[error_spike]\nmin_ratio = 3\nwindows = [1, 2]\n") == replace(
        default,
        bucket=timedelta(seconds=30),
        error_spike=replace(default.error_spike, min_ratio=3.0, windows=(1, 2)),
    )
    assert isinstance(read("[error_spike]\nmin_ratio = 3").error_spike.min_ratio, float)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[error_spike]\nmin_eror = 3",
            r"error_spike.min_eror is no setting; did you mean min_errors\?",
        ),
        ("[error_spyke]\n", r"settings.toml: error_spyke is no setting; did you mean error_spike\?"),
        ("zzz = 1", "zzz is no setting; the names are bucket, "),
        ("error_spike = 3", r"error_spike is a table, and 3 is none; write it with \[error_spike\]"),
        ("[error_spike]\nmin_errors = 2.5", "error_spike.min_errors is a whole number, and 2.5 is none; write it as 5"),
        ("[error_spike]\nmin_errors = true", "min_errors is a whole number, and True is none"),
        ('[error_spike]\nmin_ratio = "x"', "min_ratio is a number, and 'x' is none"),
        ("[error_spike]\nwindows = 3", r"windows is a list of whole numbers, and 3 is none; write it as \[1, 3, 8\]"),
        ("[error_spike]\nwindows = []", "windows is a list of whole numbers"),
        ("bucket = '1m'", "bucket is a number of seconds, from 1 to 86,400, and '1m' is none; write it as 60"),
        ("bucket = 0", "bucket is a number of seconds, from 1 to 86,400, and 0 is none"),
        ("bucket = 1e20", "bucket is a number of seconds, from 1 to 86,400"),
        (
            "[error_spike]\nfalse_share = 7",
            "false_share is a number above 0 and below 1, and 7 is none; write it as 0.1",
        ),
        ("[latency]\np_value = 0", "latency.p_value is a number above 0 and below 1"),
        ("[silence]\nmin_occupancy = 1.1", "min_occupancy is a number from 0 to 1, and 1.1 is none"),
        ("[error_spike]\nmin_ratio = -1", "min_ratio is a number from 0 on, and -1 is none"),
        ("[error_spike]\nmin_ratio = inf", "min_ratio is a number from 0 on"),
        ("[error_spike]\nmin_ratio = nan", "min_ratio is a number from 0 on"),
        ("[error_spike]\nhistory_days = 0", "history_days is a number from 1 on"),
        ("[silence]\ndispersion = 0", "dispersion is a number above 0, and 0 is none"),
        ("[error_spike]\nwindows = [3, 8]", "a list of whole numbers from 1 on, the first of them 1"),
        ("[volume]\nwindows = [0]", r"a list of whole numbers from 1 on, and \[0\] is none"),
        ("bucket =", "settings.toml is not TOML: "),
    ],
)
def test_what_is_no_setting_is_one_sentence(read: Read, text: str, sentence: str) -> None:
    """With the file, the name, the value and the remedy."""
    with pytest.raises(SettingError, match=sentence):
        read(text)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(SettingError, match=r"none\.toml: no such file or directory"):
        load(tmp_path / "none.toml")


def test_every_default_can_be_written_down(read: Read) -> None:
    """It is within its own bounds."""

    def lines(settings: Any, table: str = "") -> Iterator[str]:
        own = {one.name: getattr(settings, one.name) for one in fields(settings)}
        yield from [f"[{table}]"] * bool(table)
        for name, value in own.items():
            if isinstance(value, timedelta):
                yield f"{name} = {value.total_seconds()}"
            elif not is_dataclass(value):
                yield f"{name} = {list(value) if isinstance(value, tuple) else value}"
        for name, value in own.items():
            if is_dataclass(value):
                yield from lines(value, name)

    assert read("\n".join(lines(Settings()))) == Settings()
