"""Python tracebacks as SQL: where one begins in a text, and what its last lines say.

In a chain (`During handling of the above exception …`) the last exception is the one that was raised.
"""

from typing import Final

HEADER: Final = "Traceback (most recent call last):"

_LAST_LINES: Final = (
    r"(?s)^.*Traceback \(most recent call last\):\n"  # greedy: the last of a chain
    r"(?:(?:[ \t>|+][^\n]*)?\n)*"  # frames, carets, source lines, blank lines
    r"([\p{L}_][\p{L}\p{N}_.]*)(?:: (.*))?$"
)
_GROUP_LINES: Final = (
    r"(?s)^.*Exception Group Traceback \(most recent call last\):\n(?: *\|  [^\n]*\n)*? *\| ([\w.]+)(?:: ([^\n]*))?"
)


def traceback_sql(text: str) -> str:
    """From the first traceback of the text to its end; NULL without one."""
    return f"CASE WHEN contains({text}, '{HEADER}') THEN substr({text}, strpos({text}, '{HEADER}')) END"


def before_traceback_sql(text: str) -> str:
    """The text without its traceback."""
    before = f"rtrim(substr({text}, 1, strpos({text}, '{HEADER}') - 1), chr(10) || '+ ')"
    return f"CASE WHEN contains({text}, '{HEADER}') THEN {before} ELSE {text} END"


def exception_type_sql(stacktrace: str) -> str:
    """The class of the exception raised last; NULL where the text is no Python traceback."""
    return _part_sql(stacktrace, 1)


def exception_message_sql(stacktrace: str) -> str:
    """The message of the exception raised last, with all its lines."""
    return _part_sql(stacktrace, 2)


def _part_sql(stacktrace: str, group: int) -> str:
    return (
        f"nullif(CASE WHEN contains({stacktrace}, 'Exception Group {HEADER}')"
        f" THEN regexp_extract({stacktrace}, '{_GROUP_LINES}', {group})"
        f" WHEN contains({stacktrace}, '{HEADER}')"
        f" THEN regexp_extract(rtrim({stacktrace}, chr(10)), '{_LAST_LINES}', {group}) END, '')"
    )


STACKTRACE: Final = {"stacktrace": traceback_sql("text")}
"""`derived` of a text format whose records may end in a traceback; its message is the group `text`."""

EXCEPTION_COLUMNS: Final = {
    "message": before_traceback_sql("text"),
    "exception_type": exception_type_sql("stacktrace"),
    "exception_message": exception_message_sql("stacktrace"),
    "exception_stacktrace": "stacktrace",
}
"""`columns` of such a format."""
