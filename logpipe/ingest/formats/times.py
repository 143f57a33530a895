"""Times as SQL: the text of a time to a TIMESTAMPTZ, NULL where it is none.

A time that names no zone is in `Context.time_zone`. Sessions run in UTC.
"""

from collections.abc import Callable
from typing import Final

from logpipe.ingest.formats.base import Context, text_literal

TimeSql = Callable[[str, Context], str]
"""From an SQL expression of a time's text to one of a TIMESTAMPTZ, NULL where the text is no time."""

ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)\b)?"
"""Pattern of what `iso_sql` reads, as loggers write it: also Python's comma before the milliseconds."""

RUNTIME_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{7,9}|\d{4,5}|\d\d?)(?:Z|[+-]\d\d:\d\d)"
"""Pattern of the time that a container's runtime puts before a line: nanoseconds, perhaps without zeros at the end.

What has three or six digits, or none, is the program's own and part of the line.
"""

_NAMES_ZONE = r":\d\d(?:[.,]\d+)?(?: ?[+-]\d\d(?::?\d\d)?| ?[A-Za-z][A-Za-z_/+-]*\d*)$"


def in_zone_sql(timestamp: str, context: Context) -> str:
    """A TIMESTAMP without a zone as the instant it is in the context's zone."""
    return f"timezone({text_literal(context.time_zone)}, {timestamp})"


def iso_sql(text: str, context: Context) -> str:
    """ISO 8601 and its relatives: blank or `T`, comma or point, `/` or `-`, any offset or none, or a zone's name."""
    plain = f"replace(replace(replace({text}, ',', '.'), ' +', '+'), ' -', '-')"
    guarded = f"CASE WHEN regexp_matches({text}, '^\\d{{4}}[-/]\\d\\d?[-/]\\d') THEN {plain} END"
    if context.time_zone == "UTC":
        return f"TRY_CAST({guarded} AS TIMESTAMPTZ)"
    return (
        f"CASE WHEN regexp_matches({text}, '{_NAMES_ZONE}') THEN TRY_CAST({guarded} AS TIMESTAMPTZ)"
        f" ELSE {in_zone_sql(f'TRY_CAST({guarded} AS TIMESTAMP)', context)} END"
    )


def epoch_sql(text: str) -> str:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by magnitude.

    Nothing before 1973 is taken: small numbers are durations and counters, not times.
    """
    number = f"TRY_CAST({text} AS DOUBLE)"  # 53 bits hold microseconds until 2255; nanoseconds need an integer
    microseconds = (
        f"CASE WHEN {number} < 1e8 THEN NULL WHEN {number} < 1e11 THEN round({number} * 1e6)::BIGINT"
        f" WHEN {number} < 1e14 THEN round({number} * 1e3)::BIGINT WHEN {number} < 1e17 THEN {number}::BIGINT"
        f" WHEN {number} < 9e18 THEN TRY_CAST({text} AS BIGINT) // 1000 END"
    )
    return f"make_timestamptz({microseconds})"


def epoch_time_sql(text: str, _context: Context) -> str:
    """The same as the time of a text format."""
    return f"CASE WHEN regexp_matches({text}, '^\\d{{10,}}(?:\\.\\d+)?$') THEN {epoch_sql(text)} END"


def tai64n_sql(text: str, _context: Context) -> str:
    """`@4000000064e3b1a50a1b2c3d` of djb's multilog: https://cr.yp.to/libtai/tai64.html#tai64n"""
    seconds = (
        f"TRY_CAST('0x' || substr({text}, 3, 15) AS BIGINT) - 10"  # as multilog counts: TAI was 10 s ahead in 1970
    )
    nanoseconds = f"TRY_CAST('0x' || substr({text}, 18, 8) AS BIGINT)"
    return (
        f"CASE WHEN regexp_matches({text}, '^@4[0-9a-f]{{23}}$')"
        f" THEN TRY(make_timestamptz(({seconds}) * 1000000 + {nanoseconds} // 1000)) END"
    )


def instant_sql(text: str, context: Context) -> str:
    """A time as JSON and logfmt carry it: a number since 1970, or ISO 8601."""
    return (
        f"CASE WHEN regexp_matches({text}, '^\\d{{9,}}(\\.\\d+)?([eE]\\+?\\d+)?$|^\\d\\.\\d+[eE]\\+?\\d+$')"
        f" THEN {epoch_sql(text)} ELSE {iso_sql(text, context)} END"
    )


