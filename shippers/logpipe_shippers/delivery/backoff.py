"""How long to wait before the next attempt: exponential back-off with full jitter.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Of one target; its waits double with each failure in a row."""

    base_s: float = 0.5
    """The longest wait after the first failure."""
    max_s: float = 60.0
    """The longest wait of all, also where the receiver asks for more."""
    failures: int = 0
    """In a row."""

    def failed(self, asked_s: float | None = None) -> float:
        """Count a failure; seconds to wait, `asked_s` where the receiver named them."""
        self.failures += 1
        if asked_s:  # "at once", or a date that has passed, would be without end
            return min(asked_s, self.max_s)
        longest = min(self.max_s, self.base_s * 2 ** min(self.failures - 1, 30))
        # Jitter keeps shippers that failed together from coming back together; it needs no secrecy.
        return random.uniform(0, longest)  # noqa: S311

    def succeeded(self) -> None:
        self.failures = 0
