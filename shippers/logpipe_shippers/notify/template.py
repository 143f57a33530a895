"""Titles and bodies of one's own: `$field` or `${field}`, as Python's `string.Template` has it."""

import difflib
from collections.abc import Mapping
from string import Template
from typing import Final

from logpipe.errors import SettingError

FIELDS: Final = (
    "state",
    "severity",
    "title",
    "explanation",
    "service",
    "environment",
    "kind",
    "subject",
    "since",
    "lasted",
    "observed",
    "baseline",
    "times",
    "place",
    "evidence",
    "count",
    "others",
    "finding_id",
    "command",
    "acknowledge",
    "link",
    "text",
)
"""What a template may name; docs/shipping.md says what each is."""


def check(name: str, text: str) -> None:
    """
    Raises:
        SettingError: a field that is none, or a dollar sign that begins none.
    """
    template = Template(text)
    if not template.is_valid():
        raise SettingError(f"{name} has a $ that begins no field", remedy="write $$ for the sign", reason="template")
    for field in template.get_identifiers():
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, 1)
            meant = f"did you mean ${near[0]}" if near else f"there are {', '.join(FIELDS)}"
            raise SettingError(f"{name} has ${field}, which is no field", remedy=meant, reason="template")


def filled(text: str, fields: Mapping[str, str]) -> str:
    """A template that was checked, with its values."""
    return Template(text).substitute(fields)
