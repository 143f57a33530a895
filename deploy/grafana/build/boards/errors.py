"""Errors and patterns: which errors there are, which are new, and the lines themselves."""

from typing import Final

from deploy.grafana.build.board import DEPLOYMENTS, SERVICE, Board, Row, alerts
from deploy.grafana.build.firing import alerts_table, firing
from deploy.grafana.build.meaning import ANY_IS_CRITICAL, ANY_IS_WARNING, LEVELS, SEVERITIES, steps
from deploy.grafana.build.panels import Look, figure, log, series
from deploy.grafana.build.parts import Link, to_board
from deploy.grafana.build.queries import Query, explore, or_none, summed
from deploy.grafana.build.tables import Column, table

_COMPONENTS: Final = "..*"
_OF: Final = 'service=~"$service"'
_EVENTS: Final = "logpipe_events_total"
_PATTERNS: Final = "logpipe_error_pattern_events_total"
_FINDINGS: Final = f'logpipe_findings{{status="open", {_OF}}}'
_ERROR: Final = 'level=~"ERROR|CRITICAL"'
_ALL: Final = summed(_EVENTS, _OF, "service")
_THIS: Final = '{service_name="${__data.fields.Service}"} | level=~"ERROR|CRITICAL"'
_SERVICE_LINKS: Final = (
    Link("Its errors in Loki", explore("loki", _THIS)),
    Link("Its requests", to_board("logpipe-api", "var-service=${__data.fields.Service}")),
    Link("This service alone", to_board("logpipe-errors", "var-service=${__data.fields.Service}")),
)
_RATIO: Final = steps(warning=0.02, critical=0.1)


def _a_minute(of: str, by: str = "") -> str:
    return f"{summed(_EVENTS, of, by)} * 60"


def _findings(severity: str) -> str:
    return or_none(f'sum(logpipe_findings{{severity="{severity}", status="open", {_OF}}})')


_BY: Final = "service, pattern, template"
_OF_PATTERN: Final = f"sum by ({_BY}) ({_PATTERNS}{{{_OF}}})"
_NEW_ONES: Final = f"{_OF_PATTERN} unless sum by ({_BY}) ({_PATTERNS}{{{_OF}}} offset $__range)"
_IN_RANGE: Final = f"(sum by ({_BY}) (increase({_PATTERNS}{{{_OF}}}[$__range])) > 0)"
_TOP: Final = f"topk(25, ({_NEW_ONES}) or {_IN_RANGE})"
"""A pattern that is new makes its series with what it has, which is no increase."""

_BROKEN: Final = Row(
    "Is it broken, where, and since when?",
    [
        [
            firing(_COMPONENTS),
            figure(
                "Errors a minute",
                "short",
                "Events of level ERROR and CRITICAL of all services chosen. Whether that is much, the findings say: "
                "they know what is usual. Next: by service, then the patterns.",
                Query(or_none(_a_minute(f"{_ERROR}, {_OF}"))),
                decimals=1,
                none="no metrics",
            ),
            figure(
                "Where most errors are",
                "short",
                "The service with most errors a minute now. Next: its patterns, below, with the service chosen on top.",
                Query(f"topk(1, {_a_minute(f'{_ERROR}, {_OF}', 'service')})", "{{service}}", latest=True),
                decimals=1,
                names=True,
            ),
            figure(
                "Critical findings",
                "short",
                "Open findings of severity critical. `logpipe findings`, then `logpipe explain ID`, which says what to "
                "do and shows the lines.",
                Query(_findings("critical")),
                steps=ANY_IS_CRITICAL,
                decimals=0,
                none="no metrics",
            ),
            figure(
                "Warnings",
                "short",
                "Open findings of severity warning. They can wait for the morning, unless they are new since the "
                "alerts.",
                Query(_findings("warning")),
                steps=ANY_IS_WARNING,
                decimals=0,
                none="no metrics",
            ),
            figure(
                "New errors",
                "short",
                "Open findings of errors that were never seen before, in all services chosen. A new error at the time "
                "of an outage is the best clue that there is.",
                Query(or_none(f'sum(logpipe_findings{{kind="new_pattern", status="open", {_OF}}})')),
                steps=ANY_IS_WARNING,
                decimals=0,
                none="no metrics",
            ),
        ],
        [
            alerts_table(_COMPONENTS, {"service": "Service", "instance": "Instance", "kind": "Finding"}, width=12),
            table(
                "Open findings",
                "What the analysis holds against the services, by kind and severity. `logpipe findings --service NAME` "
                "lists them with their ids, `logpipe explain ID` says what to do.",
                {"service": "Service", "kind": "Kind", "severity": "Severity"},
                [Column("Findings", f"sum by (service, kind, severity) ({_FINDINGS})", "short", (), 0)],
                links={"Service": _SERVICE_LINKS},
                none="no findings",
                width=12,
            ),
        ],
    ],
)

