"""Bringing bodies to Loki, and finding the lines that it will never take.

Loki answers 400 and keeps the lines of the request that are right. Which ones are wrong is found by sending halves,
since what is sent again is stored once; where Loki's words say it of all lines at once, they are believed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from logpipe_shippers.delivery.receiver import Misconfigured, Receiver, Rejected, Unavailable
from logpipe_shippers.loki.payloads import HEADERS, Encoded, Part

PUSH_PATH: Final = "/loki/api/v1/push"
_TOO_LARGE: Final = 413
_TOO_MANY: Final = 429
_LIMITED_TIMES: Final = 3
_LEAST_BYTES: Final = 64 << 10
"""Of a body that is halved because of a limit of the rate: no burst is that small."""

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
    todo: list[list[Part]]
    """Bodies that are not known to be settled, the next one last."""
    refused: dict[int, str] = field(default_factory=dict)
    """Entries, as numbers into `Encoded.order`, with their reasons."""
    limited: int = 0
    """Answers of 429 in a row."""
    most_bytes: int | None = None
    """Of the bodies that were made because larger ones met nothing else."""

    @classmethod
    def of(cls, encoded: Encoded, batch_bytes: int) -> "Push":
        """All of them, in their order."""
        return cls(encoded, list(encoded.parts(batch_bytes))[::-1])

    def send(self, receiver: Receiver) -> None:
        """Raises:
        Unavailable, Misconfigured: Loki takes nothing now.
        """
        progressed = False
        try:
            while self.todo:
                self._step(receiver, self.todo[-1])
                progressed = True
        except Unavailable as error:
            limited = 0 if progressed else self.limited
            self.limited = limited + 1 if error.status == _TOO_MANY else 0
            error.progressed = self._halved() or progressed
            raise

    def _halved(self) -> bool:
        """Halve a body that meets nothing but a limit of the rate: it may be larger than what Loki takes at once."""
        half = sum(map(self.encoded.size, self.todo[-1])) // 2
        if self.limited < _LIMITED_TIMES or half < _LEAST_BYTES:
            return False
        self.limited, self.most_bytes = 0, half
        self.todo[-1:] = list(self.encoded.cut(self.todo[-1], half))[::-1]
        return True

    def _step(self, receiver: Receiver, parts: list[Part]) -> None:
        """Settle the next body, or put parts of it in its place."""
        refused: list[tuple[int, str]] = []
        rest: list[list[Part]] = []
        if (why := self._post(receiver, parts)) is not None:
            if why.status != _TOO_LARGE and not _known(why.said):
                self._ask(receiver, parts[0], why)
            refused, rest = self._judged(receiver, parts, why)
        self.todo[-1:] = rest[::-1]
        self.refused |= dict(refused)

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

    def _judged(
        self, receiver: Receiver, parts: list[Part], why: Rejected
    ) -> tuple[list[tuple[int, str]], list[list[Part]]]:
        """Of a body that was not taken whole: entries that are known to be refused, and bodies to send instead."""
        if len(parts) > 1:
            middle = len(parts) // 2
            return [], [parts[:middle], parts[middle:]]
        [part] = parts
        if len(part) == 1 or _STREAM.search(_unquoted(why.said)) or _all_ignored(part, why):
            return _each(part, why), []
        for entry, pattern in ((part.end - 1, _OLD), (part.begin, _NEW)):
            if pattern.search(_unquoted(why.said)):
                of_entry = self._post(receiver, [Part(part.stream, entry, entry + 1)])
                if of_entry is not None and pattern.search(_unquoted(of_entry.said)):
                    return _each(part, of_entry), []
        middle = (part.begin + part.end) // 2
        return [], [[Part(part.stream, part.begin, middle)], [Part(part.stream, middle, part.end)]]


def _each(part: Part, why: Rejected) -> list[tuple[int, str]]:
    return [(entry, why.said) for entry in range(part.begin, part.end)]


def _unquoted(said: str) -> str:
    """Loki's own words, without the labels that it quotes."""
    return re.sub(r"\{.*\}", "{}", said)


def _known(said: str) -> bool:
    """Whether these are words about lines or streams."""
    return any(pattern.search(_unquoted(said)) for pattern in (_OLD, _NEW, _STREAM, _LINE))


def _all_ignored(part: Part, why: Rejected) -> bool:
    found = _IGNORED.search(why.said)
    return found is not None and found[1] == found[2] == str(len(part))


def kind_of(reason: str) -> str:
    """A reason without what differs from line to line."""
    return re.sub(r"\{.*\}", "{}", re.sub(r"[\d:TZ.+-]*\d[\d:TZ.+-]*", "#", reason))
