"""When what happens."""

from dataclasses import dataclass, replace

from real_shop.faults import FaultKind


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run, in which one fault lasts or none."""

    title: str
    seconds: float
    fault: FaultKind | None = None


PHASES = (
    Phase("a quiet shop, to know what is normal", 210),
    Phase("the table products is locked", 60, "locked_table"),
    Phase("recovery", 60),
    Phase("the index on orders (customer_id) is dropped", 90, "dropped_index"),
    Phase("recovery", 45),
    Phase("Redis is stopped", 60, "stopped_server"),
    Phase("recovery", 45),
)
MINUTES = sum(phase.seconds for phase in PHASES) / 60
"""How long all phases last together."""


def phases(minutes: float = MINUTES) -> tuple[Phase, ...]:
    """The phases, all shortened or lengthened so that they last so many minutes together."""
    return tuple(replace(phase, seconds=phase.seconds * minutes / MINUTES) for phase in PHASES)
