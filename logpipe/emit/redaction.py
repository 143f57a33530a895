"""Secrets leave a record before it is written: by the names of its keys, and by forms that give them away in texts."""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Final
from uuid import UUID

from logpipe.emit.entry import RESERVED
from logpipe.emit.secret_names import SecretNames, joined
from logpipe.emit.secret_texts import CARD_DIGITS, FORMS, MARK, NAMED, is_card, without_cards, without_named
from logpipe.emit.values import TRUNCATED, Entry, plain, render, text
from logpipe.record import KEYS

_FLAT: Final = frozenset({str, int, float, bool, type(None), datetime, date, time, Decimal, UUID})
"""Types that hold no keys."""

_DEEPEST: Final = 254  # as deep as orjson goes
_OURS: Final = RESERVED - {"message", "template"}
"""Fields of the emitter, which hold no text of a caller's."""

_FOLD: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", b"abcdefghijklmnopqrstuvwxyz000000000")
_SKIPPED: Final = b'_- ",'
_DIGITS: Final = bytes.maketrans(b"123456789-", b"000000000 ")
_RUN: Final = b"0" * CARD_DIGITS
_GROUPS: Final = (b"0000 0000 0000 0000", b"0000 000000 0000")
_ESCAPE: Final = re.compile(rb"\\u[0-9a-fA-F]{4}")
"""A character in JSON that has digits, where the text has none."""
_FROM_RARE_LETTERS: Final = b"jzxkwqb/gyvphfcdulmroisante:."
_PLACEHOLDER: Final = re.compile(r"(%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z%])")


class Redaction:
    """What is redacted, and how; with `enabled` false, nothing.

    keys:     names beside the default ones; `-name` takes a default one out
    patterns: regular expressions; what the first group matches is redacted, without groups the whole match
    """

    def __init__(self, *, keys: tuple[str, ...], patterns: tuple[str, ...], enabled: bool) -> None:
        names = SecretNames(keys)
        self.enabled = enabled
        self.hides: Callable[[str], bool] = names.hide if enabled else _hides_nothing
        """Whether the value under this key is a secret. It goes by the key alone."""
        self._named = tuple(_fold(name.encode()) for name in names.names & {*NAMED, *map(joined, keys)})
        forms = (literal for form in FORMS for literal in form.literals)
        # A line that was cut may hold half a secret: the record has to be looked at as it was.
        self.literals = _shortest((*self._named, *map(_fold, forms), _fold(TRUNCATED.encode())))
        """A line may hold a secret if one of these is in it, folded.

        That is: ASCII in lower case, digits as 0, and without `_`, `-`, `"`, commas and blanks.
        """
        self._search = _one_of(self.literals).search
        self.digits = CARD_DIGITS
        """Or if it has so many digits on end, unless a digit and a point are before them.

        Or groups of 4 4 4 4 or 4 6 4 digits, with a blank or `-` between them.
        """
        self._patterns = tuple(re.compile(pattern) for pattern in patterns)
        self._clear = set(KEYS)
        self._key = lru_cache(maxsize=4096)(self._text)

    def render(self, entry: Entry, max_bytes: int) -> tuple[Entry, bytes]:
        """The record without secrets, and its line."""
        entry = self.by_key(entry)
        line = render(entry, max_bytes)
        if self.suspects(line):
            redacted = self.by_form(entry)
            if redacted is not entry:
                return redacted, render(redacted, max_bytes)
        return entry, line

    def redact(self, entry: Entry) -> Entry:
        """The record without secrets; the same object if it has none. What the caller gave is left as it is."""
        return self.by_form(self.by_key(entry))

    def suspects(self, line: bytes) -> bool:
        """Whether a text of this line may hold a secret: often wrong, but never when it says no."""
        if not self.enabled:
            return False
        if self._patterns:
            return True
        folded = _fold(line)
        return self._search(folded) is not None or (_RUN in folded and _may_have_card(_ESCAPE.sub(b" ", line)))

    def by_key(self, entry: Entry) -> Entry:
        """The record without the values of secret keys, at any depth; the record's own fields stay."""
        if not self.enabled or (self._clear.issuperset(entry) and _FLAT.issuperset(map(type, entry.values()))):
            return entry
        changed: Entry = {}
        for key, value in entry.items():
            if key not in self._clear and self._hides_newly(key):
                if _says_something(value):
                    changed[key] = MARK
            elif type(value) not in _FLAT and (walked := self.nested(value)) is not value:
                changed[key] = walked
        return entry | changed if changed else entry

    def _hides_newly(self, key: str) -> bool:
        if self.hides(key):
            return True
        if len(self._clear) > 4096:  # keys that a program makes up
            self._clear = set(KEYS)
        self._clear.add(key)
        return False

    @property
    def has_patterns(self) -> bool:
        """Whether any text may hold a secret."""
        return self.enabled and bool(self._patterns)

    def keeps(self, key: str) -> bool:
        """Whether the name of a key stays as it is."""
        return not self.enabled or self._text(key) is key

    def nested(self, value: object) -> object:
        """The value without the values of secret keys inside; the same object if there are none."""
        try:
            return self._walk(value, _DEEPEST)
        except Exception:  # noqa: BLE001 - a cycle, or what the application's own containers raise
            return self._walk(plain(value), _DEEPEST)

    def _walk(self, value: object, depth: int) -> object:
        """The value as JSON will have it, without secrets by key; the same object if there are none."""
        if type(value) in _FLAT:
            return value
        if depth == 0:
            raise RecursionError
        if isinstance(value, Mapping):
            return self._walk_mapping(value, depth - 1)
        if isinstance(value, list | AbstractSet) or type(value) is tuple:
            items = list(value)
            walked = items if _FLAT.issuperset(map(type, items)) else [self._walk(item, depth - 1) for item in items]
            return value if all(map(_is, walked, items)) else walked
        if isinstance(value, Enum):
            return value if (walked_value := self._walk(value.value, depth - 1)) is value.value else walked_value
        if is_dataclass(value) and not isinstance(value, type):
            known = _attributes(value)
            return value if (walked_fields := self._walk_mapping(known, depth - 1)) is known else walked_fields
        return value

    def _walk_mapping(self, given: Mapping[object, object], depth: int) -> Mapping[object, object]:
        changed: dict[object, object] = {}
        for key, value in given.items():
            if self.hides(key if isinstance(key, str) else text(key)):
                if _says_something(value):
                    changed[key] = MARK
            elif (walked := self._walk(value, depth)) is not value:
                changed[key] = walked
        return {**given, **changed} if changed else given

    def by_form(self, entry: Entry) -> Entry:
        """The record without what its form gives away, in all texts that a caller may have written."""
        if not self.enabled:
            return entry
        cleaned: Entry = {}
        changed = False
        for key, value in entry.items():
            if key in _OURS:
                cleaned[key] = value
                continue
            clean = self._template(value) if key == "template" else self._clean(value)
            name = key if key in KEYS else _free(self._key(key), cleaned)
            changed = changed or clean is not value or name != key
            cleaned[name] = clean
        return cleaned if changed else entry

    def _clean(self, value: object) -> object:
        """The value without secrets by form; the same object if there are none."""
        if type(value) is str:
            return self._text(value)
        if type(value) is int:
            return MARK if 10 ** (CARD_DIGITS - 1) <= value < 10**19 and is_card(str(value)) else value
        if type(value) in _FLAT:
            return value
        known = plain(value)
        cleaned = self._clean_plain(known)
        return value if cleaned == known else cleaned

    def _clean_plain(self, value: object) -> object:
        if isinstance(value, dict):
            cleaned: Entry = {}
            for key, item in value.items():
                cleaned[_free(self._key(key), cleaned)] = self._clean_plain(item)
            return cleaned
        if isinstance(value, list):
            return [self._clean_plain(item) for item in value]
        return self._clean(value)

    def _template(self, value: object) -> object:
        """Secrets may be in a template that was itself put together; its placeholders are none."""
        if not isinstance(value, str) or self._text(value) is value:
            return value
        pieces = _PLACEHOLDER.split(value)
        pieces[::2] = map(self._text, pieces[::2])
        cleaned = "".join(pieces)
        return value if cleaned == value else cleaned

    def _text(self, words: str) -> str:
        """The text without secrets; the same object if there are none."""
        cleaned = words
        folded = _fold(line := words.encode("utf-8", "surrogatepass"))
        if self._search(folded):
            cleaned = without_named(cleaned, self._hides_in_text)
            for form in FORMS:
                cleaned = form.pattern.sub(form.replace, cleaned)
        if _RUN in folded and _may_have_card(line):
            cleaned = without_cards(cleaned)
        for pattern in self._patterns:
            cleaned = pattern.sub(_group_or_all, cleaned)
        return words if cleaned == words else cleaned

    def _hides_in_text(self, name: str) -> bool:
        folded = _fold(name.encode())
        return any(literal in folded for literal in self._named) and self.hides(name)


