"""Members of a record's attributes as names and values of structured metadata."""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import orjson
import pyarrow as pa

from logpipe.record import COLUMNS

MAX_VALUE_CHARACTERS: Final = 4_000
"""Of one value; a longer one is cut and says so."""

SERVICE: Final = "service_name"
ENVIRONMENT: Final = "deployment_environment_name"
STREAM: Final = "logpipe_stream"
LANE: Final = "logpipe_lane"
OMITTED: Final = "logpipe_omitted_fields"
"""How many fields of the record had no room."""

_TAKEN: Final = frozenset({*COLUMNS, "source_id", "source_pos", SERVICE, ENVIRONMENT, STREAM, LANE, OMITTED})
_NOT_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_MAX_NAME_CHARACTERS: Final = 200


def packed(attributes: pa.StringArray) -> pa.BinaryArray:
    """Of each record its pairs, as `encode.c` reads them: two sizes of four bytes, the name, the value.

    Names become LogQL identifiers; a member that is called as a column or a label is `attribute_NAME`. Nested values
    stay JSON.
    """
    values = attributes.to_pylist()
    return pa.array([_pack(value) if value else b"" for value in values], pa.binary())


def _pack(attributes: str) -> bytes:
    try:
        parsed = orjson.loads(attributes)
        if isinstance(parsed, dict):
            return b"".join(_pairs(parsed))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # nested deeper than orjson writes, a lone surrogate …
        pass
    return _pair(b"attributes", _shown(attributes).encode())


def _pairs(parsed: dict[str, object]) -> Iterator[bytes]:
    names: set[bytes] = set()
    for name, value in parsed.items():
        identifier = _identifier(name)
        if identifier in names:
            identifier = _free(identifier, names)
        names.add(identifier)
        if type(value) is str:
            yield _pair(identifier, (value if len(value) <= MAX_VALUE_CHARACTERS else _shown(value)).encode())
        else:
            text = orjson.dumps(value)
            yield _pair(identifier, text if len(text) <= MAX_VALUE_CHARACTERS else _shown(text.decode()).encode())


def _pair(name: bytes, value: bytes) -> bytes:
    return _sizes(len(name), len(value)) + name + value


@lru_cache(maxsize=65_536)
def _sizes(name: int, value: int) -> bytes:
    return name.to_bytes(4, sys.byteorder) + value.to_bytes(4, sys.byteorder)


def _shown(value: str) -> str:
    if len(value) <= MAX_VALUE_CHARACTERS:
        return value
    return f"{value[:MAX_VALUE_CHARACTERS]}… [cut by logpipe, {len(value)} characters]"


@lru_cache(maxsize=4096)
def _identifier(name: str) -> bytes:
    identifier = _NOT_A_NAME.sub("_", name[:_MAX_NAME_CHARACTERS])
    if not identifier or identifier[0].isdigit():
        identifier = f"_{identifier}"
    return (f"attribute_{identifier}" if identifier in _TAKEN else identifier).encode()


def _free(name: bytes, names: set[bytes]) -> bytes:
    """A name like `name` that is not taken."""
    other = b"attribute_" + name
    number = 1
    while other in names:
        number += 1
        other = b"attribute_%b_%d" % (name, number)
    return other
