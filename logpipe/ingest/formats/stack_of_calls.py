"""Stack traces of `at` lines as SQL: Java and its kin, .NET, JavaScript.

    com.example.Failure: it failed
        at com.example.Shop.buy(Shop.java:12)
    Caused by: java.io.IOException: connection reset

The exception that was logged is the first; its causes follow in the same text.
"""

from typing import Final

_BEGIN: Final = (
    r"(?s)(?:^|\n)(?:Exception in thread \"[^\"]*\" )?((?:[\p{L}_$][\p{L}\p{N}_$]*[.:/])*[\p{Lu}][\p{L}\p{N}_$]*)"
    r"(?:: (.*?))?\n(?:[ \t]*\n)*[ \t]+(?:at |---> )"
)
"""The class, which begins with a capital, and the message, up to the first line of a call."""

CALL_STACK: Final = {
    "has_calls": r"contains(text, chr(10)) AND regexp_matches(text, '\n[ \t]+(?:at |---> )')",
    "raised": f"CASE WHEN has_calls THEN regexp_extract(text, '{_BEGIN}', ['type', 'message']) END",
    "begin": "CASE WHEN raised['type'] <> '' THEN strpos(text, raised['type']) END",
}
"""`derived` of a text format whose records may end in such a trace; its message is the group `text`."""

CALL_STACK_COLUMNS: Final = {
    "message": "CASE WHEN begin > 1 THEN rtrim(substr(text, 1, begin - 1), chr(10)) ELSE text END",
    "exception_type": "nullif(raised['type'], '')",
    "exception_message": "nullif(raised['message'], '')",
    "exception_stacktrace": "CASE WHEN begin IS NOT NULL THEN substr(text, begin)"
    " WHEN has_calls THEN substr(text, strpos(text, chr(10)) + 1) END",
}
"""`columns` of such a format."""
