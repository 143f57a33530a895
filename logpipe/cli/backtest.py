"""`logpipe backtest`: what the detectors would have reported, and when."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from logpipe.cli.options import (
    DEFAULT_DATABASE,
    SHARE_AFTER_S,
    Bucket,
    Database,
    Json,
    SettingsFile,
    Since,
    Until,
    checked_span,
    detector_settings,
    stretch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from logpipe_analysis.backtest import Fired, Replay
    from logpipe_analysis.finding import Finding
    from logpipe_analysis.labels import Score
    from logpipe_analysis.settings import Settings

Stride = Annotated[
    str,
    typer.Option(
        "--stride",
        callback=checked_span,
        help="Look at every SPAN first, and closer where something changed; the bucket's length looks at every moment.",
        metavar="SPAN",
    ),
]


def backtest(
    db: Database = DEFAULT_DATABASE,
    since: Since = None,
    until: Until = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only findings of this kind; may be given again.")] = None,
    bucket: Bucket = None,
    stride: Stride = "15m",
    settings_file: SettingsFile = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare", help="Replay once more with the settings of FILE.", metavar="FILE", show_default=False
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="What really happened, as CSV or JSON: start, end and maybe service and kind.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    slack: Annotated[
        str,
        typer.Option(
            "--slack", callback=checked_span, help="A finding may begin so much outside of its label.", metavar="SPAN"
        ),
    ] = "5m",
    json: Json = False,
) -> None:
    """Replay history: when each finding would have been reported first, how long it stayed open, what was taken back.

    As if `analyze` had run after every bucket, with nothing seen of what came later. Findings are not stored.
    """
    from logpipe.cli import findings, output
    from logpipe.cli.times import parse_span
    from logpipe.store import Store
    from logpipe_analysis import backtest as replaying
    from logpipe_analysis import labels as labelled

    kinds = findings.known_kinds(kind or [])
    configurations = {settings_file or "default": detector_settings(settings_file, bucket)}
    if compare:
        configurations[compare] = detector_settings(compare, bucket)
    truth = labelled.load(labels) if labels else []
    replays: dict[str, Replay] = {}
    with Store.open(db, create=False, through_owner=True) as store:
        if not store.attached:
            store.share(writable=False, after_s=SHARE_AFTER_S)
        start, end = stretch(store, since, until)
        for name, settings in configurations.items():
            started = time.monotonic()
            replay = replaying.backtest(
                store, start, end, kinds, settings, stride=parse_span(stride), progress=_progress(name)
            )
            if replay is None:
                output.note("there are no events in that range")
                return
            replays[name] = replay
            output.note(
                f"{name}: {len(replay.fired)} reported, {sum(one.retracted for one in replay.fired)} taken back, from "
                f"{replay.since:%Y-%m-%d %H:%M} to {replay.until:%Y-%m-%d %H:%M}; {replay.analyses:,} of "
                f"{replay.moments:,} moments looked at, {time.monotonic() - started:,.0f} s"
            )
    scores = {}
    if labels:
        for name, replay in replays.items():
            inside = [one for one in truth if one.start < replay.until and (one.end or replay.until) > replay.since]
            scores[name] = labelled.score(replay.fired, inside, parse_span(slack))
    if json:
        output.json_lines(_rows(replays, scores))
        return
    for name, replay in replays.items():
        _show(name, replay)
    if compare:
        first, second = replays.items()
        _show_differences(first, second, configurations[compare])
    if labels:
        _show_scores(scores)


def _progress(name: str) -> "Callable[[float], None] | None":
    """Tells the share that is done, on a terminal only."""
    if not sys.stderr.isatty():
        return None

    def tell(share: float) -> None:
        sys.stderr.write("\r\x1b[K" + (f"{name}: {share:.0%}" if share < 1 else ""))
        sys.stderr.flush()

    return tell


def _rows(replays: "dict[str, Replay]", scores: "dict[str, Score]") -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for name, replay in replays.items():
        rows += [
            {
                "type": "fired",
                "settings": name,
                "reported_at": one.reported_at,
                "onset": one.onset,
                "delay_s": one.delay.total_seconds(),
                "closed_at": one.closed_at,
                "open_s": one.open_for(replay.until).total_seconds(),
                "retracted": one.retracted,
                "reported": _unstored(one.reported),
                "finding": _unstored(one.finding),
            }
            for one in replay.fired
        ]
    for name, score in scores.items():
        rows.append({"type": "score", "settings": name, **_figures(score)})
    return rows


def _unstored(finding: "Finding") -> dict[str, object]:
    from logpipe.cli.findings import as_row

    return {key: value for key, value in as_row(finding).items() if key not in _STORED}


_STORED = ("finding_id", "status", "bucket_s")
"""What a finding gets when it is stored."""


def _figures(score: "Score") -> dict[str, object]:
    return {
        "findings": score.findings,
        "right": score.right,
        "labels": score.labels,
        "found": score.found,
        "precision": round(score.precision, 4),
        "recall": round(score.recall, 4),
        "f1": round(score.f1, 4),
        "median_delay_s": None if score.median_delay is None else score.median_delay.total_seconds(),
    }


def _show(name: str, replay: "Replay") -> None:
    from logpipe.cli import output

    columns = ("reported", "onset", "delay", "open for", "", "severity", "kind", "finding")
    output.table(columns, [_told(one, replay.until) for one in replay.fired], title=f"{name}\n")


def _told(one: "Fired", until: "datetime") -> "Sequence[object]":
    from logpipe_analysis import phrases

    state = "taken back" if one.retracted else "open" if one.closed_at is None else ""
    finding = one.reported
    return (
        one.reported_at,
        one.onset,
        phrases.duration(one.delay),
        phrases.duration(one.open_for(until)),
        state,
        finding.severity,
        finding.kind,
        finding.title if finding.title.startswith(finding.service) else f"{finding.service}: {finding.title}",
    )


def _show_differences(first: "tuple[str, Replay]", second: "tuple[str, Replay]", settings: "Settings") -> None:
    from logpipe.cli import output
    from logpipe_analysis.analysis import adjoining
    from logpipe_analysis.backtest import differences

    rows = [
        (
            either.reported.kind,
            either.reported.service,
            either.reported.title,
            one and one.reported_at,
            other and other.reported_at,
            _apart(one, other),
        )
        for one, other in differences(first[1], second[1], adjoining(settings))
        if (either := one or other)
    ]
    output.table(("kind", "service", "finding", first[0], second[0], "the second"), rows, title="\nCompared\n")


def _apart(one: "Fired | None", other: "Fired | None") -> str:
    from logpipe_analysis import phrases

    if not (one and other):
        return "alone" if other else "not at all"
    if one.reported_at == other.reported_at:
        return "alike"
    apart = phrases.duration(abs(one.reported_at - other.reported_at))
    return f"{apart} {'later' if other.reported_at > one.reported_at else 'sooner'}"


def _show_scores(scores: "dict[str, Score]") -> None:
    from logpipe.cli import output
    from logpipe_analysis import phrases

    rows = [
        (
            name,
            f"{score.right} of {score.findings}",
            f"{score.precision:.3f}",
            f"{score.found} of {score.labels}",
            f"{score.recall:.3f}",
            f"{score.f1:.3f}",
            "–" if score.median_delay is None else phrases.duration(score.median_delay),
        )
        for name, score in scores.items()
    ]
    columns = ("settings", "right", "precision", "found", "recall", "F1", "median delay")
    output.table(columns, rows, title="\nAgainst the labels\n")
