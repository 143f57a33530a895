"""Pushing payloads to a server: what is tried again, what is passed over, what ends the export.

A 429, a 5xx and a broken connection are tried again, with exponential back-off and full jitter
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/) or after the time the server names. A 400,
413 or 422 is an answer to the payload itself: it is recorded, never sent again, and the next payload follows. Any other
answer is about the request's address or credentials, so it would be the same for every payload, and ends the export.
"""

import gzip
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Final, Self

import httpx

from logpipe.errors import ReceiverError
from logpipe_shippers.loki.payloads import Payload

PUSH_PATH: Final = "/loki/api/v1/push"

_REFUSES_THE_PAYLOAD: Final = (400, 413, 422)
_MAX_REASON_CHARACTERS: Final = 500
_TIMEOUT_S: Final = 30.0
_COMPRESSION_LEVEL: Final = 5


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how long to wait for a server that cannot take a payload now."""

    attempts: int = 8
    """Of each payload, the first one included."""
    base_s: float = 0.5
    """The longest wait after the first attempt; it doubles with each further one."""
    max_s: float = 30.0
    """The longest wait, also when the server asks for more."""

    def wait_s(self, attempt: int, retry_after_s: float | None) -> float:
        """Seconds to wait after the `attempt`-th attempt (from 1) failed."""
        if retry_after_s is not None:
            return min(retry_after_s, self.max_s)
        # Jitter keeps shippers that failed together from coming back together; it needs no secrecy.
        return random.uniform(0, min(self.max_s, self.base_s * 2 ** (attempt - 1)))  # noqa: S311


@dataclass(slots=True)
class Refusal:
    """Payloads that the server refused for the same reason, but for its figures."""

    status: int
    reason: str
    """What the server said the first time."""
    payloads: int = 0
    lines: int = 0
    """In these payloads, and the most that can be missing: Loki keeps the acceptable lines of a refused payload."""


class Pusher:
    """Pushes payloads one after another to one server; a context manager.

    `pushed_lines` counts what the server took, `refusals` what it refused.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str | None = None,
        backoff: Backoff | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Raises:
            ReceiverError: `url` is not an HTTP address.
        """
        self._url = push_url(url)
        self._shown_url = str(self._url.copy_with(username=None, password=None))
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        if tenant:
            headers["X-Scope-OrgID"] = tenant
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT_S)
        self._refusals: dict[tuple[int, str], Refusal] = {}
        self.pushed_lines = 0

    @property
    def refusals(self) -> list[Refusal]:
        """By reason, the most lines first."""
        return sorted(self._refusals.values(), key=lambda refusal: -refusal.lines)

    def push(self, payload: Payload) -> bool:
        """Send `payload`; whether the server took it whole.

        Raises:
            ReceiverError: the server cannot be reached, cannot take it in all attempts, or refuses the request as such.
        """
        body = gzip.compress(payload.body, _COMPRESSION_LEVEL, mtime=0)
        for attempt in range(1, self._backoff.attempts + 1):
            answer, trouble = self._send(body)
            if answer is not None:
                if answer.is_success:
                    self.pushed_lines += payload.lines
                    return True
                if answer.status_code in _REFUSES_THE_PAYLOAD:
                    self._record(answer, payload)
                    return False
                trouble = f"answered {answer.status_code}: {_reason(answer)}"
                if answer.status_code != 429 and not answer.is_server_error:
                    raise ReceiverError(
                        f"{self._shown_url} {trouble}",
                        remedy="check the address, the tenant and the credentials; nothing of this payload was taken",
                        reason="receiver_address",
                    )
            if attempt < self._backoff.attempts:
                self._sleep(self._backoff.wait_s(attempt, None if answer is None else _retry_after_s(answer)))
        raise ReceiverError(
            f"{self._shown_url} {trouble}, in each of {self._backoff.attempts} attempts",
            remedy=f"when it is back, go on with --since {_rfc3339(payload.first_ns)}; "
            "Loki keeps one copy of a line that is sent twice",
            reason="receiver_unavailable",
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, body: bytes) -> tuple[httpx.Response | None, str]:
        """The answer, or what went wrong on the way."""
        try:
            return self._client.post(self._url, content=body), ""
        except httpx.RequestError as error:
            return None, f"cannot be reached ({_said(str(error)) or type(error).__name__})"

    def _record(self, answer: httpx.Response, payload: Payload) -> None:
        reason = _reason(answer)
        key = (answer.status_code, re.sub(r"\d+", "#", reason)[:60])
        refusal = self._refusals.setdefault(key, Refusal(answer.status_code, reason))
        refusal.payloads += 1
        refusal.lines += payload.lines


def push_url(url: str) -> httpx.URL:
    """The address of the push API: `url` itself where its path ends in `/push`, else with Loki's path added.

    Raises:
        ReceiverError: `url` is not an HTTP address.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ReceiverError(
            f"{url!r} is not the address of a server",
            remedy="give one as http://localhost:3100",
            reason="receiver_address",
        )
    path = parsed.path.rstrip("/")
    return parsed if path.endswith("/push") else parsed.copy_with(path=path + PUSH_PATH)


def _reason(answer: httpx.Response) -> str:
    """What the server said, on one line."""
    return _said(answer.text) or answer.reason_phrase or "no reason given"


def _said(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_REASON_CHARACTERS else f"{text[:_MAX_REASON_CHARACTERS]}…"


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Seconds of the Retry-After header, which holds a number or a date (RFC 9110, section 10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", value, re.ASCII):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _rfc3339(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
