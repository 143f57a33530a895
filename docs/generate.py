"""Write the generated page of the documents, docs/cli.md, from the commands themselves: `make docs`."""

from pathlib import Path

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from logpipe.cli.main import app

PAGE = Path(__file__).with_name("cli.md")

_HEAD = """# Commands

Written by `make docs` from the commands themselves; a test compares.

Data goes to standard output, all else to standard error. Exit codes: 0 done, 1 failed, 2 usage, 3 findings at or above
`--fail-on`, 4 rejects under `--strict`, 130 interrupted. Colours follow `NO_COLOR` and `FORCE_COLOR`.
`logpipe --debug COMMAND` shows the traceback of an error.
"""


def page() -> str:
    """The page as it should be."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return _HEAD + "".join(_sections(group, "logpipe"))


def _sections(group: TyperGroup, path: str) -> list[str]:
    sections = []
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            sections += _sections(command, f"{path} {name}")
        elif isinstance(command, TyperCommand):
            sections.append(_section(command, f"{path} {name}"))
    return sections


def _section(command: TyperCommand, path: str) -> str:
    context = typer.Context(command, info_name=path)
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [f"| `{_cell(record[0])}` | {_cell(record[1])} |" for record in records if record]
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    table = "\n".join(["", "| | meaning |", "| --- | --- |", *rows, ""]) if rows else ""
    return f"\n## `{path}`\n\n    {usage}\n\n{_text(command.help or '')}\n{table}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _text(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\b", "").strip().splitlines())


if __name__ == "__main__":
    PAGE.write_text(page())
