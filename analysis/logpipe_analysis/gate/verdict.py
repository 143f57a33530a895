"""The answer of a gate: pass, fail or not enough data, with all that it rests on."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from logpipe_analysis import evidence, phrases
from logpipe_analysis.gate.effects import PATTERNS_SHARE, Effect, effects
from logpipe_analysis.gate.patterns import Pattern, only_in
from logpipe_analysis.gate.records import Record, records
from logpipe_analysis.gate.sample import Sample
from logpipe_analysis.gate.sides import Side, aligned
from logpipe_analysis.gate.told import telling, told
from logpipe_analysis.settings import GateSettings

Answer = Literal["pass", "fail", "not_enough_data"]

_MOST_PATTERNS = 20
_MOST_LINES = 3
"""Of evidence, for each reason."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Compared:
    """What one side was judged by."""

    name: str
    since: datetime | None
    """None where it has no records."""
    until: datetime | None
    minutes: int
    """In which it logged anything."""
    events: int
    errors: int
    requests: int
    bytes: int

    @classmethod
    def of(cls, name: str, sample: Sample) -> "Compared":
        """The figures of a sample."""
        ends = (
            [_EPOCH + timedelta(minutes=int(number)) for number in sample.minutes[[0, -1]]]
            if sample.minutes.size
            else []
        )
        return cls(
            name,
            ends[0] if ends else None,
            ends[1] + timedelta(minutes=1) if ends else None,
            len(sample.minutes),
            *(int(values.sum()) for values in (sample.events, sample.errors, sample.requests, sample.bytes)),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate is worse than the baseline, and how that is known."""

    answer: Answer
    reasons: tuple[str, ...]
    """Why, in sentences; the weightiest first."""
    service: str | None
    """None for all services of two folders."""
    environment: str | None
    baseline: Compared
    candidate: Compared
    alpha: float
    """The chance of a wrong answer that this look may have."""
    effects: tuple[Effect, ...]
    new_patterns: tuple[Pattern, ...]
    gone_patterns: tuple[Pattern, ...]
    new_operations: tuple[str, ...]
    gone_operations: tuple[str, ...]
    evidence: tuple[Record, ...]
    notes: tuple[str, ...]
    """What to know before believing it."""


def judge(
    baseline: Side,
    candidate: Side,
    settings: GateSettings,
    *,
    service: str | None = None,
    environment: str | None = None,
    alpha: float | None = None,
) -> Verdict:
    """Compare two sides. `alpha` is less than the settings' where this is one look of several.

    Raises:
        StoreError: a store cannot be read.
    """
    level = settings.alpha if alpha is None else alpha
    first, second, note = aligned(baseline, candidate, settings)
    samples = first.sample(), second.sample()
    found = effects(*samples, settings, level)
    new = only_in(second, first, _MOST_PATTERNS) if samples[0].minutes.size else []
    chance = level * PATTERNS_SHARE
    failing = telling(found)
    unheard = [pattern for pattern in new if pattern.is_error and pattern.p_value <= chance]
    worse = [*map(told, failing), *(_new(pattern, second.name) for pattern in unheard)]
    lacking = _lacking(samples, found, settings)
    return Verdict(
        answer="fail" if worse else answered(samples, found, settings),
        reasons=tuple(worse or lacking or [_nothing(found)]),
        service=service,
        environment=environment,
        baseline=Compared.of(first.name, samples[0]),
        candidate=Compared.of(second.name, samples[1]),
        alpha=level,
        effects=tuple(found),
        new_patterns=tuple(new),
        gone_patterns=tuple(one for one in only_in(first, second, _MOST_PATTERNS) if one.p_value <= chance),
        new_operations=_only(samples[1], samples[0], chance),
        gone_operations=_only(samples[0], samples[1], chance),
        evidence=tuple(_evidence(second, unheard, failing)),
        notes=(note,) if note else (),
    )


def headline(verdict: Verdict) -> str:
    """What was compared, in a sentence."""
    where = f" in {verdict.environment}" if verdict.environment else ""
    return f"{verdict.service or 'all services'}{where}: {_side(verdict.candidate)} against {_side(verdict.baseline)}"


def _side(side: Compared) -> str:
    if side.since is None:
        return f"{side.name} (no records)"
    number, unit = (side.requests, "requests") if side.requests else (side.events, "events")
    return f"{side.name} ({number:,} {unit} in {side.minutes:,} min from {side.since:%Y-%m-%d %H:%M} UTC)"


def as_row(verdict: Verdict) -> dict[str, object]:
    """The fields of a verdict, for JSON; a ratio from nothing is null."""
    return asdict(verdict)


def answered(samples: tuple[Sample, Sample], found: list[Effect], settings: GateSettings) -> Answer:
    """By the figures alone, whatever the patterns."""
    if any(effect.outcome == "fail" for effect in found):
        return "fail"
    return "not_enough_data" if _lacking(samples, found, settings) else "pass"


def _new(pattern: Pattern, name: str) -> str:
    return (
        f"a new error, “{phrases.shortened(pattern.template, 120)}”, {pattern.events:,} times in "
        f"{pattern.minutes:,} of the minutes of {name} and never before it"
    )


def _lacking(samples: tuple[Sample, Sample], found: list[Effect], settings: GateSettings) -> list[str]:
    """What a pass would need."""
    lacking = [
        f"the {name} has {len(sample.minutes)} of {settings.min_minutes} minutes with records"
        for name, sample in zip(("baseline", "candidate"), samples, strict=True)
        if len(sample.minutes) < settings.min_minutes
    ]
    unsure = [effect for effect in found if effect.operation is None and effect.outcome == "unsure"]
    return lacking + [f"{told(effect)}: more data would narrow this" for effect in unsure]


def _nothing(found: list[Effect]) -> str:
    judged = len({effect.operation for effect in found if effect.operation})
    what = "errors and latency are" if any(effect.unit == "ms" for effect in found) else "errors are"
    each = f", in all and for each of {judged:,} operations" if judged else ""
    return f"{what} within what is tolerated{each}; no new error"


def _only(one: Sample, other: Sample, chance: float) -> tuple[str, ...]:
    """Operations that only one side had, and not by chance: by the minutes in which they came."""
    share = one.events.sum() / max(one.events.sum() + other.events.sum(), 1.0)
    looked_at = {name for name in (*one.operations, *other.operations) if name[0] != "db"}
    alone = [name for name in one.operations if name in looked_at and name not in other.operations]
    return tuple(
        name[1] for name in alone if share ** (one.operations[name].events > 0).sum() * len(looked_at) <= chance
    )


def _evidence(side: Side, unheard: list[Pattern], failing: list[Effect]) -> list[Record]:
    """Records of the candidate for each reason: the first of new errors, then errors, and the slowest of latencies."""
    shown = {(one.source_id, one.source_pos): one for pattern in unheard if (one := pattern.example)}
    for condition, order in dict.fromkeys(map(_shown_by, failing)):
        where = f"{side.where('ts')} AND {condition}"
        found = evidence.examples(side.store, where, order=order, limit=_MOST_LINES)
        for one in records(side.store, found):
            shown.setdefault((one.source_id, one.source_pos), one)
    return list(shown.values())


def _shown_by(effect: Effect) -> tuple[str, str]:
    """What shows it, as SQL over `events`, and in which order."""
    own = evidence.operation_is(effect.kind, effect.operation) if effect.kind and effect.operation else "true"
    if effect.metric == "errors":
        return f"{own} AND {evidence.ERRORS}", "ts"
    return f"{own} AND isfinite(duration_ms)", "-duration_ms"
