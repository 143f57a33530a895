"""Logs of containers under Kubernetes, as containerd and CRI-O write them: time, stream, whole or partial, text.

https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

from typing import Final

from logpipe.ingest.formats.text_format import TextFormat
from logpipe.ingest.formats.wrapped import Wrapped

_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
_LAYOUT: Final = rf"^(?P<time>{_TIME}) (?P<stream>stdout|stderr) (?P<tag>[FP])(?P<tags>:[^ ]*)?(?: (?s:(?P<text>.*)))?$"


class Cri(TextFormat):
    """The wrapper."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        found = _found(line)
        return f"CASE {found}.tag WHEN 'F' THEN {found}.text || chr(10) WHEN 'P' THEN {found}.text END"

    def around(self, line: str, /) -> str:
        """See `Wrapper`."""
        return f"nullif({_found(line)}.stream || {_found(line)}.tags, '')"

    def continues(self, line: str, before: str, /) -> str | None:
        """See `Format`: a partial text goes on in the next line of the same stream."""
        return f"regexp_matches({before}, '^{_TIME} std(?:out|err) P ') AND {self.around(line)} = {self.around(before)}"


def _found(line: str) -> str:
    return f"regexp_extract({line}, '{_LAYOUT}', ['time', 'stream', 'tag', 'tags', 'text'])"


CRI = Wrapped(
    Cri(
        name="cri",
        title="containers under Kubernetes (CRI)",
        layouts=(_LAYOUT,),
        columns={"message": "text"},
        attributes={"stream": "stream", "tags": "substr(tags, 2)"},
    )
)
