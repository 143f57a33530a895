"""The document of the analysis knows every kind of finding and every setting with its default."""

from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from logpipe_analysis.finding import KINDS
from logpipe_analysis.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_documented(kind: str) -> None:
    """Each kind has a heading."""
    assert any(kind in line for line in DOCUMENT.splitlines() if line.startswith("## "))


def test_every_setting_is_documented_with_its_default() -> None:
    """A row a setting; an interval is given in words."""
    settings = Settings()
    groups = [settings, *(getattr(settings, field.name) for field in fields(settings))]
    for group in (group for group in groups if is_dataclass(group)):
        for field in fields(group):
            default = getattr(group, field.name)
            if is_dataclass(default):
                continue
            shown = "1 minute" if default == timedelta(minutes=1) else str(default)
            assert f"| `{field.name}` | {shown} |" in DOCUMENT, field.name
