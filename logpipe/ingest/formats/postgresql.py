"""PostgreSQL's log on standard error, under the prefixes in use, each message with the DETAIL, HINT … that follow it.

https://www.postgresql.org/docs/current/runtime-config-logging.html
"""

from typing import Final

from logpipe.ingest.formats.levels import level_sql
from logpipe.ingest.formats.postgresql_json import explained_sql
from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.times import abbreviated_zone_sql

SEVERITIES: Final = "LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[1-5]?"
FOLLOWING: Final = "DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION|BACKTRACE"
"""What follows a message on lines with a prefix of their own."""

TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? (?:[A-Za-z]{1,5}\b|[+-]\d\d(?::?\d\d)?)"

TIMED: Final = r"(?s)^duration: ([\d.]+) ms(?:  (statement|parse|bind|execute)(?: ([^:]*))?: (.*)|  plan:.*)?$"
PID: Final = r"(?:^|[\[: ])(\d+)(?:-\d+)?(?:\]|[: ]|$)"
USER: Final = ("user=([^,@ ]+)", r"(?:^|[ :])([^\s:=@,\[\]]+|\[unknown\])@")
DATABASE: Final = ("db=([^,@ ]+)", r"@([^\s:=@,\[\]]+|\[unknown\])(?:[ :]|$)")
APPLICATION: Final = "app=([^,]+?)(?:,| *$)"
CLIENT: Final = "(?:client|host)=([^,() ]+)"
NAME: Final = r"(?:[^\s:=@,\[\]]+|\[unknown\])"
TOLD_PREFIX: Final = (
    rf" ?\[\d+\](?:(?:: ?| )"
    rf"(?:{NAME}?@{NAME}? |user=[^,\s]*,db=[^,\s]*(?:,app=[^,]*?)?(?:,(?:client|host)=[^,\s]*)? )?)?"
)
"""A prefix of which every part has a column or an attribute of its own."""

BEFORE_KIND: Final = r"(?:[^:\n]|:[^ \n]|: [^ \n])*?"
LAYOUT: Final = (
    rf"^(?:(?P<remote>\S+) )??(?P<time>{TIME})(?P<prefix>{BEFORE_KIND}:?)"
    rf"(?P<kind>{SEVERITIES}|{FOLLOWING}):  ?(?s:(?P<text>.*))$"
)
START: Final = rf"^(?:\S+ )??{TIME}{BEFORE_KIND}:?(?:{SEVERITIES}): "
NEXT: Final = rf"\n(?:\S+ )??\d{{4}}-\d\d-\d\d {BEFORE_KIND}:?"
KINDS: Final = rf"regexp_extract_all(text, '{NEXT}({FOLLOWING}):', 1)"
PREFIXES: Final = (
    rf"regexp_extract_all(raw, '(?:^|\n)((?:\S+ )??{TIME}{BEFORE_KIND}:?)(?:{SEVERITIES}|{FOLLOWING}): ', 1)"
)
ALIKE: Final = (
    f"len(list_distinct({KINDS})) = len({KINDS}) AND NOT list_has_all({KINDS}, ['STATEMENT', 'QUERY'])"
    f" AND len({PREFIXES}) = len({KINDS}) + 1"
    f" AND len(list_distinct(list_transform({PREFIXES}, lambda prefix: regexp_replace(prefix, '\\d+', '', 'g')))) = 1"
)
"""Whether what follows a message says no more in its prefixes than the message did, and nothing twice."""

LOGGED: Final = r"(?s)^(?:statement|execute [^:]*): (.*)$"


def _of_prefix(*patterns: str) -> str:
    """What the first pattern finds that finds anything; PostgreSQL writes `[unknown]` where it knows nothing."""
    found = (f"nullif(nullif(regexp_extract(prefix, '{pattern}', 1), ''), '[unknown]')" for pattern in patterns)
    return f"coalesce({', '.join(found)})"


def _following(kind: str) -> str:
    """What follows the message under that name."""
    found = rf"regexp_extract(text, '(?s){NEXT}{kind}:  ?(.*?)(?:{NEXT}(?:{FOLLOWING}):|$)', 1)"
    return f"CASE WHEN followed THEN nullif(replace({found}, chr(10) || chr(9), chr(10)), '') END"


POSTGRESQL = TextFormat(
    name="postgresql",
    title="PostgreSQL server log",
    start=START,
    layouts=(LAYOUT,),
    read_time=abbreviated_zone_sql,
    derived={
        "followed": f"contains(text, chr(10)) AND regexp_matches(text, '{NEXT}(?:{FOLLOWING}):')",
        "own": f"CASE WHEN followed THEN regexp_extract(text, '(?s)^(.*?){NEXT}(?:{FOLLOWING}):', 1) ELSE text END",
        "body": "replace(own, chr(10) || chr(9), chr(10))",
        "timed": f"CASE WHEN starts_with(text, 'duration: ') THEN"
        f" regexp_extract(body, '{TIMED}', ['ms', 'step', 'name', 'sql']) END",
        "spent_ms": "TRY_CAST(nullif(timed['ms'], '') AS DOUBLE)",
        "is_whole": "coalesce(timed['step'] NOT IN ('parse', 'bind'), true)",
        "sql_text": f"coalesce({_following('STATEMENT')}, {_following('QUERY')}, CASE WHEN kind IN ('STATEMENT', "
        f"'QUERY') THEN body"
        f" WHEN timed IS NOT NULL THEN coalesce(nullif(timed['sql'], ''), {explained_sql('body')})"
        f" WHEN kind = 'LOG' THEN nullif(regexp_extract(body, '{LOGGED}', 1), '') END)",
    },
    columns={
        "level": level_sql("kind"),
        "message": "body",
        "stream": "CASE WHEN spent_ms IS NOT NULL AND is_whole THEN 'performance' END",
        "duration_ms": "CASE WHEN is_whole THEN spent_ms END",
        "db_statement": "sql_text",
        "db_system": "CASE WHEN sql_text IS NOT NULL OR spent_ms IS NOT NULL THEN 'postgresql' END",
        "process": f"TRY_CAST({_of_prefix(PID)} AS INTEGER)",
    },
    attributes={
        "kind": "CASE WHEN kind NOT IN ('ERROR', 'WARNING', 'INFO') THEN kind END",
        **{kind.lower(): _following(kind) for kind in ("DETAIL", "HINT", "CONTEXT", "LOCATION", "BACKTRACE")},
        "db_user": _of_prefix(*USER),
        "db_name": _of_prefix(*DATABASE),
        "application": f"nullif(trim({_of_prefix(APPLICATION)}), '')",
        "prefix": f"CASE WHEN NOT regexp_full_match(prefix, '{TOLD_PREFIX}') THEN trim(prefix) END",
        "client_address": f"coalesce(remote, {_of_prefix(CLIENT)})",
        "raw": f"CASE WHEN followed AND NOT ({ALIKE}) THEN raw END",
        "statement_name": "CASE WHEN timed['name'] <> '' THEN timed['name'] END",
        "step": "CASE WHEN NOT is_whole THEN timed['step'] END",
        "step_ms": "CASE WHEN NOT is_whole THEN spent_ms END",
    },
)
