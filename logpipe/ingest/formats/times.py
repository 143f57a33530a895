"""Times as SQL: the text of a time to a TIMESTAMPTZ, NULL where it is none.

A time that names no zone is in `Context.time_zone`. Sessions run in UTC.
"""

from logpipe.ingest.formats.base import Context, text_literal

ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)\b)?"
"""Pattern of what `iso_sql` reads, as loggers write it: also Python's comma before the milliseconds."""

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


def instant_sql(text: str, context: Context) -> str:
    """A time as JSON and logfmt carry it: a number since 1970, or ISO 8601."""
    return (
        f"CASE WHEN regexp_matches({text}, '^\\d{{9,}}(\\.\\d+)?([eE]\\+?\\d+)?$|^\\d\\.\\d+[eE]\\+?\\d+$')"
        f" THEN {epoch_sql(text)} ELSE {iso_sql(text, context)} END"
    )


def is_microseconds_sql(text: str) -> str:
    """Whether the time says no more than its microseconds do."""
    return f"NOT regexp_matches({text}, '[.,]\\d{{6}}\\d*[1-9]|^\\d{{18,}}')"


def ncsa_sql(text: str, _context: Context) -> str:
    """`10/Oct/2000:13:55:36 -0700`."""
    return f"try_strptime({text}, '%d/%b/%Y:%H:%M:%S %z')"


def slashed_sql(text: str, context: Context) -> str:
    """`2024/03/14 10:00:00`, in the context's zone."""
    return in_zone_sql(f"try_strptime({text}, ['%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M:%S.%f'])", context)


def ctime_sql(text: str, context: Context) -> str:
    """`Thu Mar 14 10:00:00.123456 2024` or without the fraction, in the context's zone."""
    return in_zone_sql(f"try_strptime({text}, ['%a %b %d %H:%M:%S %Y', '%a %b %d %H:%M:%S.%f %Y'])", context)


def yearless_sql(text: str, context: Context) -> str:
    """`Mar  4 10:00:00`, with the year of the file: what would be a day after its last write is of the year before."""

    def in_year(year: int) -> str:
        formats = "['%Y %b %d %H:%M:%S', '%Y %b %d %H:%M:%S.%f']"
        return in_zone_sql(f"try_strptime('{year} ' || {text}, {formats})", context)

    year = context.modified_at.year
    limit = f"TIMESTAMPTZ '{context.modified_at.isoformat(sep=' ')}' + INTERVAL 1 DAY"
    latest_first = [in_year(year + 1), in_year(year), in_year(year - 1)]
    return f"CASE {' '.join(f'WHEN {time} <= {limit} THEN {time}' for time in latest_first)} END"


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
