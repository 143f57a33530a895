"""Secrets that their own form gives away, wherever in a text they stand."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final, NamedTuple

MARK: Final = "[redacted]"
"""What stands for a secret."""

CARD_DIGITS: Final = 14
"""Digits of the shortest card number."""

Replace = Callable[[re.Match[str]], str]


class Form(NamedTuple):
    """One form of secrets."""

    title: str
    literals: tuple[bytes, ...]
    """One of these is in each text with such a secret, once it is folded as `Redaction.suspects` does."""
    pattern: re.Pattern[str]
    replace: Replace
    """What stands for a match."""


_START: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=\\x[0-9a-f]{2}))"
"""No word goes on here; one may end in an escape, where a text is a `repr` or JSON of another."""


_FIRST_EYJ: Final = r"((?>(?<![\w-])[\w-]*?(?<![A-Za-z0-9])(?=eyJ)|(?<=\\[nrt])(?=eyJ)|(?<=\\x[0-9a-f]{2})(?=eyJ)))"
"""As `_START`, for what may have `-` and `_` in it: only the first in a row of such characters can be the beginning.

Were each tried, long rows would be gone over again and again.
"""


def _whole(_match: re.Match[str]) -> str:
    return MARK


def _after_first(match: re.Match[str]) -> str:
    return match[1] + MARK


def _basic(match: re.Match[str]) -> str:
    """Credentials of HTTP's Basic are `user:password` in base64; the word is also an ordinary one."""
    try:
        known = b":" in b64decode(match[2] + "=" * (-len(match[2]) % 4), validate=True)
    except (binascii.Error, ValueError):
        known = False
    return match[1] + MARK if known else match[0]


def _form(title: str, literals: str, pattern: str, replace: Replace = _whole) -> Form:
    return Form(title, tuple(literal.encode() for literal in literals.split()), re.compile(pattern), replace)


