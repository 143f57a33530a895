"""Whose events and numbers are looked at."""

from dataclasses import dataclass

from logpipe.store.literals import literal


@dataclass(frozen=True, slots=True)
class Place:
    """A service in one environment."""

    service: str
    environment: str | None

    def condition(self) -> str:
        """As SQL, over `events` and the roll-ups."""
        return f"service = {literal(self.service)} AND environment IS NOT DISTINCT FROM {literal(self.environment)}"
