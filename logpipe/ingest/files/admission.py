"""Files that are no logs are refused, with a word on what can be done about it."""

import re

from logpipe.errors import InputError

_HOLE = re.compile(rb"\0{16,}")
"""What a writer leaves that goes on behind a truncation: such a file is a log all the same."""
_TEXT = bytes([*b"\t\n\v\f\r\b\x1b", *range(0x20, 0x100)])
_MOST_CONTROLS = 0.05

_JSON_ARRAY = re.compile(rb"\s*\[\s*[{\]]")


def refuse_what_is_no_log(path: str, head: bytes, *, named: bool) -> None:
    if _JSON_ARRAY.match(head):
        raise InputError(
            f"{path} is one JSON array, not one object a line",
            remedy=f"turn it into lines first: jq -c '.[]' {path} > {path}l",
            reason="json_array",
        )
    written = _HOLE.sub(b"", head)
    if not named and len(written.translate(None, _TEXT)) > _MOST_CONTROLS * len(written):
        raise InputError(
            f"{path} is binary",
            remedy="name text logs, or their .gz, .zst, .bz2 or .xz; --format NAME reads it as text all the same",
            reason="binary",
        )
