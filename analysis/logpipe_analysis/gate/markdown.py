"""A verdict as Markdown, for a comment on a pull request: the answer first, then why, then the figures."""

import re
from collections.abc import Callable, Iterable, Iterator

from logpipe_analysis import phrases
from logpipe_analysis.gate.effects import Effect
from logpipe_analysis.gate.patterns import Pattern
from logpipe_analysis.gate.records import Record
from logpipe_analysis.gate.rollback import Rollback
from logpipe_analysis.gate.told import doubtful, factor, figure
from logpipe_analysis.gate.verdict import Verdict, headline

ANSWERS = {"pass": "✅ pass", "fail": "❌ fail", "not_enough_data": "⏳ not enough data"}
_OUTCOMES = {"pass": "pass", "fail": "**fail**", "unsure": "not enough data"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!@])")


def markdown(verdict: Verdict, rollback: Rollback | None, place: Callable[[str], str]) -> str:
    """The whole comment. `place` shortens the path of a file for people."""
    parts = [
        f"### Gate: {ANSWERS[verdict.answer]}",
        _escaped(headline(verdict)),
        _listed(map(_escaped, verdict.reasons)),
        *_rolled_back(rollback),
        _table(effect for effect in verdict.effects if effect.operation is None),
        *_operations(verdict),
        *_patterns("New in the candidate", verdict.new_patterns, place),
        *_differences(verdict),
        *_lines(verdict.evidence, place),
        *_notes(verdict),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rolled_back(rollback: Rollback | None) -> Iterator[str]:
    if rollback is not None:
        states = {True: "Rolled back", False: "The rollback FAILED", None: "Not rolled back again"}
        yield f"**{states[rollback.succeeded]}**: {_escaped(rollback.outcome)}"


def _table(effects: Iterable[Effect]) -> str:
    rows = [
        f"| {_name(effect)} | {figure(effect, effect.baseline)} | {figure(effect, effect.candidate)} | "
        f"{factor(effect.ratio.value)} | {factor(effect.ratio.low)} – {factor(effect.ratio.high)} | "
        f"{factor(effect.tolerated_ratio)} | {_OUTCOMES[effect.outcome]} |"
        for effect in effects
    ]
    head = "| | baseline | candidate | change | interval | tolerated | |\n| --- | --: | --: | --: | --- | --: | --- |"
    return "\n".join([head, *rows]) if rows else ""


def _name(effect: Effect) -> str:
    what = effect.unit if effect.metric == "errors" else f"{effect.metric} latency"
    return f"{_code(effect.operation)} {what}" if effect.operation else what


def _operations(verdict: Verdict) -> Iterator[str]:
    """Failing ones in the open; folded away those that may have become worse."""
    yield _table(effect for effect in verdict.effects if effect.operation and effect.outcome == "fail")
    if shown := doubtful(verdict.effects):
        yield _folded("Operations that may be worse, within what is tolerated or not certain", _table(shown))


def _patterns(title: str, patterns: Iterable[Pattern], place: Callable[[str], str]) -> Iterator[str]:
    rows = []
    for pattern in patterns:
        kind = "error" if pattern.is_error else "warning"
        where = f" — {_code(_where(pattern.example, place))}" if pattern.example else ""
        doubt = " (may be chance)" if pattern.p_value > 0.05 else ""
        rows.append(f"{kind} {_code(pattern.template)}, {pattern.events:,} times{doubt}{where}")
    if rows:
        yield f"**{title}**\n\n{_listed(rows)}"


def _differences(verdict: Verdict) -> Iterator[str]:
    rows = [
        f"no longer seen: {_code(one.template)} ({one.events:,} times in the baseline)" for one in verdict.gone_patterns
    ]
    rows += [f"no longer seen: {_code(name)}" for name in verdict.gone_operations]
    rows += [f"new operation: {_code(name)}" for name in verdict.new_operations]
    volume = log_volume(verdict)
    rows += [volume] if volume else []
    if rows:
        yield _folded("What else is different (for information)", _listed(rows))


def log_volume(verdict: Verdict) -> str | None:
    """What a request, or a minute, costs in logs, before and after."""
    sides = (verdict.baseline, verdict.candidate)
    served = all(side.requests for side in sides)
    per = [side.requests if served else side.minutes for side in sides]
    if not all(per):
        return None
    before, after = (side.bytes / count for side, count in zip(sides, per, strict=True))
    unit = "request" if served else "minute"
    return f"log volume per {unit}: {phrases.number(before)} → {phrases.number(after)} bytes ({factor(after / before)})"


def _lines(lines: Iterable[Record], place: Callable[[str], str]) -> Iterator[str]:
    shown = [f"{_where(line, place)}\n    {' '.join(line.text.split())}" for line in lines]
    if shown:
        yield _folded("Records of the candidate, by file and byte", "\n".join(_fenced(shown)))


def _where(line: Record, place: Callable[[str], str]) -> str:
    return f"{place(line.path)}:{line.source_pos}"


def _notes(verdict: Verdict) -> Iterator[str]:
    inside = 100 * (1 - verdict.alpha)
    rule = (
        "A figure fails where its whole interval lies beyond what is tolerated, and passes where none of it does; "
        f"the intervals hold together with {inside:.3g} % certainty."
    )
    yield _listed([*map(_escaped, verdict.notes), rule])


def _fenced(shown: list[str]) -> list[str]:
    longest = max((len(run) for text in shown for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *shown, fence]


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _listed(rows: Iterable[str]) -> str:
    return "\n".join(f"- {row}" for row in rows)


def _code(text: str | None) -> str:
    """Text from logs as code, which nothing in it can end: longer than any run of backticks in it."""
    line = phrases.shortened(text or "", 160).replace("|", "¦")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    ticks = "`" * (longest + 1)
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def _escaped(text: str) -> str:
    """Text from logs as prose: no link, no mention, no markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
