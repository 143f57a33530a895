"""An event as Loki's entry: labels, time, line, structured metadata.

The line is the message as a person reads it, with the stack trace below it. Everything else is structured metadata,
which Grafana shows and LogQL filters without a parser, so the line need not be JSON; Drilldown's patterns work best on
plain messages. Limits are Loki's defaults:
https://grafana.com/docs/loki/latest/operations/request-validation-rate-limits/
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import orjson

MAX_METADATA_CHARACTERS: Final = 15_000
"""Of all names and values of one entry: within Loki's 65,536 bytes even where each character takes four."""
MAX_METADATA_ENTRIES: Final = 128
MAX_VALUE_CHARACTERS: Final = 4_000
"""Of one metadata value; a longer one is cut and says so."""
MAX_LABEL_CHARACTERS: Final = 200
MAX_STREAMS: Final = 1_000
"""Label sets of one export, of the 5,000 that Loki's defaults give; the rest goes to `service_name="other"`."""

SERVICE: Final = "service_name"
ENVIRONMENT: Final = "deployment_environment_name"
STREAM: Final = "logpipe_stream"
OMITTED: Final = "logpipe_omitted_fields"
"""Metadata: how many fields of the event had no room."""

_RESERVED: Final = frozenset({SERVICE, ENVIRONMENT, STREAM, OMITTED})
"""Names that metadata may not hide."""
_UNKNOWN_SERVICE: Final = "unknown_service"
_OTHER: Final = "other"
_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
_MAX_NAME_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of one Loki stream."""

    labels: bytes
    """The label set, encoded as a JSON object."""
    ns: int
    """Nanoseconds since 1970."""
    line: str
    """Whole; a payload cuts it where it must."""
    metadata: Mapping[str, str]


class Streams:
    """The label sets of one export: few, bounded, each encoded once."""

    def __init__(self) -> None:
        self._encoded: dict[tuple[str | None, str | None, str | None], bytes] = {}
        self._overflow = orjson.dumps({SERVICE: _OTHER})

    def labels(self, service: str | None, environment: str | None, stream: str | None) -> bytes:
        """The encoded label set of an event; past `MAX_STREAMS` that of the service `other`."""
        key = (service, environment, stream)
        known = self._encoded.get(key)
        if known is not None:
            return known
        if len(self._encoded) >= MAX_STREAMS:
            return self._overflow
        labels = {SERVICE: service or _UNKNOWN_SERVICE, ENVIRONMENT: environment, STREAM: stream}
        encoded = orjson.dumps({name: value[:MAX_LABEL_CHARACTERS] for name, value in labels.items() if value})
        self._encoded[key] = encoded
        return encoded

    def is_exact(self, labels: bytes, *values: str | None) -> bool:
        """Whether the label set shows the service, environment and stream whole."""
        return labels is not self._overflow and all(len(value) <= MAX_LABEL_CHARACTERS for value in values if value)


def line(message: str, stacktrace: str | None) -> str:
    """The message with the stack trace below it, unless it is there already."""
    if stacktrace and stacktrace not in message:
        return f"{message}\n{stacktrace}" if message else stacktrace
    return message


def metadata(fields: Iterable[tuple[str, str]], attributes: str | None) -> dict[str, str]:
    """Structured metadata: `fields` by their names, then the members of the JSON object `attributes`.

    Names become LogQL identifiers; a member whose name is taken is called `attribute_NAME`. Nested values stay JSON.
    What has no room is counted in `logpipe_omitted_fields`.
    """
    kept: dict[str, str] = {}
    room = MAX_METADATA_CHARACTERS
    omitted = 0
    for name, value in (*fields, *_members(attributes)):
        shown = value if len(value) <= MAX_VALUE_CHARACTERS else _cut(value)
        size = len(name) + len(shown)
        if size > room or len(kept) >= MAX_METADATA_ENTRIES - 1:
            omitted += 1
            continue
        kept[_free(name, kept) if name in kept or name in _RESERVED else name] = shown
        room -= size
    if omitted:
        kept[OMITTED] = str(omitted)
    return kept


def _cut(value: str) -> str:
    return f"{value[:MAX_VALUE_CHARACTERS]}… [cut by logpipe, {len(value)} characters]"


def _members(attributes: str | None) -> Iterator[tuple[str, str]]:
    """The members of a JSON object as identifiers and text; what is no such object is one member, `attributes`."""
    if not attributes:
        return
    try:
        parsed = orjson.loads(attributes)
        texts = {name: _text(value) for name, value in parsed.items()} if isinstance(parsed, dict) else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # nested deeper than orjson writes, a lone surrogate …
        texts = None
    if texts is None:
        yield "attributes", attributes
        return
    for name, value in texts.items():
        yield _identifier(name), value


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(maxsize=4096)
def _identifier(name: str) -> str:
    identifier = _NOT_A_NAME.sub("_", name[:_MAX_NAME_CHARACTERS])
    return identifier if identifier and not identifier[0].isdigit() else f"_{identifier}"


def _free(name: str, kept: Mapping[str, str]) -> str:
    """A name like `name` that is not taken."""
    other = f"attribute_{name}"
    number = 1
    while other in kept:
        number += 1
        other = f"attribute_{name}_{number}"
    return other
