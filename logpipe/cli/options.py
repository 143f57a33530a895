"""Options that several commands share."""

from typing import Annotated

import typer

Database = Annotated[str, typer.Option("--db", envvar="LOGPIPE_DB", help="The database file.", metavar="FILE")]
DEFAULT_DATABASE = "logs.duckdb"

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
