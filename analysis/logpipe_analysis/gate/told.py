"""The effects of a version in words and figures, the weightiest first."""

from collections.abc import Iterable

from logpipe_analysis import phrases
from logpipe_analysis.gate.effects import Effect

_MOST_OPERATIONS = 10


def weighted(found: list[Effect]) -> list[Effect]:
    """The whole first, then operations by how certainly they are beyond what is tolerated."""
    return sorted(found, key=lambda one: (one.operation is not None, -one.ratio.low / one.tolerated_ratio))


def telling(found: list[Effect]) -> list[Effect]:
    """The failing figures of the whole, and of operations the worst of errors and of latency."""
    failing = [effect for effect in weighted(found) if effect.outcome == "fail"]
    worst = {effect.unit == "ms": effect for effect in reversed(failing) if effect.operation}
    return [effect for effect in failing if effect.operation is None or effect is worst[effect.unit == "ms"]]


def doubtful(found: Iterable[Effect]) -> list[Effect]:
    """Of the operations the ten that most likely became worse, within what is tolerated or not certain."""
    single = [effect for effect in found if effect.operation]
    worse = [one for one in single if one.outcome == "unsure" or (one.outcome == "pass" and one.ratio.low > 1)]
    return sorted(worse, key=lambda effect: -effect.ratio.low)[:_MOST_OPERATIONS]


def figure(effect: Effect, value: float) -> str:
    """A baseline's or candidate's value: 0.42 %, 120 ms."""
    return phrases.milliseconds(value) if effect.unit == "ms" else f"{phrases.number(100 * value)} %"


def factor(value: float) -> str:
    """×1.52; three figures, since the second decimal tells a tolerated rise from one that is not."""
    return f"×{value:.2f}" if value < 9.995 else f"×{phrases.number(value)}" if value < 1e6 else "×∞"


def told(effect: Effect) -> str:
    where = f"of {phrases.shortened(effect.operation)} " if effect.operation else ""
    name = "errors" if effect.metric == "errors" else f"{effect.metric} latency"
    return (
        f"{name} {where}{figure(effect, effect.baseline)} → {figure(effect, effect.candidate)}, "
        f"{factor(effect.ratio.value)} ({factor(effect.ratio.low)} to {factor(effect.ratio.high)}), "
        f"tolerated {factor(effect.tolerated_ratio)}"
    )
