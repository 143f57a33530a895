"""SQL without its comments and values: what a lexer of its dialect tells, and no parser need be asked.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html, https://dev.mysql.com/doc/refman/8.4/en/literals.html
"""

import re
from enum import Enum
from typing import Final


class Dialect(Enum):
    """How quotes, backslashes and comments are read."""

    MYSQL = "mysql"
    """`"` quotes text, a backslash escapes, `#` begins a comment."""
    STANDARD = "standard"
    """`"` quotes names, a backslash is one but behind E, comments nest."""
    UNKNOWN = "unknown"
    """`"` quotes names, and a backslash escapes: few texts end in one."""


MYSQL_SYSTEMS: Final = frozenset(("mysql", "mariadb"))

_ESCAPED: Final = r"'(?:[^'\\]|\\.|'')*(?:'|\Z)"
_NUMBER: Final = r"\b0[xX][0-9a-fA-F]+|\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\d+"
_MARKER: Final = r"\$\d+|%s\b|%\(\w+\)s|:\w+"
_TEXTS: Final = {
    Dialect.MYSQL: rf'(?:\b[xXbBnN])?{_ESCAPED}|"(?:[^"\\]|\\.|"")*(?:"|\Z)',
    Dialect.STANDARD: rf"\b[eE]{_ESCAPED}|(?:\b[xXbBnN])?'(?:[^']|'')*(?:'|\Z)",
    Dialect.UNKNOWN: rf"(?:\b[xXbBnNeE])?{_ESCAPED}",
}
_COMMENTS: Final = {
    Dialect.MYSQL: r"/\*(?!!).*?(?:\*/|\Z)|--(?![0-9.('\"@+])[^\n]*|\#[^\n]*",
    Dialect.STANDARD: r"--[^\n]*",
    Dialect.UNKNOWN: r"--[^\n]*",
}
_NAMES: Final = {
    Dialect.MYSQL: r"`[^`]*(?:`|\Z)|::",
    Dialect.STANDARD: r'"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|::',
    Dialect.UNKNOWN: r'"[^"]*(?:"|\Z)|::',
}
_LEXERS: Final = {
    dialect: re.compile(
        rf"(?P<comment>{_COMMENTS[dialect]})|(?P<name>{_NAMES[dialect]})|(?P<nested>/\*)|(?P<dollars>\$(?:[^\W\d]\w*)?\$)"
        rf"|(?P<value>{_TEXTS[dialect]}|{_MARKER}|{_NUMBER})",
        re.DOTALL,
    )
    for dialect in Dialect
}
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_DIGITS: Final = re.compile(r"\d+")


def dialect_of(system: str | None, statement: str) -> Dialect:
    """By the record's `db_system`; where it says none, backticks tell MySQL."""
    if system in MYSQL_SYSTEMS or (system is None and "`" in statement):
        return Dialect.MYSQL
    return Dialect.UNKNOWN if system is None else Dialect.STANDARD


def masked(statement: str, dialect: Dialect) -> str:
    """The statement with `?` for each value, bind marker and run of digits, and a blank for each comment.

    What stands in MySQL's `/*! */` is executed, and stays. A text or comment without its end goes up to the end.
    """
    lexer, parts, at = _LEXERS[dialect], list[str](), 0
    while found := lexer.search(statement, at):
        parts.append(statement[at : found.start()])
        replacement, at = _replaced(statement, found, dialect)
        parts.append(replacement)
    return "".join([*parts, statement[at:]])


def _replaced(statement: str, found: re.Match[str], dialect: Dialect) -> tuple[str, int]:
    """What stands for a token, and where it ends."""
    match found.lastgroup:
        case "comment":
            return " ", found.end()
        case "name":
            return _DIGITS.sub("?", found[0]), found.end()
        case "nested":
            if dialect is not Dialect.STANDARD and statement.startswith("!", found.end()):
                return found[0], found.end()
            return " ", _comment_end(statement, found.end())
        case "dollars" if dialect is not Dialect.MYSQL:
            end = statement.find(found[0], found.end())
            return "?", len(statement) if end < 0 else end + len(found[0])
        case "dollars":
            return found[0], found.end()
    return "?", found.end()


def _comment_end(statement: str, at: int) -> int:
    """Where a comment ends that may hold others, its own beginning before `at`."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(statement, at)):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at if not depth else len(statement)
