"""Which versions of a service ran when, and when it began to run another one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from logpipe.store import Store
from logpipe_analysis.buckets import Buckets
from logpipe_analysis.cells import Cells
from logpipe_analysis.place import Place

_RANGES = """
WITH seen AS (
    SELECT service, environment, version, min(minute) AS first_seen, max(minute) + INTERVAL 1 MINUTE AS last_seen
    FROM rollup_minute
    WHERE version IS NOT NULL AND minute < $until AND ($service IS NULL OR service = $service)
    GROUP BY ALL
)
SELECT service, environment, version, epoch_us(first_seen),
    epoch_us(greatest(last_seen, coalesce(
        lead(first_seen) OVER (PARTITION BY service, environment ORDER BY first_seen, last_seen, version),
        (SELECT max(minute) + INTERVAL 1 MINUTE FROM rollup_minute AS every
         WHERE every.service = seen.service AND every.environment IS NOT DISTINCT FROM seen.environment
            AND every.minute < $until))))
FROM seen
ORDER BY service, environment, first_seen, version
"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The first sight of a version, or an event named `deployment`."""

    service: str
    at: datetime
    version: str | None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class VersionRange:
    """From the first sight of a version to its last, or to the next version where that comes later.

    The ranges of two versions overlap while a rolling deployment goes on, and where a version comes back.
    """

    service: str
    environment: str | None
    version: str
    since: datetime
    until: datetime
    """Not included."""


def version_ranges(store: Store, *, service: str | None = None, until: datetime) -> list[VersionRange]:
    """Those of all services, or of one, by the records before `until`: by service, environment and first sight."""
    rows = store.execute(_RANGES, {"service": service, "until": until})
    return [
        VersionRange(service, environment, version, *(datetime.fromtimestamp(us / 1e6, UTC) for us in (first, last)))
        for service, environment, version, first, last in rows
    ]


def deployments(buckets: Buckets) -> list[Deployment]:
    """Those of the range; the first version of a service in an environment is none."""
    found = [
        Deployment(place.service, buckets.range.at(index), version, place.environment)
        for place, index, version in (*_new_versions(buckets.cells), *_told(buckets.cells))
    ]
    return sorted(found, key=lambda one: (one.service, one.at, *_last(one.version), *_last(one.environment)))


def _last(name: str | None) -> tuple[bool, str]:
    """In order, with what is missing last."""
    return name is None, name or ""


def _new_versions(cells: Cells) -> Iterator[tuple[Place, int, str | None]]:
    """The first bucket of each version but the first."""
    seen: dict[Place, dict[str | None, int]] = {}
    named = np.flatnonzero(cells.keys["version"].notna())
    for (service, environment, version), keys in cells.by(("service", "environment", "version"), named).items():
        seen.setdefault(Place(str(service), environment), {})[version] = cells.first(keys)
    for place, firsts in seen.items():
        yield from ((place, at, version) for version, at in firsts.items() if at > min(firsts.values()))


def _told(cells: Cells) -> Iterator[tuple[Place, int, str | None]]:
    """The buckets with events named `deployment`, with the last of the versions that they name."""
    versions: dict[tuple[Place, int], str | None] = {}
    events = np.flatnonzero(cells.keys["operation"] == "deployment")
    for (service, environment, version), keys in cells.by(("service", "environment", "version"), events).items():
        for at in np.flatnonzero(cells.series(keys)):
            where = (Place(str(service), environment), int(at))
            versions[where] = version or versions.get(where)  # in order, so that a later one is the larger
    yield from ((place, at, version) for (place, at), version in versions.items())


def nearest(found: list[Deployment], service: str, at: datetime, within: timedelta) -> Deployment | None:
    """The service's deployment nearest to a moment, one with a version first."""
    near = [one for one in found if one.service == service and abs(one.at - at) <= within]
    return min(near, key=lambda one: (one.version is None, abs(one.at - at)), default=None)
