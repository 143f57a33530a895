"""`logpipe report`: the SQL reports."""

from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import (
    DEFAULT_DATABASE,
    Database,
    Format,
    OutputFile,
    RowFormat,
    RowLimit,
    Service,
    Since,
    Until,
    known_service,
    stretch,
)

if TYPE_CHECKING:
    from logpipe.store.reading import Result

_ROWS = 20


def report(
    name: Annotated[
        str | None, typer.Argument(help="The report; without it, the list of them.", metavar="NAME", show_default=False)
    ] = None,
    since: Since = None,
    until: Until = None,
    service: Service = None,
    limit: RowLimit = _ROWS,
    form: RowFormat = None,
    output: OutputFile = "-",
    db: Database = DEFAULT_DATABASE,
) -> None:
    """List the reports, or run one.

    Example: logpipe report slow-queries --since 1d --limit 5
    """
    from logpipe.cli.results import Destination
    from logpipe.store.reading import open_sealed
    from logpipe_analysis import reports

    destination = Destination.of(output, form, db)
    if name is None:
        destination.write(_list(), 0, exact=False)
        return
    wanted = reports.find(name)
    with open_sealed(db) as store:
        scope = reports.Scope(*stretch(store, since, until), service, limit or None)
        known_service(store, service)
        with reports.run(store, wanted, scope) as result:
            if wanted.name == reports.SLOW_QUERIES and destination.form is Format.TABLE:
                destination.write_page(result)
            else:
                destination.write(result, 0, exact=False)


def _list() -> "Result":
    import pyarrow as pa

    from logpipe.store.reading import Result
    from logpipe_analysis.reports import all_reports

    found = all_reports()
    table = pa.table({"report": [each.name for each in found], "answers": [each.title for each in found]})
    return Result(table.schema, frozenset(), iter(table.to_batches()))
