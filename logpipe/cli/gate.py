"""`logpipe gate`: is the new version worse than the one before?"""

from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import DEFAULT_DATABASE, Database, Json, checked_span

if TYPE_CHECKING:
    from logpipe.store import Store
    from logpipe_analysis.gate.effects import Outcome
    from logpipe_analysis.gate.rollback import Plan, Rollback
    from logpipe_analysis.gate.verdict import Answer, Verdict
    from logpipe_analysis.gate.waiting import Question
    from logpipe_analysis.settings import GateSettings

EXIT_CODES: "dict[Answer, int]" = {"pass": 0, "fail": 3, "not_enough_data": 5}
ROLLBACK_FAILED = 6
_OUTCOMES: "dict[Outcome, str]" = {"fail": "fail", "pass": "pass", "unsure": "not enough data"}


def _checked(text: str | None) -> str | None:
    return text if text is None else checked_span(text)


def gate(
    service: Annotated[
        str | None, typer.Option(help="The service; of folders, all services without it.", metavar="NAME")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="The version to compare with.", metavar="VERSION")] = None,
    candidate: Annotated[str | None, typer.Option(help="The version to judge.", metavar="VERSION")] = None,
    environment: Annotated[
        str | None, typer.Option("--env", help="The environment, where the candidate ran in several.", metavar="NAME")
    ] = None,
    baseline_logs: Annotated[
        str | None, typer.Option(help="A folder of logs to compare with, instead of a version.", metavar="FOLDER")
    ] = None,
    candidate_logs: Annotated[
        str | None, typer.Option(help="A folder of logs to judge; no database is touched.", metavar="FOLDER")
    ] = None,
    min_minutes: Annotated[
        int | None, typer.Option(min=2, help="Minutes of each version without which it does not pass.")
    ] = None,
    markdown: Annotated[
        str | None,
        typer.Option(help="Write the answer as Markdown for a pull request; - is standard output.", metavar="FILE"),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            callback=_checked, help="Look again as data come in, for so long at most: 30m, 2h.", metavar="SPAN"
        ),
    ] = None,
    poll: Annotated[
        str, typer.Option(callback=_checked, help="With --wait, how often to see what has come.", metavar="SPAN")
    ] = "10s",
    rollback_url: Annotated[
        str | None,
        typer.Option(
            help="On failure POST the answer as JSON to this address, once; with LOGPIPE_ROLLBACK_TOKEN, or what the "
            "file LOGPIPE_ROLLBACK_TOKEN_FILE holds, as bearer token.",
            metavar="URL",
        ),
    ] = None,
    rollback_command: Annotated[
        str | None,
        typer.Option(
            help="On failure run this, once, without a shell; LOGPIPE_GATE_* and its standard input tell the answer.",
            metavar="COMMAND",
        ),
    ] = None,
    rollback_timeout: Annotated[
        str, typer.Option(callback=_checked, help="How long either may take.", metavar="SPAN")
    ] = "1m",
    rollback_again: Annotated[
        bool, typer.Option("--rollback-again", help="Roll back though a gate has done so for these versions.")
    ] = False,
    db: Database = DEFAULT_DATABASE,
    json: Json = False,
) -> None:
    """Judge a new version of a service by the one before: errors, latency, new error patterns.

    Exit code 0: it is not worse; 3: it is; 5: there is not enough data to say; 6: it is, and the rollback failed.
    """
    from logpipe.cli.times import parse_span
    from logpipe_analysis.gate.rollback import planned
    from logpipe_analysis.gate.waiting import Question

    plan = planned(rollback_url, rollback_command, parse_span(rollback_timeout).total_seconds(), again=rollback_again)
    if baseline_logs and candidate_logs:
        if baseline or candidate:
            raise typer.BadParameter("--baseline and --candidate are versions in a database; folders have none")
        if wait or plan:
            raise typer.BadParameter("--wait and --rollback-… need a database: one grows, the other is recorded there")
        verdict = _of_folders(baseline_logs, candidate_logs, service, _settings(min_minutes))
    elif service and baseline and candidate and not (baseline_logs or candidate_logs):
        if baseline == candidate:
            raise typer.BadParameter(f"--baseline and --candidate are both {candidate}; a gate compares two versions")
        question = Question(service, environment, baseline, candidate, _settings(min_minutes))
        verdict = _asked(question, db, wait, poll)
    else:
        raise typer.BadParameter(
            "give --service, --baseline and --candidate, or two folders with --baseline-logs and --candidate-logs"
        )
    rollback = _rolled_back(plan, verdict, db) if plan and verdict.answer == "fail" else None
    _show(verdict, rollback, markdown, as_json=json)
    code = ROLLBACK_FAILED if rollback and rollback.succeeded is False else EXIT_CODES[verdict.answer]
    if code:
        raise typer.Exit(code)