_ERRORS: Final = Row(
    "Errors",
    [
        [
            series(
                "Errors a minute, by service",
                "short",
                "Events of level ERROR and CRITICAL. The service that rises first is often the cause of the others. A "
                "step at a blue mark came with a deployment.",
                Query(_a_minute(f"{_ERROR}, {_OF}", "service"), "{{service}}"),
                links=[Link("Errors in Loki", explore("loki", f'{{service_name=~"${{service:regex}}"}} | {_ERROR}'))],
            ),
            series(
                "Share of events that are errors, by service",
                "percentunit",
                "Of all events of a service, those of level ERROR and CRITICAL: more errors only because there is more "
                "traffic do not show here.",
                Query(
                    f"{summed(_EVENTS, f'{_ERROR}, {_OF}', 'service')}\n/ ({_ALL} > 0)",
                    "{{service}}",
                ),
                look=Look(steps=_RATIO),
            ),
        ],
        [
            series(
                "Events a minute, by level",
                "short",
                "All events, of all services chosen. WARNING that rises before ERROR is a fault that is retried. None "
                "at all: look whether logs are read.",
                Query(_a_minute(_OF, "level"), "{{level}}"),
                look=Look(stacked=True, colours=LEVELS),
                links=[Link("logpipe itself", to_board("logpipe-pipeline"))],
            ),
            series(
                "Events a minute, by service",
                "short",
                "How much each logs. A service that has gone quiet may be down; one that logs ten times as much may be "
                "in a loop.",
                Query(_a_minute(_OF, "service"), "{{service}}"),
                look=Look(stacked=True),
            ),
        ],
    ],
)

_MOST: Final = Row(
    "Patterns of errors",
    [
        [
            table(
                "Most frequent patterns of errors",
                "Errors with one text are one pattern: how many came in the time that is shown, and how many there are "
                "in all. One whose two numbers are the same is new. `logpipe patterns` shows an example of each; a "
                "click on the service opens its errors in Loki.",
                {"service": "Service", "template": "Pattern", "pattern": "Id"},
                [
                    Column("In this time", _TOP, "short", (), 0),
                    Column("In all", f"{_OF_PATTERN}\nand {_TOP}", "short", (), 0),
                ],
                links={"Service": _SERVICE_LINKS},
                none="no errors, or nothing was analysed yet",
            )
        ],
        [
            series(
                "Errors a minute, by pattern",
                "short",
                "The ten patterns that rise most. One that begins where the outage began is what to read first.",
                Query(
                    f"topk(10, sum by (service, template) (rate({_PATTERNS}{{{_OF}}}[$__rate_interval])) * 60)",
                    "{{service}}: {{template}}",
                ),
                look=Look(calculations=("mean", "max")),
            )
        ],
    ],
)

_FOUND: Final = Row(
    "Findings over time",
    [
        [
            series(
                "Open findings by kind",
                "short",
                "Since when each kind has been open; docs/analysis.md says of each what it means, and what to do.",
                Query(f"sum by (kind) ({_FINDINGS})", "{{kind}}"),
                look=Look(stacked=True, calculations=("max", "lastNotNull")),
            ),
            series(
                "Open findings by severity",
                "short",
                "Critical ones are told at once, warnings by day; those that nobody acts upon for days should be muted "
                "or mended.",
                Query(f"sum by (severity) ({_FINDINGS})", "{{severity}}"),
                look=Look(stacked=True, colours=SEVERITIES, calculations=("max", "lastNotNull")),
            ),
        ]
    ],
)

_LINES: Final = Row(
    "The lines",
    [
        [
            log(
                "Errors",
                "The lines of level ERROR and CRITICAL with their stack traces, the latest first. Open one for its "
                "fields: trace_id leads to all lines of its request.",
                f'{{service_name=~"$service"}} | {_ERROR}',
            )
        ]
    ],
)

BOARD: Final = Board(
    "logpipe-errors",
    "Errors and patterns",
    "Which errors there are, which of them are new, what the analysis found, and the lines themselves.",
    [SERVICE],
    [alerts(_COMPONENTS), DEPLOYMENTS],
    [_BROKEN, _ERRORS, _MOST, _FOUND, _LINES],
)
