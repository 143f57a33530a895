"""`key=value` pairs behind a message, as members of the attributes."""

from collections.abc import Mapping
from typing import Final

from logpipe.ingest.formats.base import json_object, text_literal

_PAIR: Final = text_literal(
    r"""([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{[^\n]*?\}|\[[^\n]*?\]|\([^\n]*?\)|\S*)"""
)
_NUMBER: Final = r"-?\d{1,15}(?:\.\d{1,15})?|true|false"
_QUOTES: Final = """'"', chr(39)"""


def with_pairs(members: Mapping[str, str], pairs: str) -> str:
    """SQL for a JSON object of the members and the pairs of a text; where that says more, it is `pairs`, whole."""
    told = _are_all(f"({pairs})", ", ".join(map(text_literal, (*members, "pairs"))))
    own = json_object({**members, "pairs": f"CASE WHEN NOT {told} THEN trim({pairs}) END"})
    return _joined(own, f"CASE WHEN {told} THEN {_members(f'({pairs})')} END")


def _are_all(pairs: str, taken: str) -> str:
    """Whether no key stands twice, or is one of the format's own, and there is nothing beside the pairs."""
    keys = f"regexp_extract_all({pairs}, {_PAIR}, 1)"
    beside = f"regexp_replace({pairs}, {_PAIR}, '', 'g')"
    return (
        f"(len(list_distinct({keys})) = len({keys}) AND NOT list_has_any({keys}, [{taken}])"
        rf" AND regexp_full_match({beside}, '\s*'))"
    )


def _members(pairs: str) -> str:
    """The members of a JSON object, without its braces."""
    value = (
        f"CASE WHEN regexp_full_match(v, '{_NUMBER}') AND json_valid(v) THEN v"
        f" ELSE to_json(CASE WHEN v[1] IN ({_QUOTES}) THEN substr(v, 2, len(v) - 2) ELSE v END)::VARCHAR END"
    )
    return (
        f"array_to_string(list_transform(list_zip(regexp_extract_all({pairs}, {_PAIR}, 1), list_transform("
        f"regexp_extract_all({pairs}, {_PAIR}, 2), lambda v: {value})), lambda pair:"
        " to_json(pair[1])::VARCHAR || ':' || pair[2]), ',')"
    )


def _joined(json: str, members: str) -> str:
    """The object with more members."""
    inner = f"nullif(substr(({json})::VARCHAR, 2, len(({json})::VARCHAR) - 2), '')"
    return f"nullif('{{' || concat_ws(',', {inner}, nullif({members}, '')) || '}}', '{{}}')::JSON"