def _settings(min_minutes: int | None) -> "GateSettings":
    from dataclasses import replace

    from logpipe_analysis.settings import GateSettings

    settings = GateSettings()
    return settings if min_minutes is None else replace(settings, min_minutes=min_minutes)


def _asked(question: "Question", db: str, wait: str | None, poll: str) -> "Verdict":
    """The answer now, or as soon as there is one."""
    from logpipe.cli import output
    from logpipe.cli.times import parse_span
    from logpipe.store import Store
    from logpipe_analysis.gate import waiting

    def told(verdict: "Verdict", number: int) -> None:
        output.note(f"look {number}, at {verdict.candidate.minutes} min: {verdict.answer.replace('_', ' ')}")

    def reading() -> Store:
        return Store.open(db, read_only=True)

    if wait is not None:
        return waiting.wait(question, reading, longest=parse_span(wait), poll=parse_span(poll), told=told)
    with reading() as store:
        return question.answer(store)


def _rolled_back(plan: "Plan", verdict: "Verdict", db: str) -> "Rollback":
    from logpipe.cli import output
    from logpipe.store import Store
    from logpipe_analysis.gate.rollback import roll_back

    def writing() -> Store:
        return Store.open(db, create=False, through_owner=True)

    rollback = roll_back(plan, verdict, writing, lambda sentence: output.note(f"rollback: {sentence}"))
    if rollback.succeeded is False:
        output.error(f"the rollback FAILED: {rollback.outcome}")
    elif not rollback.done:
        output.warning(f"not rolled back again: {rollback.outcome}; force it with --rollback-again")
    return rollback


def _of_folders(baseline: str, candidate: str, service: str | None, settings: "GateSettings") -> "Verdict":
    from logpipe.store import Store
    from logpipe_analysis.gate.sides import of_folder
    from logpipe_analysis.gate.verdict import judge

    with Store.open(":memory:") as first, Store.open(":memory:") as second:
        for store, folder in ((first, baseline), (second, candidate)):
            _ingest(store, folder)
        sides = of_folder(first, baseline, service), of_folder(second, candidate, service)
        return judge(*sides, settings, service=service)


def _ingest(store: "Store", folder: str) -> None:
    """Take in a folder's logs; one that holds none is an error."""
    from logpipe.cli import output
    from logpipe.errors import InputError
    from logpipe.ingest.ingest import ingest
    from logpipe.ingest.options import Options

    summary = ingest(store, [folder], Options())
    if not summary.events and summary.errors:
        raise summary.errors[0]
    for trouble in (*summary.errors, *summary.warnings):
        output.warning(str(trouble))
    if not summary.events:
        raise InputError(f"there are no log records in {folder}", remedy="name a folder of logs", reason="no_records")


def _show(verdict: "Verdict", rollback: "Rollback | None", markdown: str | None, *, as_json: bool) -> None:
    """JSON or sentences on standard output, unless the Markdown goes there."""
    from dataclasses import asdict

    from logpipe.cli import output
    from logpipe.cli.atomic_file import open_output
    from logpipe_analysis.gate import markdown as page

    if markdown is not None:
        with open_output(markdown) as file:
            file.write(page.markdown(verdict, rollback, output.place).encode())
    if as_json and markdown != "-":
        from logpipe_analysis.gate.verdict import as_row

        output.json_lines([as_row(verdict) | {"rollback": rollback and asdict(rollback)}])
    elif markdown != "-":
        _print(verdict)


def _figures(verdict: "Verdict") -> "dict[str, Outcome]":
    """Every figure of the whole, and those of operations that fail or may be worse, in words with what follows."""
    from logpipe_analysis.gate.told import doubtful, told

    shown = [one for one in verdict.effects if one.operation is None or one.outcome == "fail"]
    return {told(one): one.outcome for one in (*shown, *doubtful(verdict.effects))}


def _print(verdict: "Verdict") -> None:
    from rich.text import Text

    from logpipe.cli import output
    from logpipe_analysis.gate.verdict import headline

    colours = {"pass": "bold green", "fail": "bold red", "not_enough_data": "bold yellow"}
    output.wrapped(
        Text.assemble(
            (verdict.answer.replace("_", " "), colours[verdict.answer]), f"  {output.harmless(headline(verdict))}"
        )
    )
    figures = _figures(verdict)
    for reason in verdict.reasons:
        if not reason.startswith(tuple(figures)):
            output.wrapped(reason, 2)
    for figure, outcome in figures.items():
        output.wrapped(f"{_OUTCOMES[outcome]:<15}  {figure}", 2)
    for line in verdict.evidence:
        output.wrapped(f"{output.place(line.path)}:{line.source_pos}\n    {line.text}", 2)
    for note in verdict.notes:
        output.note(f"note: {note}")
