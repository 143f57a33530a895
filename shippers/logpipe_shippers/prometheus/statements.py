"""The SQL files of this package."""

from functools import cache
from importlib import resources


@cache
def statement(name: str) -> str:
    return (resources.files(__package__) / "sql" / f"{name}.sql").read_text()
