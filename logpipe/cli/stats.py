"""`logpipe stats`: what the store holds, how far behind it is, and what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from logpipe.cli.grammar import plural
from logpipe.cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from logpipe.ingest.audit.stats import Stats

_MANY = 20


def stats(
    db: Database = DEFAULT_DATABASE,
    every: bool = typer.Option(False, "--all", help=f"All sources, not the {_MANY} that matter most."),
    as_json: Json = False,
) -> None:
    """Show volume by stream and source, lag, rejects and gaps by reason, and the size of roll-ups and file.

    Lag is what stands in the files and is not in the store. Sources that are behind or have lost something come first.
    """
    from logpipe.cli import output
    from logpipe.ingest.audit.stats import stats as collect
    from logpipe.store import Store

    with Store.open(db, read_only=True) as store:
        found = collect(store)
    if as_json:
        output.json_lines([asdict(found) | {"lag_bytes": found.lag_bytes}])
        return
    _show(found, every=every)


def _show(found: "Stats", *, every: bool) -> None:
    from logpipe.cli import output
    from logpipe.cli.sizes import shown_size

    volume = found.volume
    typer.echo(
        f"{plural(sum(row['events'] for row in found.streams), 'event')} of {plural(len(found.sources), 'source')} in "
        f"{shown_size(volume.used)} of a file of {shown_size(volume.file)}"
        + (f"; {shown_size(volume.free)} free on its volume" if volume.free is not None else "")
    )
    behind = [row for row in found.sources if row["lag_bytes"]]
    longest = max((row["lag_s"] for row in behind), default=0.0)
    typer.echo(
        f"{shown_size(found.lag_bytes)} not read yet, {longest:,.0f} s behind" if behind else "nothing waits to be read"
    )
    _table("streams", found.streams, ("stream", "events", "bytes", "oldest", "newest"))
    order = sorted(found.sources, key=lambda row: (-row["lag_bytes"], -row["gaps"], -(row["bytes"] or 0)))
    shown = [{**row, "file": output.place(row["path"])} for row in (order if every else order[:_MANY])]
    columns = ("source_id", "file", "state", "bytes", "events", "rejects", "expired", "gaps", "lag_bytes", "lag_s")
    _table("sources", shown, columns)
    if len(shown) < len(order):
        output.note(f"{plural(len(order) - len(shown), 'more source')}; --all shows them")
    _table("rejects", found.rejects, ("reason", "lines", "bytes", "latest"))
    _table("gaps", found.gaps, ("reason", "gaps", "bytes", "latest"))
    _table("roll-ups", found.rollups, ("table", "rows", "minutes", "oldest"))


def _table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from logpipe.cli import output

    if not rows:
        typer.echo(f"\n{title}: none")
        return
    typer.echo()
    names = [column.replace("_", " ") for column in columns]
    output.table(names, [[row[column] for column in columns] for row in rows], title=title)
