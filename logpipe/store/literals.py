"""Values inside SQL text: for statements that are run again, or somewhere else, without their parameters."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import duckdb

_PLACEHOLDER = re.compile(rb"\?|\$(\w+)")


def literal(value: object) -> str:
    """A value as DuckDB reads it in a statement. Text of any content stays text.

    Raises:
        TypeError: for a type of which no parameter of ours is.
    """
    match value:
        case None:
            return "NULL"
        case bool() | int():
            return str(value) if value >= 0 else f"({value})"  # two minus signs would begin a comment
        case float():
            return f"'{value!r}'::DOUBLE"  # else it would be exact, a DECIMAL
        case datetime():
            return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ')}'"
        case bytes():
            return f"from_hex('{value.hex()}')"
        case str():
            # A NUL ends DuckDB's statement, so it is put in by its code.
            parts = ["'" + part.replace("'", "''") + "'" for part in value.split("\0")]
            return parts[0] if len(parts) == 1 else f"({' || chr(0) || '.join(parts)})"
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
    raise TypeError(f"a parameter of type {type(value).__name__} cannot be written into a statement")


def filled_in(sql: str, parameters: Sequence[object] | Mapping[str, object] | None) -> str:
    """A statement with its parameters, `?` in their order or `$name`, as literals."""
    if not parameters:
        return sql
    text = sql.encode()
    in_order = iter(parameters)
    parts: list[bytes] = []
    done = 0
    for place in _placeholders(sql, text):
        name = place[1].decode() if place[1] else None
        value = parameters[name] if name is not None and isinstance(parameters, Mapping) else next(in_order)
        parts += [text[done : place.start()], literal(value).encode()]
        done = place.end()
    return b"".join([*parts, text[done:]]).decode()


def _placeholders(sql: str, text: bytes) -> Iterator[re.Match[bytes]]:
    """Those that the parser sees as such, and not in strings, names or comments."""
    for start, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and (place := _PLACEHOLDER.match(text, start)):
            yield place
