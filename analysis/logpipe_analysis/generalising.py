"""Templates that are one statement's, told apart by what varies: the positions of tokens at which they differ.

Masking leaves values without a digit where they are: names, quoted texts, classes. Of templates that otherwise agree, a
position varies where it has many values, or some that look like values, or is a value in one of them (after IPLoM,
Makanju et al. 2009, and Brain, Yu et al. 2023). Nothing depends on how often a template was seen, so the outcome is a
function of the set of templates alone. Cost: O(templates × tokens) a round.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Final

WILDCARD: Final = "<*>"

_MANY: Final = 6
"""Values of a position from which it varies, whatever they look like."""
_MANY_LEADING: Final = 30
"""The same for the first word, which mostly says what happened."""
_SOME: Final = 2
"""Values that look like values, from which a position varies where they are half of all."""
_LONGEST_LIST: Final = 8
"""Tokens of an element of a list, at most."""
_LONGEST_SPAN: Final = 6
"""Tokens of a value that is put together, as `node-[<*>]`, at most."""
_MOST_TOKENS: Final = 150
"""A longer template is left as it is."""
_ROUNDS: Final = 20

_TOKEN: Final = re.compile(r'<\*>|\s+|"[^"<]{0,60}"|[=:,()\[\]{};|<>"]|[^\s=:,()\[\]{};|<>"]+')
_LETTER: Final = re.compile("[^\\W\\d_]")
_VALUE_LIKE: Final = re.compile(r'^[\w$/-]+(?:[./][\w$/-]*){2,}$|^"|[/@$]')
"""A qualified name, a quoted text, a path, an address."""
_KEPT: Final = ("Exception", "Error")
"""Endings of qualified names that say what happened."""
_TRUTHS: Final = frozenset(("true", "false", "yes", "no", "on", "off"))
_NOTHINGS: Final = frozenset(("null", "none", "nil"))

_Tokens = tuple[str, ...]


def generalised(templates: Iterable[str]) -> dict[str, str]:
    """The general template of each; those that are one statement's have the same."""
    current = {template: _tokens(template) for template in templates}
    for _ in range(_ROUNDS):
        distinct = sorted({tokens for tokens in current.values() if len(tokens) <= _MOST_TOKENS})
        changed: dict[_Tokens, _Tokens] = {}
        for step in (_by_frame, _by_position, _by_span):
            step(distinct, changed)
        changed = {tokens: general for tokens, general in changed.items() if tokens != general}
        if not changed:
            break
        current = {template: _without_lists(changed.get(tokens, tokens)) for template, tokens in current.items()}
    return {template: "".join(tokens) for template, tokens in current.items()}


def _tokens(template: str) -> _Tokens:
    return _without_lists(tuple(_TOKEN.findall(template)))


def _without_lists(tokens: _Tokens) -> _Tokens:
    """A sequence with a wildcard that is repeated at once is told once, so that lists of any length are one."""
    if tokens.count(WILDCARD) < 2:
        return tokens
    left, at = list(tokens), 0
    while at < len(left):
        for length in range(1, _LONGEST_LIST + 1):
            element = left[at : at + length]
            if WILDCARD in element:
                end = at + length
                while left[end : end + length] == element:
                    end += length
                del left[at + length : end]
        at += 1
    return tuple(left)


def _is_word(token: str) -> bool:
    return token != WILDCARD and bool(_LETTER.search(token))


def _words(tokens: Iterable[str]) -> int:
    return sum(map(_is_word, tokens))


def _leading(tokens: _Tokens) -> int:
    """The position of the first word; -1 where there is none."""
    return next((at for at, token in enumerate(tokens) if _is_word(token)), -1)


def _is_value_like(token: str) -> bool:
    return bool(_VALUE_LIKE.search(token)) and not token.endswith(_KEPT)


def _is_assigned(tokens: _Tokens, at: int) -> bool:
    return at > 0 and tokens[at - 1] == "="


