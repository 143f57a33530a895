"""Python's level numbers and the levels of the record."""

from typing import Final

LEVELS: Final = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
"""Python's number of each level of the record."""


def level_of(number: int) -> str:
    """The level of the record at or below a number of Python's; TRACE where there is none."""
    name = "TRACE"
    for candidate, least in LEVELS.items():
        if number >= least:
            name = candidate
    return name
