"""Business: what customers do, by the events of the stream `business`."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana.build.board import DEPLOYMENTS, SERVICE, Board, Row, alerts
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import ANY_IS_WARNING, CRITICAL, GOOD, steps
from deploy.grafana.build.panels import Look, figure, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query, explore, or_none, summed
from deploy.grafana.build.tables import Column, table

_COMPONENTS: Final = "api|findings"
_OF: Final = 'service=~"$service"'
_EVENTS: Final = "logpipe_business_events_total"
_FAILED: Final = "(.*_)?(failed|failure|declined|rejected|cancelled|canceled|aborted|expired)"
"""Names of events that tell of something that did not come about, such as payment_failed."""
_NO_BUSINESS: Final = "deployment|other"
"""A deployment is marked instead; the rest of many names, which --max-operations folds, is of all kinds."""
_FAILING: Final = steps(warning=0.05, critical=0.2)
_LINES: Final = Link(
    "Its lines in Loki",
    explore(
        "loki",
        '{service_name="${__data.fields.Service}", logpipe_stream="business"} | event="${__data.fields.Event}"',
    ),
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Events of one kind: a pattern of their names, and what to look at where they fail."""

    title: str
    names: str
    next: str

    @property
    def done(self) -> str:
        return f'event=~"{self.names}", event!~"{_FAILED}", {_OF}'

    @property
    def failed(self) -> str:
        return f'event=~"{self.names}", event=~"{_FAILED}", {_OF}'


_KINDS: Final = (
    _Kind("Bookings", ".*booking.*", "Next: the routes of bookings in the API overview, and the database."),
    _Kind("Payments", ".*payment.*|.*charge.*", "Next: the errors of the service, which name the provider's answer."),
    _Kind(
        "Registrations", ".*(registration|registered|signup).*", "Next: whether mails go out, and the route's errors."
    ),
    _Kind("Reviews", ".*review.*", "Nobody is woken for it alone; with other writes falling, look at the database."),
)


def _a_minute(of: str, by: str = "") -> str:
    return f"{summed(_EVENTS, of, by)} * 60"


def _in_range(of: str, by: str = "") -> str:
    """How many in the time that is shown; all of those that had not been counted before it."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (increase({_EVENTS}{{{of}}}[$__range]))"


_MOST: Final = f"topk(50, {_in_range(_OF, 'service, event')})"


def _total(kind: _Kind) -> Panel:
    return figure(
        kind.title,
        "short",
        f"{kind.title} that came about, in the time that is shown. `none` where no event of such a name was ever "
        f"logged. {kind.next}",
        Query(_in_range(kind.done), latest=True),
        decimals=0,
    )


def _over_time(kind: _Kind) -> Panel:
    return series(
        f"{kind.title} a minute",
        "short",
        f"Those that came about, and those that failed by their names. A fall without failures means that customers do "
        f"not get so far: look at what comes before it. {kind.next}",
        Query(_a_minute(kind.done), "came about"),
        Query(or_none(_a_minute(kind.failed)), "failed"),
        look=Look(colours={"came about": GOOD, "failed": CRITICAL}, calculations=("mean", "lastNotNull")),
        links=[Link("API overview", to_board("logpipe-api", "${service:queryparam}"))],
    )


_BROKEN: Final = Row(
    "Is it broken, where, and since when?",
    [
        [
            firing(_COMPONENTS, _OF),
            figure(
                "Events that fail",
                "percentunit",
                "Share of events whose names tell of a failure (…_failed, …_declined, …_cancelled and the like), now. "
                "Next: which kind fails, below, and since when.",
                Query(
                    f'(sum(rate({_EVENTS}{{event=~"{_FAILED}", {_OF}}}[$__rate_interval])) or vector(0))\n'
                    f'/ (sum(rate({_EVENTS}{{event!~"{_NO_BUSINESS}", {_OF}}}[$__rate_interval])) > 0)'
                ),
                steps=_FAILING,
                decimals=1,
                none="no events",
            ),
            figure(
                "Findings on what should happen",
                "short",
                "Open findings that something stays away, or comes in other numbers than usual at this time of day "
                "(silence, volume_change). `logpipe findings` says of what.",
                Query(or_none(f'sum(logpipe_findings{{kind=~"silence|volume_change", status="open", {_OF}}})')),
                steps=ANY_IS_WARNING,
                decimals=0,
                none="no metrics",
                links=[Link("Errors and patterns", to_board("logpipe-errors", "${service:queryparam}"))],
            ),
            *(_total(kind) for kind in _KINDS),
        ],
        [
            alerts_table(_COMPONENTS, {"service": "Service", "kind": "Finding"}, _OF, width=10),
            table(
                "Events",
                "All events of the time that is shown, by service and name: the most frequent on top. One that is at 0 "
                "a minute now and has a number beside it has stopped. A click opens its lines in Loki.",
                {"service": "Service", "event": "Event"},
                [
                    Column("Number", _MOST, "short", (), 0),
                    Column("A minute, now", f"{_a_minute(_OF, 'service, event')}\nand {_MOST}", "short", (), 1),
                ],
                links={"Event": [_LINES]},
                none="no events of the stream business",
                width=14,
            ),
        ],
    ],
)

_OVER_TIME: Final = Row(
    "What customers do",
    [[_over_time(kind) for kind in _KINDS[:2]], [_over_time(kind) for kind in _KINDS[2:]]],
)

_REST: Final = Row(
    "All events",
    [
        [
            series(
                "Events a minute, by name",
                "short",
                "Every name by itself; its colour stays the same. Names that fall together have one cause: look for "
                "what they share in the API overview.",
                Query(_a_minute(f'event!~"{_NO_BUSINESS}", {_OF}', "event"), "{{event}}"),
                look=Look(calculations=("mean", "lastNotNull")),
            ),
            series(
                "Events a minute, by service",
                "short",
                "Where they come from. A service that falls to nothing while others go on is down, or its logs are not "
                "read: logpipe itself tells which.",
                Query(_a_minute(_OF, "service"), "{{service}}"),
                look=Look(stacked=True, calculations=("mean", "lastNotNull")),
                links=[Link("logpipe itself", to_board("logpipe-pipeline"))],
            ),
        ],
        [
            series(
                "Share of events that fail, by service",
                "percentunit",
                "Events whose names tell of a failure, of all events of the service. A step at a blue mark came with a "
                "deployment.",
                Query(
                    f'sum by (service) (rate({_EVENTS}{{event=~"{_FAILED}", {_OF}}}[$__rate_interval]))\n'
                    f'/ sum by (service) (rate({_EVENTS}{{event!~"{_NO_BUSINESS}", {_OF}}}[$__rate_interval]) > 0)',
                    "{{service}}",
                ),
                look=Look(steps=_FAILING),
            ),
        ],
    ],
)

BOARD: Final = Board(
    "logpipe-business",
    "Business",
    "What customers do, by the events that services log with log_business_event: as many as usual, and do they come "
    "about.",
    [SERVICE],
    [alerts(_COMPONENTS, _OF), DEPLOYMENTS],
    [_BROKEN, _OVER_TIME, _REST],
)
