"""What goes wrong in the day, and when: the one place from which the simulation and the ground truth are made."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final

DATE: Final = datetime(2026, 3, 12, tzinfo=UTC)
"""The day's midnight; a Thursday."""

DAY_S: Final = 86_400.0


def second(clock: str) -> float:
    """The second of the day of `HH:MM` or `HH:MM:SS`."""
    at = time.fromisoformat(clock)
    return at.hour * 3600.0 + at.minute * 60 + at.second


def moment(second_of_day: float) -> datetime:
    """The time, UTC, of a second of the day."""
    return DATE + timedelta(seconds=second_of_day)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that goes wrong."""

    kind: str
    """The kind of finding that should tell of it, or `rejects`."""
    service: str
    subject: str | None
    """Route, query, exception or stream."""
    start: float
    """Onset, in seconds of the day."""
    end: float | None
    """None: it lasts to the end of the day."""
    sentence: str
    also: tuple[str, ...] = field(default=())
    """Services whose own logs show the same, so that a finding of this kind for them is right too."""

    def covers(self, at: float) -> bool:
        """Whether it is going on."""
        return self.start <= at and (self.end is None or at < self.end)

    def overlaps(self, since: float, until: float) -> bool:
        """Whether it is going on at some time of a span."""
        return self.start < until and (self.end is None or since < self.end)

    def as_json(self) -> dict[str, object]:
        """As it stands in the ground truth."""
        return {
            "kind": self.kind,
            "service": self.service,
            "subject": self.subject,
            "started_at": moment(self.start).isoformat(),
            "ended_at": None if self.end is None else moment(self.end).isoformat(),
            "sentence": self.sentence,
            "also": list(self.also),
        }


WORKER_DOWN: Final = Incident(
    kind="silence",
    service="shop-worker",
    subject=None,
    start=second("03:25"),
    end=second("04:20"),
    sentence="The worker's host ran out of memory and killed it; nobody restarted it for 55 minutes.",
)

LOST_INDEX: Final = Incident(
    kind="slow_query",
    service="shop-worker",
    subject="select id, product_id, quantity from cart_items where cart_id = ?",
    start=second("07:36"),
    end=None,
    sentence="A migration dropped the index on cart_items.cart_id: its query takes ten times as long.",
    also=("postgresql",),
)

GROWING_CACHE: Final = Incident(
    kind="latency_trend",
    service="shop-api",
    subject="GET /api/v1/products/search",
    start=second("09:10"),
    end=second("12:40"),
    sentence="Each search walks a list of facets that only grows, up to three times the latency, until a restart.",
)

SLOW_RELEASE: Final = Incident(
    kind="latency_shift",
    service="shop-web",
    subject="GET /products/{product_id}",
    start=second("14:30"),
    end=None,
    sentence="Version 2.8.0 renders related products into the product page: it takes half as long again.",
)

PROVIDER_DOWN: Final = Incident(
    kind="error_spike",
    service="shop-web",
    subject="POST /checkout",
    start=second("16:18"),
    end=second("16:30"),
    sentence="The payment provider refuses four of five charges: checkouts end with 502.",
    also=("nginx",),
)

MISSING_TAX_RATE: Final = Incident(
    kind="new_pattern",
    service="shop-api",
    subject="TaxRateMissing",
    start=second("18:47:12"),
    end=None,
    sentence="Delivery to Northern Ireland is switched on, for which there is no tax rate: a few quotes an hour fail.",
)

FULL_DISK: Final = Incident(
    kind="rejects",
    service="shop-api",
    subject="shop-api/performance.jsonl",
    start=second("20:12"),
    end=second("20:12:30"),
    sentence="The disk runs full for a moment and another program writes into the same file: torn and foreign lines.",
)

INCIDENTS: Final = (
    WORKER_DOWN,
    LOST_INDEX,
    GROWING_CACHE,
    SLOW_RELEASE,
    PROVIDER_DOWN,
    MISSING_TAX_RATE,
    FULL_DISK,
)
"""In the order of the day."""
