"""Bringing bodies to Loki, and finding the lines that it will never take.

Loki answers 400 and keeps the lines of the request that are right. Which ones are wrong is found by sending halves,
since what is sent again is stored once; where Loki's words say it of all lines at once, they are believed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from logpipe_shippers.delivery.receiver import Misconfigured, Receiver, Rejected
from logpipe_shippers.loki.payloads import HEADERS, Encoded, Part

PUSH_PATH: Final = "/loki/api/v1/push"
_TOO_LARGE: Final = 413

_OLD: Final = re.compile(r"timestamp too old|too far behind|out of order")
"""Of a line: so each older one of its stream is refused as well."""
_NEW: Final = re.compile(r"timestamp too new")
_STREAM: Final = re.compile(r"label names; limit|label name|label value|parse labels|label pair")
"""Of a stream: so all its lines are refused."""
_LINE: Final = re.compile(r"max entry size|structured metadata (?:labels|too large)")
_ALL: Final = re.compile(r"structured metadata, but this feature is disallowed")
_IGNORED: Final = re.compile(r"total ignored: (\d+) out of (\d+)")


@dataclass(slots=True)
class Push:
    """Sends what was encoded; if it breaks off, it goes on with the next body when it is called again."""

    encoded: Encoded
    bodies: Sequence[Sequence[Part]]
    done: int = 0
    """Bodies that need not be sent again."""
    refused: dict[int, str] = field(default_factory=dict)
    """Entries, as numbers into `Encoded.order`, with their reasons."""

    def send(self, receiver: Receiver) -> None:
        """Raises:
        Unavailable, Misconfigured: Loki takes nothing now.
        """
        for body in self.bodies[self.done :]:
            if (why := self._post(receiver, body)) is not None:
                found = dict(self._found(receiver, body, why))
                self.refused |= found
            self.done += 1

    def _post(self, receiver: Receiver, parts: Sequence[Part]) -> Rejected | None:
        """Why it was not taken whole; None where it was."""
        raw = self.encoded.body(parts)
        try:
            receiver.post(self.encoded.compressed(raw), HEADERS[self.encoded.format])
        except Rejected as error:
            if _ALL.search(error.said):
                raise Misconfigured(
                    f"{receiver.shown} takes no structured metadata: {error.said}",
                    remedy="set allow_structured_metadata in its limits_config",
                    reason="receiver_settings",
                ) from error
            return error
        return None

    def _found(self, receiver: Receiver, parts: Sequence[Part], why: Rejected) -> Iterator[tuple[int, str]]:
        """The refused entries of a body that was not taken whole."""
        if why.status != _TOO_LARGE and not _known(why.said):
            self._ask(receiver, parts[0], why)
        if len(parts) == 1:
            yield from self._of_stream(receiver, parts[0], why)
            return
        for half in (parts[: len(parts) // 2], parts[len(parts) // 2 :]):
            if (again := self._post(receiver, half)) is not None:
                yield from self._found(receiver, half, again)

    def _ask(self, receiver: Receiver, part: Part, why: Rejected) -> None:
        """Whether Loki takes a request without a line; if not, it is not for the lines that it refuses them.

        Raises:
            Misconfigured: it does not.
        """
        if self._post(receiver, [Part(part.stream, part.begin, part.begin)]) is not None:
            raise Misconfigured(
                f"{receiver.shown} refuses whatever it is sent: {why.said}",
                remedy="check that the address is Loki's, and what is in between",
            )

    def _of_stream(self, receiver: Receiver, part: Part, why: Rejected) -> Iterator[tuple[int, str]]:
        """The refused entries of a part that was not taken whole."""
        if len(part) == 1 or _STREAM.search(why.said) or _all_ignored(part, why):
            yield from ((entry, str(why.said)) for entry in range(part.begin, part.end))
            return
        for end, pattern in ((part.end - 1, _OLD), (part.begin, _NEW)):
            if not pattern.search(why.said):
                continue
            of_end = self._post(receiver, [Part(part.stream, end, end + 1)])
            if of_end is not None and pattern.search(of_end.said):
                yield from ((entry, of_end.said) for entry in range(part.begin, part.end))
                return
        middle = (part.begin + part.end) // 2
        for half in (Part(part.stream, part.begin, middle), Part(part.stream, middle, part.end)):
            if (again := self._post(receiver, [half])) is not None:
                yield from self._of_stream(receiver, half, again)


def _known(said: str) -> bool:
    """Whether these are words about lines or streams."""
    return any(pattern.search(said) for pattern in (_OLD, _NEW, _STREAM, _LINE))


def _all_ignored(part: Part, why: Rejected) -> bool:
    found = _IGNORED.search(why.said)
    return found is not None and found[1] == found[2] == str(len(part))


def by_reason(reasons: Iterable[str]) -> dict[str, int]:
    """How often each reason is given, apart from its figures; the first of each stands for all."""
    ordered = sorted(reasons, key=kind_of)
    counted = {}
    for _, same in groupby(ordered, key=kind_of):
        found = list(same)
        counted[found[0]] = len(found)
    return counted


def kind_of(reason: str) -> str:
    """A reason without what differs from line to line."""
    return re.sub(r"\{.*\}", "{}", re.sub(r"[\d:TZ.+-]*\d[\d:TZ.+-]*", "#", reason))
