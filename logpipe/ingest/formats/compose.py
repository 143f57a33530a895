"""What `docker compose logs` and `up` print: the name of the container and a bar before each line, with `-t` a time.

https://docs.docker.com/reference/cli/docker/compose/logs/
"""

from typing import Final

from logpipe.ingest.formats.text_format import TextFormat, uncoloured_sql
from logpipe.ingest.formats.times import RUNTIME_ISO
from logpipe.ingest.formats.wrapped import Wrapped

_LAYOUT: Final = rf"^(?P<container>[a-z][a-z0-9_.-]*) *\|(?: (?:(?P<time>{RUNTIME_ISO}) )?(?s:(?P<text>.*)))?$"


class Compose(TextFormat):
    """The wrapper."""

    def carried(self, line: str, /) -> str:
        """See `Wrapper`."""
        found = _found(line)
        return f"CASE WHEN {found}.container <> '' THEN {found}.text || chr(10) END"

    def around(self, line: str, /) -> str:
        """See `Wrapper`."""
        return f"nullif({_found(line)}.container, '')"


def _found(line: str) -> str:
    return f"regexp_extract({uncoloured_sql(line)}, '{_LAYOUT}', ['container', 'time', 'text'])"


COMPOSE = Wrapped(
    Compose(
        name="compose",
        title="Docker Compose",
        layouts=(_LAYOUT,),
        columns={"message": "text", "service": r"regexp_replace(container, '-\d+$', '')"},
        attributes={"container": "container"},
    )
)
