"""logpipe itself: does it read all lines, in time, and do those get them who should."""

from typing import Final

from deploy.grafana.build.board import Board, Row, Variable, alerts
from deploy.grafana.build.boards.ingest import INGEST, LAG, OF, QUALITY, STORE, rate
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import ANY_IS_WARNING, CRITICAL, WARNING, falling, steps
from deploy.grafana.build.panels import Look, figure, series
from deploy.grafana.build.queries import Query
from deploy.grafana.build.tables import Column, table

_COMPONENTS: Final = "logpipe|targets"
_INSTANCE: Final = Variable(
    "instance", "logpipe", "label_values(logpipe_up, instance)", "Where its metrics are scraped, as HOST:PORT."
)
REJECTS: Final = steps(warning=0.01, critical=0.1)
"""From one in a hundred on, as LogpipeRejects."""
FAILING: Final = steps(warning=60, critical=900)
"""As LogpipeShipperFailing and LogpipeShipperStalled."""


def _of_target(metric: str) -> str:
    return f"max by (instance, target) ({metric}{{{OF}}})"


def _followed(metric: str) -> str:
    """Of what is shipped to all the time; what was shipped to once, by hand perhaps, waits for nobody."""
    return f"max by (instance, target) ({metric}{{{OF}}} and logpipe_ship_followed == 1)"


_BROKEN: Final = Row(
    "Is it broken, where, and since when?",
    [
        [
            firing(_COMPONENTS),
            figure(
                "Database can be read",
                "bool_yes_no",
                "Of all logpipes chosen. `No`, or nothing: `logpipe stats` at its host says why; the process that owns "
                "the database may be gone.",
                Query(f"min(logpipe_up{{{OF}}})"),
                steps=falling(critical=1),
                none="no metrics",
            ),
            figure(
                "Unread for, at most",
                "s",
                "The longest time that nothing was read of a log with unread bytes. Above a minute: is `logpipe ingest "
                "--follow` running, and may it read the file? The table of logs says which.",
                Query(f"max(logpipe_source_lag_seconds{{{OF}}})"),
                steps=LAG,
                decimals=0,
                none="no logs",
            ),
            figure(
                "Last line taken in",
                "s",
                "So long ago. With nothing unread, services are quiet or write elsewhere; with unread bytes, ingest "
                "stands.",
                Query(f"time() - max(logpipe_last_ingest_timestamp_seconds{{{OF}}})"),
                steps=steps(warning=3600),
                decimals=0,
                none="none yet",
            ),
            figure(
                "Lines that cannot be read",
                "percentunit",
                "Share of rejected lines of the last 15 minutes. The database keeps them: `logpipe rejects` shows them "
                "with their reasons. It begins with a new version of a service, or a full disk.",
                Query(
                    f'sum(increase(logpipe_lines_total{{class="reject", {OF}}}[15m]))\n'
                    f"/ (sum(increase(logpipe_lines_total{{{OF}}}[15m])) > 0)"
                ),
                steps=REJECTS,
                decimals=2,
                none="no lines",
            ),
            figure(
                "Receiver in trouble for",
                "s",
                "The longest time that a receiver has taken nothing. Nothing is lost, the database is the buffer: see "
                'the table of receivers for which one, and its error in `logpipe query "FROM shipping"`.',
                Query(f"max({_followed('logpipe_ship_failing_seconds')})"),
                steps=FAILING,
                decimals=0,
                none="no receivers",
            ),
        ],
        [
            alerts_table(
                _COMPONENTS,
                {"instance": "Instance", "job": "Job", "source": "Log", "target": "Receiver"},
                width=12,
            ),
            table(
                "Receivers",
                "What logpipe ships to, the one in trouble for longest on top. `Behind` that grows without trouble: it "
                "takes less than comes in. Refused events are in the table `refusals` with their reasons.",
                {"target": "Receiver", "instance": "Instance"},
                [
                    Column("In trouble for", _followed("logpipe_ship_failing_seconds"), "s", FAILING, 0),
                    Column("Behind", _followed("logpipe_ship_behind_events"), "short", (), 0),
                    Column(
                        "Taken last",
                        f"{_of_target('logpipe_ship_last_success_timestamp_seconds')} * 1000",
                        "dateTimeFromNow",
                    ),
                    Column("Refused", _of_target("logpipe_ship_refused_total"), "short", ANY_IS_WARNING, 0),
                ],
                none="nothing was shipped yet",
                width=12,
            ),
        ],
    ],
)

_SHIPPING: Final = Row(
    "Shipping",
    [
        [
            series(
                "Taken by receivers, a second",
                "short",
                "Events, findings or samples that each receiver took. Nothing, while events come in: look whether it "
                "is in trouble.",
                Query(rate("logpipe_ship_accepted_total", "target"), "{{target}}"),
            ),
            series(
                "Events that wait",
                "short",
                "Events in the database that a receiver has not had. After an outage it falls; one that only rises "
                "gets more than it takes.",
                Query(_followed("logpipe_ship_behind_events"), "{{target}}"),
                look=Look(calculations=("max", "lastNotNull")),
            ),
        ],
        [
            series(
                "Receivers in trouble",
                "s",
                "For how long each has taken nothing. The lines across are the alerts: a minute, and a quarter of an "
                "hour.",
                Query(_followed("logpipe_ship_failing_seconds"), "{{target}}"),
                look=Look(steps=FAILING, calculations=("max", "lastNotNull")),
            ),
            series(
                "Refused and tried again, a minute",
                "short",
                "Refused ones are not sent again: the table `refusals` has each with its reason (often: too old, or "
                "too long). What is tried again is not lost.",
                Query(f"{rate('logpipe_ship_refused_total', 'target')} * 60", "{{target}} refused"),
                Query(f"{rate('logpipe_ship_retries_total', 'target')} * 60", "{{target}} tried again"),
                look=Look(colours={"/refused$/": CRITICAL, "/again$/": WARNING}),
            ),
        ],
    ],
)

BOARD: Final = Board(
    "logpipe-pipeline",
    "logpipe itself",
    "Whether all lines are read, in time, whether any are lost, and whether receivers get what they should.",
    [_INSTANCE],
    [alerts(_COMPONENTS)],
    [_BROKEN, INGEST, QUALITY, _SHIPPING, STORE],
)