def _varies(values: Collection[str], *, leading: bool, assigned: bool) -> bool:
    """Whether a position with these values in templates that otherwise agree holds a value."""
    kept = _TRUTHS if assigned else _TRUTHS | _NOTHINGS
    free = sum(value.lower() not in kept for value in values)
    if leading:
        return free >= _MANY_LEADING
    if WILDCARD in values and free > 1:
        return True
    value_like = sum(value == WILDCARD or _is_value_like(value) for value in values)
    return free >= _MANY or (value_like >= _SOME and 2 * value_like >= len(values))


def _by_frame(distinct: list[_Tokens], changed: dict[_Tokens, _Tokens]) -> None:
    """Templates that agree but for what looks like values, at any number of positions."""
    framed: dict[tuple[str | None, ...], list[_Tokens]] = defaultdict(list)
    for tokens in distinct:
        framed[_frame(tokens)].append(tokens)
    for frame, same in framed.items():
        varying = {
            at
            for at, token in enumerate(frame)
            if token is None
            and _varies({tokens[at] for tokens in same}, leading=False, assigned=_is_assigned(same[0], at))
        }
        for tokens in same:
            changed[tokens] = tuple(WILDCARD if at in varying else token for at, token in enumerate(tokens))


def _frame(tokens: _Tokens) -> tuple[str | None, ...]:
    leading = _leading(tokens)

    def may_vary(at: int, token: str) -> bool:
        if token == WILDCARD:
            return True
        return at != leading and (_is_value_like(token) or (_is_assigned(tokens, at) and _is_word(token)))

    return tuple(None if may_vary(at, token) else token for at, token in enumerate(tokens))


def _by_position(distinct: list[_Tokens], changed: dict[_Tokens, _Tokens]) -> None:
    """Templates that agree but for one position; something must be said beside it."""
    alike: dict[tuple[int, int, int], list[tuple[_Tokens, int]]] = defaultdict(list)
    for tokens in distinct:
        if changed.get(tokens, tokens) == tokens:
            for key, at in _but_one(tokens):
                alike[key].append((tokens, at))
    for (_, at, _), found in sorted(alike.items(), key=lambda each: (-len(each[1]), each[0][:2], each[1])):
        same = [(tokens, leading) for tokens, leading in found if changed.get(tokens, tokens) == tokens]
        values = {tokens[at] for tokens, _ in same}
        leads = any(leading == at for _, leading in same)
        if len(values) > 1 and _varies(values, leading=leads, assigned=_is_assigned(same[0][0], at)):
            for tokens, _ in same:
                changed[tokens] = (*tokens[:at], WILDCARD, *tokens[at + 1 :])


def _but_one(tokens: _Tokens) -> Iterator[tuple[tuple[int, int, int], int]]:
    """A key of the template without each position that may vary, and the position of the first word."""
    hashes = [hash(pair) for pair in enumerate(tokens)]
    whole, leading, words = sum(hashes), _leading(tokens), _words(tokens)
    for at, token in enumerate(tokens):
        if token == WILDCARD or (words > 1 and _is_word(token)):
            yield (len(tokens), at, whole - hashes[at]), leading


def _by_span(distinct: list[_Tokens], changed: dict[_Tokens, _Tokens]) -> None:
    """A value that is put together, as `node-[<*>]`, where another template has but a value."""
    known = set(distinct)
    for tokens in distinct:
        if changed.get(tokens, tokens) == tokens and WILDCARD in tokens:
            for general in _spanned(tokens):
                if general in known and changed.get(general, general) == general:
                    changed[tokens] = general
                    break


def _spanned(tokens: _Tokens) -> Iterator[_Tokens]:
    """The template with each span of tokens that has a wildcard, and no space, as one wildcard."""
    words = _words(tokens)
    for start in range(len(tokens)):
        for end in range(start + 1, min(start + _LONGEST_SPAN, len(tokens)) + 1):
            span = tokens[start:end]
            if span[-1].isspace():
                break
            if len(span) > 1 and WILDCARD in span and words - _words(span) > 1:
                yield (*tokens[:start], WILDCARD, *tokens[end:])