def _hides_nothing(key: str) -> bool:  # noqa: ARG001 - as SecretNames.hide
    return False


def _says_something(value: object) -> bool:
    """Whether there is a secret, which these tell, is none."""
    return value is not None and not isinstance(value, bool)


def _is(one: object, other: object) -> bool:
    return one is other


def _fold(line: bytes) -> bytes:
    return line.translate(_FOLD, _SKIPPED)


def _shortest(literals: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Without those that hold another, in a fixed order."""
    unique = sorted({literal for literal in literals if literal}, key=lambda literal: (len(literal), literal))
    return tuple(one for at, one in enumerate(unique) if not any(other in one for other in unique[:at]))


def _one_of(literals: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """A search for any of them, each begun at its rarest letter: four times as fast as one begun at the first."""
    by_letter: dict[bytes, list[bytes]] = {}
    for literal in literals:
        at = min(range(len(literal)), key=lambda at: _FROM_RARE_LETTERS.find(literal[at : at + 1]) % 256)
        after = b"(?<=" + re.escape(literal[: at + 1]) + b")" + re.escape(literal[at + 1 :])
        by_letter.setdefault(literal[at : at + 1], []).append(after)
    return re.compile(
        b"|".join(re.escape(first) + b"(?:" + b"|".join(rest) + b")" for first, rest in by_letter.items())
    )


def _may_have_card(line: bytes) -> bool:
    digits = line.translate(_DIGITS)
    if any(groups in digits for groups in _GROUPS):
        return True
    while (start := digits.find(_RUN)) >= 0:
        if digits[max(start - 2, 0) : start] != b"0.":  # else the decimals of a number
            return True
        digits = digits[start:].lstrip(b"0")
    return False


def _group_or_all(match: re.Match[str]) -> str:
    start, end = match.span(1) if match.re.groups and match.start(1) >= 0 else match.span()
    if start == end:
        return match[0]
    return match.string[match.start() : start] + MARK + match.string[end : match.end()]


def _free(key: str, taken: Mapping[str, object]) -> str:
    """The key, or where redaction made it equal to another one, the next one free."""
    while key in taken:
        key += "_"
    return key


def _attributes(value: object) -> dict[object, object]:
    """A dataclass as orjson has it."""
    if hasattr(value, "__dict__"):
        named = vars(value)
    else:
        named = {field.name: getattr(value, field.name) for field in dataclass_fields(value)}  # type: ignore[arg-type]
    return {key: item for key, item in named.items() if not key.startswith("_")}
