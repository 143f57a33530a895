"""Python's values as `AnyValue`, and attributes as lists of `KeyValue`: whatever a log may hold has a form."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

_MAX_DEPTH: Final = 10
"""What is nested deeper travels as JSON: some of protobuf's decoders stop at a hundred levels, and each takes three."""
_INT64: Final = range(-(2**63), 2**63)
_WHOLE: Final = "attributes"
"""Names what is no object, or cannot be read."""
_NAMELESS: Final = "attribute"

Pair = tuple[str, Any]


def key_values(pairs: Iterable[Pair]) -> list[KeyValue]:
    """Attributes without those that are None. A name that is taken becomes `attribute.NAME`: names stand once."""
    taken: set[str] = set()
    found = []
    for given, value in pairs:
        if value is None:
            continue
        name = text(given) or _NAMELESS
        while name in taken:
            name = f"{_NAMELESS}.{name}"
        taken.add(name)
        found.append(KeyValue(key=name, value=any_value(value)))
    return found


def members(attributes: str | None) -> Iterator[Pair]:
    """The members of a JSON object; what is none, or is nested too deep to be read, is one member of text."""
    if not attributes:
        return
    try:
        parsed = json.loads(attributes)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        yield from parsed.items()
    else:
        yield _WHOLE, attributes


def any_value(value: object, depth: int = 0) -> AnyValue:
    """`value`, as JSON has them; an integer beyond 64 bits becomes its digits, None an empty value."""
    match value:
        case str():
            return AnyValue(string_value=text(value))
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value) if value in _INT64 else AnyValue(string_value=str(value))
        case float():
            return AnyValue(double_value=value)
        case dict() | list() if depth == _MAX_DEPTH:
            return AnyValue(string_value=_as_json(value))
        case dict():
            pairs = [KeyValue(key=text(key), value=any_value(each, depth + 1)) for key, each in value.items()]
            return AnyValue(kvlist_value=KeyValueList(values=pairs))
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(each, depth + 1) for each in value]))
        case _:
            return AnyValue()


def text(value: str) -> str:
    """As UTF-8 can have it: a lone surrogate, which JSON can write as an escape, becomes U+FFFD."""
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _as_json(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "…"
