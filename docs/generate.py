"""Write the generated parts of the documents: `make docs`.

docs/cli.md comes from the commands themselves; the table of settings in docs/emit.md from `logpipe.emit.settings`; the
samples of docs/sql.md are each `$ logpipe …` run on the small shop of tests/shop.sql.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from logpipe.cli.main import app
from logpipe.emit.settings import Settings
from logpipe.store import Store, rollup

ROOT = Path(__file__).parent.parent
LOGPIPE = Path(sys.executable).with_name("logpipe")
SAMPLE = re.compile(r"(?<=```console\n\$ logpipe )(.*?)\n.*?(?=```)", re.DOTALL)

SETTINGS = re.compile(r"(?<=<!-- settings: written by make docs -->\n).*?(?=<!-- end of settings -->)", re.DOTALL)

_HEAD = """# Commands

Written by `make docs` from the commands themselves; a test compares.

Data goes to standard output, all else to standard error. Exit codes: 0 done, 1 failed, 2 usage, 3 findings at or above
`--fail-on`, or a gate that fails, 4 rejects under `--strict`, 5 a gate without enough data, 6 a rollback that failed,
130 interrupted. Colours follow `NO_COLOR` and `FORCE_COLOR`.
A table that is not for a terminal is 140 characters wide, or as wide as `COLUMNS` says.
`logpipe --debug COMMAND` shows the traceback of an error.
"""


def commands_page() -> str:
    """docs/cli.md as it should be."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return _HEAD + "".join(_sections(group, "logpipe"))


def _sections(group: TyperGroup, path: str) -> list[str]:
    sections = []
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                sections.append(_section(command, f"{path} {name}"))
            sections += _sections(command, f"{path} {name}")
        elif isinstance(command, TyperCommand):
            sections.append(_section(command, f"{path} {name}"))
    return sections


def _section(command: TyperCommand | TyperGroup, path: str) -> str:
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


def with_settings(text: str) -> str:
    """The text of docs/emit.md with the settings as they are now."""
    head = "| name | variable | values | default | meaning |\n| --- | --- | --- | --- | --- |\n"
    return SETTINGS.sub(lambda _: head + "".join(f"{row}\n" for row in _settings()), text)


def _settings() -> list[str]:
    rows = []
    for setting in fields(Settings):
        variables = ", ".join(f"`{variable}`" for variable in setting.metadata["variables"])
        default = "–" if setting.default in (None, "") else f"`{setting.default}`"
        cells = (f"`{setting.name}`", variables, setting.metadata["expects"], default, setting.metadata["meaning"])
        rows.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return rows


def with_samples(text: str) -> str:
    """The text of docs/sql.md with the output of its commands as it is now."""
    with TemporaryDirectory() as folder:
        database = f"{folder}/logs.duckdb"
        with Store.open(database) as store, store.transaction() as connection:
            connection.execute((ROOT / "tests" / "shop.sql").read_text())
            rollup.roll_up(connection, "events")
        return SAMPLE.sub(lambda sample: _run(sample[1], database), text)


def _run(command: str, database: str) -> str:
    environment = {**os.environ, "LOGPIPE_DB": database, "COLUMNS": ""}
    done = subprocess.run([LOGPIPE, *shlex.split(command)], env=environment, capture_output=True, text=True, check=True)
    return f"{command}\n{done.stdout}"


def main() -> None:
    """Write the pages."""
    (ROOT / "docs" / "cli.md").write_text(commands_page())
    emit = ROOT / "docs" / "emit.md"
    emit.write_text(with_settings(emit.read_text()))
    sql = ROOT / "docs" / "sql.md"
    sql.write_text(with_samples(sql.read_text()))


if __name__ == "__main__":
    main()
