"""Levels as SQL: the spellings of loggers, servers and protocols onto the six levels of `logpipe.record`.

A spelling that says no more than its level (`warn`, `E`, pino's 30) is *exact*; one that says more (`NOTICE`,
`SUCCESS`, `EMERG`) is *coarsened*, and the caller keeps the original text among the attributes. An unknown spelling
gives no level.
"""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.base import text_literal

EXACT: Final[Mapping[str, tuple[str, ...]]] = {
    "INFO": ("INFO", "INFORMATION", "INFORMATIONAL", "INF", "I", "30"),
    "WARNING": ("WARNING", "WARN", "WRN", "W", "40"),
    "ERROR": ("ERROR", "ERR", "ERRO", "FAIL", "E", "50"),
    "DEBUG": ("DEBUG", "DBG", "DBUG", "DEBU", "D", "20"),
    "CRITICAL": ("CRITICAL", "CRIT", "FATAL", "FTL", "FATA", "C", "F", "60"),
    "TRACE": ("TRACE", "TRC", "TRCE", "TRAC", "T", "10"),
}
"""By level, most frequent first, upper case. The numbers are those of pino and bunyan, 10 to 60."""

COARSENED: Final[Mapping[str, tuple[str, ...]]] = {
    "INFO": ("NOTICE", "NOTE", "SUCCESS", "SYSTEM", "LOG", "HTTP"),
    "WARNING": ("CAUTION",),
    "ERROR": ("EXCEPTION", "SEVERE"),
    "DEBUG": ("FINE", "CONFIG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "D1", "D2", "D3", "D4", "D5"),
    "CRITICAL": ("ALERT", "EMERG", "EMERGENCY", "PANIC", "DPANIC", "PNC", "PANI"),
    "TRACE": ("VERBOSE", "VRB", "V", "FINER", "FINEST", "SILLY", *(f"TRACE{step}" for step in range(1, 9))),
}
"""By level, the spellings that say more than the level does."""


def level_sql(text: str) -> str:
    """The level that the text expression spells, NULL where it spells none."""
    return f"CASE WHEN {text} IS NOT NULL THEN {_lookup(f'upper(trim({text}))', EXACT, COARSENED)} END"


def level_is_exact_sql(text: str) -> str:
    """Whether the level says all that the text expression said."""
    spellings = ", ".join(text_literal(spelling) for group in EXACT.values() for spelling in group)
    return f"upper(trim({text})) IN ({spellings})"


def python_level_sql(text: str) -> str:
    """The level of a number of Python's `logging`, NULL for the numbers between."""
    return _lookup(
        text,
        {"DEBUG": ("10",), "INFO": ("20",), "WARNING": ("30",), "ERROR": ("40",), "CRITICAL": ("50",), "TRACE": ("5",)},
    )


def syslog_level_sql(severity: str) -> str:
    """The level of a syslog severity, 0 to 7 (RFC 5424, section 6.2.1)."""
    return (
        f"CASE WHEN {severity} BETWEEN 0 AND 2 THEN 'CRITICAL' WHEN {severity} = 3 THEN 'ERROR'"
        f" WHEN {severity} = 4 THEN 'WARNING' WHEN {severity} BETWEEN 5 AND 6 THEN 'INFO'"
        f" WHEN {severity} = 7 THEN 'DEBUG' END"
    )


def opentelemetry_level_sql(number: str) -> str:
    """The level of an OpenTelemetry SeverityNumber, 1 to 24; 0 is unspecified."""
    ranges = (
        f"WHEN {number} BETWEEN {first} AND {first + 3} THEN '{level}'"
        for first, level in ((9, "INFO"), (13, "WARNING"), (17, "ERROR"), (5, "DEBUG"), (21, "CRITICAL"), (1, "TRACE"))
    )
    return f"CASE {' '.join(ranges)} END"


def _lookup(text: str, *tables: Mapping[str, tuple[str, ...]]) -> str:
    branches = (
        f"WHEN {text} IN ({', '.join(map(text_literal, spellings))}) THEN '{level}'"
        for table in tables
        for level, spellings in table.items()
    )
    return f"CASE {' '.join(branches)} END"
