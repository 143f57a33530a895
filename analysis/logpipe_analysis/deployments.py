"""Which versions of a service ran when, and when it began to run another one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from logpipe.store import Store
from logpipe_analysis.buckets import Buckets

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
    rows = buckets.store.execute(
        f"""
        SELECT service, min(i), version, environment
        FROM {buckets.counts}
        WHERE version IS NOT NULL
        GROUP BY service, environment, version
        QUALIFY min(i) > min(min(i)) OVER (PARTITION BY service, environment)
        UNION ALL
        SELECT service, i, max(version), environment
        FROM {buckets.counts}
        WHERE operation = 'deployment'
        GROUP BY service, environment, i
        ORDER BY ALL
        """
    )
    return [
        Deployment(service, buckets.range.at(index), version, environment)
        for service, index, version, environment in rows
    ]


def nearest(found: list[Deployment], service: str, at: datetime, within: timedelta) -> Deployment | None:
    """The service's deployment nearest to a moment, one with a version first."""
    near = [one for one in found if one.service == service and abs(one.at - at) <= within]
    return min(near, key=lambda one: (one.version is None, abs(one.at - at)), default=None)
