"""`logpipe query`: SQL over the store, read-only, its rows streamed out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, OutputFile, RowFormat, RowLimit


def query(
    sql: Annotated[
        str | None, typer.Argument(help="One or more statements.", metavar="SQL", show_default=False)
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("-f", "--file", help="Read the statements from FILE; - is standard input.", metavar="FILE"),
    ] = None,
    db: Database = DEFAULT_DATABASE,
    form: RowFormat = None,
    output: OutputFile = "-",
    limit: RowLimit = None,
) -> None:
    """Run SQL and write the rows of its last statement; the database and all files are safe from it.

    Example: logpipe query "FROM errors_by_service" --format csv -o errors.csv
    """
    from logpipe.cli.output import note
    from logpipe.cli.results import Destination
    from logpipe.store import reading

    if (sql is None) == (file is None):
        raise typer.BadParameter("give either the SQL or, with -f, a file that holds it")
    destination = Destination.of(output, form, db)
    statements = reading.split(sql if sql is not None else _read(file or "-"))
    with reading.open_sealed(db) as store:
        for number, statement in enumerate(statements, 1):
            with reading.stream(store, statement) as result:
                if number == len(statements):
                    destination.write(result, limit, exact=True)
                elif any(batch.num_rows for batch in result.batches):
                    note(f"the rows of statement {number} of {len(statements)} are not shown, only those of the last")


def _read(file: str) -> str:
    from logpipe.errors import InputError

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text (byte {error.start})", remedy="give a file of SQL") from error