FORMS: Final = (
    _form(
        "private keys in PEM",
        "privatekey",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?s:.*?)-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|(?s:.*))",
    ),
    _form(
        "JSON Web Tokens",
        "eyj",
        _FIRST_EYJ + r"eyJ[\w-]{8,}+\.[\w-]{8,}(?:\.[\w-]*){0,3}",
        _after_first,
    ),
    _form(
        "bearer tokens",
        "bearer",
        _START + r"([Bb]earer |BEARER )"
        r"(?=[\w.~+/-]*\d|[\w.~+/-]*[a-z][\w.~+/-]*[A-Z]|[\w.~+/-]{32})[\w.~+/-]{6,}=*",
        _after_first,
    ),
    _form("basic credentials", "basic", _START + r"([Bb]asic |BASIC )([A-Za-z0-9+/]{4,}={0,2})", _basic),
    _form(
        "passwords in URLs",
        "://",
        r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/?#@:\"'<>]*:)[^\s/?#\"'<>]+(?=@)",
        _after_first,
    ),
    _form("AWS access keys", "akia", _START + r"AKIA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _form(
        "GitHub tokens",
        "ghp gho ghu ghs ghr githubpat",
        _START + r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})",
    ),
    _form("GitLab tokens", "glpat", _START + r"glpat-[\w-]{20,}"),
    _form("Slack tokens", "xox", _START + r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _form("Slack webhooks", "hooks.slack", r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]+", _after_first),
    _form("Stripe keys", "klive ktest", _START + r"[rs]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    _form("Google keys", "aiza gocspx", _START + r"(?:AIza[\w-]{35}|GOCSPX-[\w-]{20,})"),
    _form("OpenAI and Anthropic keys", "skproj skant", _START + r"sk-(?:proj|ant)-[\w-]{20,}"),
)

NAMED: Final = (
    *("password", "passwd", "pwd", "secret", "token", "apikey", "accesskey", "privatekey", "accountkey"),
    *("authorization", "cookie"),
)
"""The names whose values are found in texts too: as `name=value` and `name: value`, quoted or not."""

_NAME: Final = re.compile(
    r"(?<![A-Za-z0-9_-])((?:[A-Za-z]{1,30} )?[A-Za-z0-9_-]{1,100})\\{0,3}[\"']?\s{0,3}[=:]\s{0,3}"
)
_PROSE: Final = (
    r"(?:must|is|are|was|were|has|have|had|does|not|no|may|should|cannot|can|will|required|invalid|missing|expired|"
    r"expected|unexpected|wrong|incorrect|too|unknown|none|None|null|true|false|True|False)\b"
)
_VALUE: Final = re.compile(
    r"(?P<before>[bu]?(?P<quote>\\{0,3}[\"']))(?:.*?(?<!\\)(?=(?P=quote))|[^\r\n]+)"  # without its end: all of the line
    r"|\{[^{}]*\}|\[[^\[\]]*\]"
    r"|(?:digest|aws4-hmac-sha256) [^\r\n]+"
    rf"|(?!{_PROSE}|(?:\w+ )?\[redacted\])(?P<scheme>(?:bearer|basic|token|apikey|negotiate) )?"
    r"(?:[^\s\"'\\&;,)}\]>]|,(?!\s|\w+\s?[=:]|$)|[)}\]>\"'](?![\s,;:&.)}\]>\"'\\]|$)|\\(?![\\\"'nrt]))+",
    re.IGNORECASE,
)
_LINE: Final = re.compile(r"(?![\[{]?[bu]?\\{0,3}[\"']|\[redacted\],)[^\r\n\"']+")
"""The rest of a line that is no `repr`: what is quoted, or a container of such, ends elsewhere."""

_ESCAPE: Final = re.compile(r"\\(?:[nrt]|x[0-9a-f]{2})")


def without_named(text: str, hide: Callable[[str], bool]) -> str:
    """The text without the values of names that `hide` tells to be secret."""
    kept, position = [], 0
    found = _NAME.search(text)
    while found:
        after = found.end()
        if _hides(text, found, hide) and (value := _value(text, found)):
            before = value["before"] or value["scheme"] or "" if value.re is _VALUE else ""
            kept += [text[position:after], before, MARK]
            position = after = value.end()
        found = _NAME.search(text, after)
    return "".join((*kept, text[position:])) if kept else text


def _hides(text: str, name: re.Match[str], hide: Callable[[str], bool]) -> bool:
    """Whether the name is secret, or is without the letters of an escape before it, as a `repr` of lines has them."""
    escape = _ESCAPE.match(text, max(0, name.start() - 1))
    return hide(name[1]) or (escape is not None and hide(text[escape.end() : name.end(1)]))


def _value(text: str, name: re.Match[str]) -> re.Match[str] | None:
    if ":" in name[0] and name[1].lower().endswith("cookie"):  # a header of many parts
        return _LINE.match(text, name.end()) or _VALUE.match(text, name.end())
    return _VALUE.match(text, name.end())


_CARD: Final = re.compile(
    _START + r"(?<!\d\.)(?=((?:[2-6][0-9]{13,18}|[2-6][0-9]{3}([ -])[0-9]{4}\2[0-9]{4}\2[0-9]{4}"
    r"(?:\2[0-9]{1,3})?|3[0-9]{3}([ -])[0-9]{6}\3[0-9]{4,5}))(?![0-9A-Za-z]))"
)
_ISSUED: Final = re.compile(
    r"4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?|62\d{14,17}"
)
"""Numbers as card issuers have them: https://en.wikipedia.org/wiki/Payment_card_number"""


def without_cards(text: str) -> str:
    """The text with its card numbers redacted: issued in that form, and with a right check digit."""
    kept, position = [], 0
    found = _CARD.search(text)
    while found:
        after = found.start() + 1
        for number in (found[1], found[1][:19]):  # a number of four groups may be followed by another number
            if is_card(re.sub("[ -]", "", number)):
                kept += [text[position : found.start()], MARK]
                position = after = found.start() + len(number)
                break
        found = _CARD.search(text, after)
    return "".join((*kept, text[position:])) if kept else text


def is_card(digits: str) -> bool:
    """Whether the number may be a card's, by its first digits, its length and its check digit (ISO/IEC 7812-1)."""
    if not _ISSUED.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
