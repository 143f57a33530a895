"""Which statements are the same query: exact, where the macro `query_fingerprint` only brings together what surely is.

The macro's fingerprint has the same fingerprint here as the statement itself. So many statements are brought to few in
SQL, and only these few come here. Classes are those of pt-query-digest (https://docs.percona.com/percona-toolkit/),
whose spelling is kept where it does not depend on blanks; docs/sql.md lists what is told apart differently.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from logpipe_analysis.queries.literals import dialect_of, masked

_DUMP: Final = re.compile(r"SELECT /\*!40001 SQL_NO_CACHE \*/ \* FROM `", re.IGNORECASE)
_TOOLKIT: Final = re.compile(r"/\*\w+\.\w+:\d+/\d+\*/")
_COMMAND: Final = "administrator command: "
_USE: Final = re.compile(r"use\s+\S+\Z", re.IGNORECASE)
_CALL: Final = re.compile(r"call\s+([^\s(]+)", re.IGNORECASE)

_WORDS: Final = re.compile(
    r"""\(\?\+\) | `[^`]*`? | "[^"]*"? | /\*! | \*/ | [\w?$@]+ | [<>=!|&~^:]+ | \S""", re.VERBOSE
)
_VALUE: Final = "?"
_CONSTANTS: Final = frozenset(("null", "true", "false"))
_LISTED: Final = frozenset(("in", "values", "value"))
_BEFORE_OPERAND: Final = frozenset(
    (
        *("select", "distinct", "all", "from", "where", "and", "or", "xor", "not", "in", "between", "like", "ilike"),
        *("regexp", "rlike", "is", "having", "on", "when", "then", "else", "case", "by", "limit", "offset", "values"),
        *("value", "set", "return", "returning", "interval", "for", "using", "div", "mod", "default", "union", "as"),
    )
)
"""Behind these a sign is that of a number."""
_WORD: Final = re.compile(r"[\w?$@`\"]")
_SPACED_BRACKET: Final = _BEFORE_OPERAND - _LISTED | frozenset(
    ("join", "exists", "over", "any", "some", "table", "into")
)


def fingerprint(statement: str, system: str | None = None) -> str:
    """What all statements have in common that are the same query; `system` is the record's `db_system`."""
    statement = statement.strip().rstrip(";").rstrip()
    if _DUMP.match(statement):
        return "mysqldump"
    if _TOOLKIT.search(statement):
        return "percona-toolkit"
    if statement.startswith(_COMMAND):
        return statement
    text = masked(statement, dialect_of(system, statement)).strip().rstrip("; ")
    if _USE.match(text):
        return "use ?"
    if called := _CALL.match(text):
        return f"call {called[1].lower()}"
    return _joined(_without_repeats(_shortened(_operands(_words(text)))))


def _words(text: str) -> list[str]:
    found = list[str]()
    for word in _WORDS.findall(text.lower()):
        if word == "(?+)":  # as the macro and this function write a list
            found += ("(", _VALUE, ")")
        else:
            found.append(_VALUE if word in _CONSTANTS else word)
    return found


def _operands(words: Sequence[str]) -> list[str]:
    """Without the signs of numbers; a point before the digits is one too."""
    kept = list[str]()
    for index, word in enumerate(words):
        is_signed = word in ("+", "-", ".") and words[index + 1 : index + 2] == [_VALUE]
        if not (is_signed and (not kept or _awaits_operand(kept[-1]))):
            kept.append(word)
    return kept


def _awaits_operand(before: str) -> bool:
    return before in _BEFORE_OPERAND or not (_WORD.match(before) or before in (")", "]"))


def _shortened(words: Sequence[str]) -> list[str]:
    """Lists of values as one, rows but the first left out, LIMIT with one value, ORDER BY without ASC."""
    kept, at, is_ordered = list[str](), 0, False
    while at < len(words):
        word, at = words[at], at + 1
        is_ordered |= word == "order"
        if word == "asc" and is_ordered:
            continue
        kept.append(word)
        if word in _LISTED and words[at : at + 1] == ["("]:
            written, at = _list(words, at, many=word != "in")
            kept += written
        elif word == "array" and words[at : at + 1] == ["["]:
            written, at = _array(words, at)
            kept += written
        elif word == "limit" and words[at : at + 1] == [_VALUE]:
            kept.append(_VALUE)
            at += 3 if words[at + 1 : at + 3] in ([",", _VALUE], ["offset", _VALUE]) else 1
    return kept


def _list(words: Sequence[str], at: int, *, many: bool) -> tuple[list[str], int]:
    """The list that begins here, and where it ends; with `many` others may follow, which are left out."""
    end = _closing(words, at)
    inner = words[at:end]
    while many and words[end : end + 2] == [",", "("]:
        end = _closing(words, end + 1)
    if all(word in (_VALUE, ",", "(", ")") for word in inner):
        return ["(?+)"], end
    return _shortened(inner), end


def _array(words: Sequence[str], at: int) -> tuple[list[str], int]:
    inner = list(takewhile(lambda word: word != "]", words[at + 1 :]))
    if inner and all(word in (_VALUE, ",") for word in inner):
        return ["[", _VALUE, "+", "]"], at + len(inner) + 2
    return ["["], at + 1


def _closing(words: Sequence[str], at: int) -> int:
    """Behind the bracket that closes the one at `at`."""
    depth = 0
    for index in range(at, len(words)):
        depth += (words[index] == "(") - (words[index] == ")")
        if depth == 0:
            return index + 1
    return len(words)


def _without_repeats(words: list[str]) -> list[str]:
    """UNION of a SELECT with the same once more is that SELECT, repeated."""
    at = 0
    while "union" in words[at:]:
        union = words.index("union", at)
        behind = union + (2 if words[union + 1 : union + 2] == ["all"] else 1)
        repeated = words[_branch(words, union) : union]
        mark = f"/*repeat {' '.join(words[union:behind])}*/"
        if repeated[-1:] and repeated[-1].startswith("/*repeat"):
            del repeated[-1]
        end = behind + len(repeated)
        if repeated and words[behind:end] == repeated and (end == len(words) or words[end] in _BEHIND_BRANCH):
            begin = union - (words[union - 1].startswith("/*repeat"))
            words = [*words[:begin], mark, *words[end:]]
            at = begin
        else:
            at = behind
    return words


_BEHIND_BRANCH: Final = frozenset((")", "union", "order", "limit", ";"))


def _branch(words: Sequence[str], union: int) -> int:
    """Where the SELECT before a UNION begins."""
    depth, begin = 0, union
    for index in range(union - 1, -1, -1):
        depth += (words[index] == ")") - (words[index] == "(")
        if depth < 0 or (depth == 0 and words[index] in ("union", ";")):
            break
        if depth == 0 and words[index] in ("select", "("):
            begin = index
    return begin


def _joined(words: Sequence[str]) -> str:
    """With blanks that do not depend on how the statement was written."""
    parts = list[str]()
    for index, word in enumerate(words):
        before = words[index - 1] if index else "("
        parts.append(word if _is_close(before, word) else f" {word}")
    return "".join(parts)


def _is_close(before: str, word: str) -> bool:
    if before in ("(", "[", ".", "::") or word in (")", "]", "[", ",", ";", ".", "::", "(?+)"):
        return True
    return word == "(" and bool(_WORD.match(before)) and before not in _SPACED_BRACKET
