"""JSON objects over several lines: OpenTelemetry's SDKs on the console, Elasticsearch, `jq`.

An object begins with a brace at the beginning of a line.
"""

import json
from collections.abc import Sequence
from itertools import accumulate, groupby
from operator import itemgetter

from logpipe.ingest.formats.json_format import JsonFormat
from logpipe.ingest.formats.otel_console import OTEL_CONSOLE


class JsonMultiline(JsonFormat):
    """A format of objects, not of lines."""

    def claims(self, lines: Sequence[str]) -> float:
        """See `Format`: the lines of whole objects, and of a last one that the sample cuts off."""
        numbers = accumulate(line.startswith("{") for line in lines)
        numbered = groupby(zip(numbers, lines, strict=True), itemgetter(0))
        objects = [[line for _, line in group] for _, group in numbered]
        sizes = [len(found) for found in objects if _is_object(found)]
        if max(sizes, default=1) == 1:
            return 0.0
        cut_off = len(objects[-1]) if len(objects) > 1 and not _is_object(objects[-1]) else 0
        return sum(sizes) / (len(lines) - cut_off)

    def continues(self, line: str, _before: str, /) -> str | None:
        """See `Format`."""
        return f"NOT starts_with({line}, '{{')"


def _is_object(lines: Sequence[str]) -> bool:
    try:
        return isinstance(json.loads("\n".join(lines)), dict)
    except (ValueError, RecursionError):
        return False


JSON_MULTILINE = JsonMultiline(
    name="json_multiline", title="JSON objects over several lines", columns=OTEL_CONSOLE.columns
)