def is_microseconds_sql(text: str) -> str:
    """Whether the time says no more than its microseconds do."""
    finer = r"[.,]\d{6}\d*[1-9]|^\d{15,}(?:[1-9]\d\d|\d[1-9]\d|\d\d[1-9])$"
    return f"NOT (regexp_matches({text}, '{finer}') AND NOT regexp_matches({text}, '^\\d{{1,17}}$'))"


def one_of(*readers: TimeSql) -> TimeSql:
    """Reads what one of the readers can, the first of them first."""
    return lambda text, context: f"coalesce({', '.join(reader(text, context) for reader in readers)})"


def strptime(*formats: str) -> TimeSql:
    """Reads a date with a time of day in one of the formats, in the context's zone; none has a zone of its own."""
    return lambda text, context: in_zone_sql(f"try_strptime({text}, {_list(formats)})", context)


def strptime_with_zone(format_: str) -> TimeSql:
    """Reads a date with a time of day and an offset from UTC (`%z`).

    In a list of formats DuckDB would take the 31st of February for the 3rd of March.
    """
    return lambda text, _context: f"try_strptime({text}, {text_literal(format_)})"


def yearless(*formats: str) -> TimeSql:
    """Reads a date without a year: what would be a day after the file's last write is of the year before."""

    def read(text: str, context: Context) -> str:
        def in_year(year: int) -> str:
            dated = _list(tuple(f"%Y {format_}" for format_ in formats))
            return in_zone_sql(f"try_strptime('{year} ' || {text}, {dated})", context)

        year = context.modified_at.year
        latest_first = [in_year(year + 1), in_year(year), in_year(year - 1)]
        return f"CASE {' '.join(f'WHEN {time} <= {_latest(context)} THEN {time}' for time in latest_first)} END"

    return read


def time_of_day(*formats: str) -> TimeSql:
    """Reads a time without a date: of the day of the file's last write, or of the day before where it is later."""

    def read(text: str, context: Context) -> str:
        written = in_zone_sql(f"TIMESTAMPTZ '{context.modified_at.isoformat(sep=' ')}'", context)
        clock = f"(try_strptime({text}, {_list(formats)}) - TIMESTAMP '1900-01-01')"
        moment = f"date_trunc('day', {written}) + {clock}"
        return in_zone_sql(
            f"{moment} - CASE WHEN {moment} > {written} THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END", context
        )

    return read


ncsa_sql: Final = one_of(strptime_with_zone("%d/%b/%Y:%H:%M:%S %z"), strptime("%d/%b/%Y:%H:%M:%S", "%d/%b/%Y %H:%M:%S"))
"""`10/Oct/2000:13:55:36 -0700`; without an offset, or with a blank before the time of day, in the context's zone."""

slashed_sql: Final = strptime("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f")
"""`2024/03/14 10:00:00`, in the context's zone."""

ctime_sql: Final = strptime("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S.%f %Y")
"""`Thu Mar 14 10:00:00.123456 2024` or without the fraction, in the context's zone."""

yearless_sql: Final = yearless("%b %d %H:%M:%S", "%b %d %H:%M:%S.%f")
"""`Mar  4 10:00:00`, with the year of the file."""


def _list(formats: tuple[str, ...]) -> str:
    return f"[{', '.join(map(text_literal, formats))}]"


def _latest(context: Context) -> str:
    return f"TIMESTAMPTZ '{context.modified_at.isoformat(sep=' ')}' + INTERVAL 1 DAY"


_OFFSETS = {
    "WET": "+00",
    "WEST": "+01",
    "BST": "+01",
    "CET": "+01",
    "CEST": "+02",
    "EET": "+02",
    "EEST": "+03",
    "MSK": "+03",
    "EST": "-05",
    "EDT": "-04",
    "CST": "-06",
    "CDT": "-05",
    "MST": "-07",
    "MDT": "-06",
    "PST": "-08",
    "PDT": "-07",
    "JST": "+09",
    "KST": "+09",
    "HKT": "+08",
    "SGT": "+08",
    "AEST": "+10",
    "AEDT": "+11",
    "NZST": "+12",
    "NZDT": "+13",
}
"""Abbreviations that servers write for their own zone, as PostgreSQL's default set has them."""


def abbreviated_zone_sql(text: str, context: Context) -> str:
    """`2026-03-14 10:00:00.123 CEST`: ISO 8601 with a blank and an offset or an abbreviation."""
    zone = f"regexp_extract({text}, ' ([A-Z]{{3,4}})$', 1)"
    branches = " ".join(f"WHEN '{name}' THEN '{offset}'" for name, offset in _OFFSETS.items())
    numeric = f"regexp_extract({text}, '^(\\S+ \\S+)', 1) || CASE {zone} {branches} END"
    return iso_sql(f"coalesce({numeric}, {text})", context)
