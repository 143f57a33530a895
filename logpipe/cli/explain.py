"""`logpipe explain ID`: one finding with its figures, its SQL run again, and its lines."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from logpipe.store import Store
    from logpipe_analysis.explain import Explained


def explain(
    finding_id: Annotated[str, typer.Argument(metavar="ID", help="As `logpipe findings` prints it.")],
    rows: Annotated[
        bool, typer.Option("--rows", help="Print all its events instead, one JSON object a line, with file and byte.")
    ] = False,
    db: Database = DEFAULT_DATABASE,
    json: Json = False,
) -> None:
    """Show a finding whole: figures, the rows of its SQL as they are now, and example lines by file and byte."""
    from logpipe.cli import output
    from logpipe.cli.findings import as_row
    from logpipe.store.reading import open_sealed
    from logpipe_analysis.explain import explained

    with open_sealed(db) as store:
        if rows:
            _print_rows(store, finding_id)
            return
        whole = explained(store, finding_id)
    if json:
        lines = [{"path": line.path, "source_pos": line.source_pos, "text": line.text} for line in whole.lines]
        figures = [dict(zip(whole.columns, row, strict=True)) for row in whole.rows]
        said = [asdict(mark) for mark in whole.marks]
        output.json_lines([{**as_row(whole.finding), "rows": figures, "lines": lines, "marks": said}])
    else:
        _show(whole)


def _print_rows(store: "Store", finding_id: str) -> None:
    from logpipe.cli.options import Format
    from logpipe.cli.results import Destination
    from logpipe.store.reading import stream
    from logpipe_analysis.behind import events_behind
    from logpipe_analysis.findings import load_one

    with stream(store, events_behind(store, load_one(store, finding_id))) as result:
        Destination("-", Format.JSON).write(result, 0, exact=True)


def _show(whole: "Explained") -> None:
    from logpipe.cli import output
    from logpipe_analysis import phrases

    finding = whole.finding
    output.wrapped(f"{output.one_line(finding.title)}\n\n{output.one_line(finding.explanation)}\n")
    facts = {
        "id": f"{finding.finding_id} ({finding.status})",
        "kind": f"{finding.kind}, {finding.severity}",
        "service": finding.service + (f" in {finding.environment}" if finding.environment else ""),
        "subject": finding.subject or "–",
        "from": f"{finding.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "to": f"{finding.ended_at:%Y-%m-%d %H:%M:%S} UTC" if finding.ended_at else "it lasts",
        "expected": _figure(finding.baseline, finding.unit),
        "observed": _figure(finding.observed, finding.unit),
        "score": f"{phrases.number(finding.score)}, confidence {finding.confidence:.3f}",
    }
    for name, value in facts.items():
        output.wrapped(f"{name:>10}  {output.one_line(value)}")
    for mark in whole.marks:
        ends = f" until {mark.until:%Y-%m-%d %H:%M}" if mark.until else ""
        said = " ".join(part for part in (f"{mark.made_at:%Y-%m-%d %H:%M}", mark.text) if part)
        output.wrapped(f"{mark.action:>10}{ends}  {said}")
    output.wrapped(f"\n{finding.sql}\n")
    output.table(whole.columns, whole.rows)
    for line in whole.lines:
        output.wrapped(f"{output.place(line.path)}:{line.source_pos}\n    {line.text}")


def _figure(value: float | None, unit: str | None) -> str:
    from logpipe_analysis import phrases

    return "–" if value is None else f"{phrases.number(value)} {unit or ''}".strip()
