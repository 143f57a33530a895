"""One figure of the evaluation, and what is wanted of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table."""

    what: str
    """Of which data, in a few words."""
    value: float
    wanted: float
    at_most: bool = False
    """Whether `wanted` is a ceiling; else it is a floor."""
    digits: int = 3

    @property
    def holds(self) -> bool:
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    @property
    def row(self) -> str:
        """As a row of Markdown."""
        bound = f"{'≤' if self.at_most else '≥'} {self.wanted:g}"
        return f"| {self.what} | {self.value:.{self.digits}f} | {bound} | {'' if self.holds else '**missed**'} |"
