"""What `kubectl logs --prefix` prints: pod and container in brackets before each line, with `--timestamps` a time.

https://kubernetes.io/docs/reference/kubectl/generated/kubectl_logs/
"""

from typing import Final

from logpipe.ingest.formats.text_format import TextFormat, uncoloured_sql
from logpipe.ingest.formats.times import RUNTIME_ISO
from logpipe.ingest.formats.wrapped import Wrapped

_LAYOUT: Final = (
    rf"^\[pod/(?P<pod>[^/\]]+)/(?P<container>[^/\]]+)\](?: (?:(?P<time>{RUNTIME_ISO}) )?(?s:(?P<text>.*)))?$"
)


class Kubectl(TextFormat):
    """The wrapper."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        found = _found(line)
        return f"CASE WHEN {found}.container <> '' THEN {found}.text || chr(10) END"

    def around(self, line: str, /) -> str:
        """See `Wrapper`."""
        found = _found(line)
        return f"CASE WHEN {found}.container <> '' THEN {found}.pod || '/' || {found}.container END"


def _found(line: str) -> str:
    return f"regexp_extract({uncoloured_sql(line)}, '{_LAYOUT}', ['pod', 'container', 'time', 'text'])"


KUBECTL = Wrapped(
    Kubectl(
        name="kubectl",
        title="kubectl logs --prefix",
        layouts=(_LAYOUT,),
        columns={"message": "text", "service": "container", "host": "pod"},
    )
)
