"""When a service began to run another version: what a rise in latency is most often put down to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from logpipe_analysis.buckets import Buckets


@dataclass(frozen=True, slots=True)
class Deployment:
    """The first sight of a version, or an event named `deployment`."""

    service: str
    at: datetime
    version: str | None


def deployments(buckets: Buckets) -> list[Deployment]:
    """Those of the range; a service's first version is none."""
    rows = buckets.store.execute(
        f"""
        SELECT service, min(i), version
        FROM {buckets.counts}
        WHERE version IS NOT NULL
        GROUP BY service, version
        QUALIFY min(i) > min(min(i)) OVER (PARTITION BY service)
        UNION ALL
        SELECT service, i, max(version)
        FROM {buckets.counts}
        WHERE operation = 'deployment'
        GROUP BY service, i
        ORDER BY ALL
        """
    )
    return [Deployment(service, buckets.range.at(index), version) for service, index, version in rows]


def nearest(found: list[Deployment], service: str, at: datetime, within: timedelta) -> Deployment | None:
    """The service's deployment nearest to a moment, one with a version first."""
    near = [one for one in found if one.service == service and abs(one.at - at) <= within]
    return min(near, key=lambda one: (one.version is None, abs(one.at - at)), default=None)
