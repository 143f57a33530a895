"""One HTTP receiver, and the four things that it may answer.

Accepted; not now (a broken connection, a 429, a 5xx), which is tried again; not this (400, 413, 422), which is recorded
and never sent again; not you (any other answer), which is the same for whatever is sent, and waits for a person.
"""

import re
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib import metadata
from types import TracebackType
from typing import Final, Self
from urllib.request import getproxies

import httpx

from logpipe.errors import ReceiverError
from logpipe_shippers.delivery import tls
from logpipe_shippers.delivery.access import Access, authorization, checked, secret_texts
from logpipe_shippers.delivery.unlogged import unlogged

_MAX_REASON_CHARACTERS: Final = 500
_TAIL_CHARACTERS: Final = 150
"""Of these for the end, where Loki says how many lines it means."""
_REJECTS: Final = (400, 413, 422)
_KEPT_HEADERS: Final = ("Content-Type", "Retry-After")
_UNANSWERED: Final = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""What becomes of a request that a server does not understand, and closes the connection on."""
_NAMES_TLS: Final = re.compile("https|ssl|tls", re.IGNORECASE)
_MOST_ANSWER_BYTES: Final = 1 << 20
"""Of an answer, that are read: all that it may say is short."""


class Unavailable(ReceiverError):  # noqa: N818 - a state
    """The receiver cannot take anything now; `wait_s` is how long it asks to be left alone, where it does."""

    reason = "receiver_unavailable"

    def __init__(self, message: str, wait_s: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.status = status
        """What was answered; None where nothing was."""
        self.progressed = False
        """Whether it took some of the batch since it was last tried, so that its trouble is a new one."""


class Misconfigured(ReceiverError):  # noqa: N818 - a state
    """The address, the credentials or the certificate are wrong: nothing will be taken until somebody mends that."""

    reason = "receiver_address"


class Rejected(ReceiverError):  # noqa: N818 - a state
    """The receiver will never take this payload, or some of it."""

    reason = "receiver_rejected"

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"refused with {status}: {said}")
        self.status = status
        self.said = said


def said_as_text(answer: httpx.Response) -> str:
    """Why something was not taken, by a receiver that says so in plain words."""
    return answer.text


class Receiver:
    """A connection that is kept open; a context manager. One thread uses it."""

    def __init__(
        self,
        access: Access,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        retried: Collection[int] | None = None,
        said: Callable[[httpx.Response], str] = said_as_text,
    ) -> None:
        """`path` is added to the address where that does not end with it.

        `retried` are the statuses that mean not now, where they are not 408, 429 and all from 500; what is left from
        500 is then a refusal. `said` reads the reason from an answer.

        Raises:
            Misconfigured: the address is none of a server.
            SettingError: a certificate cannot be read, there are two ways to authenticate, or a header is none.
        """
        self.url = _address(access.url, path)
        self.shown = str(self.url.copy_with(username=None, password=None, query=None))
        """The address without credentials, of which the query may have some."""
        self._retried = retried
        self._said = said
        self._secrets = secret_texts(access, self.url)
        own = {name: secret.text for name, secret in access.headers.items()}
        self._timeout_s = access.timeout_s
        self._has_answered = False
        self._has_no_tls = False
        self._client = httpx.Client(
            headers=checked({"User-Agent": _user_agent(), **authorization(access), **(headers or {}), **own}),
            auth=httpx.BasicAuth(access.user or "", access.password.text) if access.password else None,
            verify=tls.context(access),
            timeout=access.timeout_s,
        )

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send, and return what was answered with 2xx.

        Raises:
            Unavailable, Misconfigured, Rejected: it was not taken, or not whole.
        """
        return self._sent("POST", body, headers)

    def put(self, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The same, in place of what is there."""
        return self._sent("PUT", body, headers)

    def _sent(self, method: str, body: bytes, headers: Mapping[str, str] | None) -> httpx.Response:
        try:
            with unlogged(), self._client.stream(method, self.url, content=body, headers=headers) as streamed:
                answer = self._read(streamed)
        except httpx.RequestError as error:
            raise self._unreachable(error) from error
        if self._asks_for_tls(answer):
            raise self._lacks_tls()
        self._has_answered = True
        if answer.is_success:
            return answer
        said = self._readable(self._said(answer)) or answer.reason_phrase or "no reason given"
        message = f"{self.shown} answered {answer.status_code}: {said}"
        if self._means_later(answer):
            raise Unavailable(message, _retry_after_s(answer), answer.status_code)
        if answer.status_code in _REJECTS or answer.is_server_error:
            raise Rejected(answer.status_code, said)
        raise Misconfigured(message, remedy="check the address, the tenant and the credentials")

    def _read(self, streamed: httpx.Response) -> httpx.Response:
        """The beginning of an answer, of which a receiver that is none may have no end."""
        content, until = b"", time.monotonic() + self._timeout_s
        for part in streamed.iter_bytes():
            content += part
            if len(content) > _MOST_ANSWER_BYTES or time.monotonic() > until:
                break
        kept = [(name, streamed.headers[name]) for name in _KEPT_HEADERS if name in streamed.headers]
        return httpx.Response(
            streamed.status_code, headers=kept, content=content[:_MOST_ANSWER_BYTES], extensions=streamed.extensions
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _means_later(self, answer: httpx.Response) -> bool:
        if self._retried is not None:
            return answer.status_code in self._retried
        return answer.status_code in (408, 429) or answer.is_server_error

    def _unreachable(self, error: httpx.RequestError) -> ReceiverError:
        said = self._readable(str(error)) or type(error).__name__
        root = _root(error)
        if isinstance(root, ssl.SSLCertVerificationError):
            return Misconfigured(
                f"the certificate of {self.shown} is not trusted ({said})", remedy="name its authority with ca_file"
            )
        if isinstance(error, httpx.ConnectError) and tls.is_answered_in_plain(root):
            return self._has_needless_tls()
        if isinstance(error, _UNANSWERED) and not self._has_answered and self._is_for_tls():
            return self._lacks_tls()
        return Unavailable(f"{self.shown} cannot be reached ({said})")

    def _asks_for_tls(self, answer: httpx.Response) -> bool:
        """A refusal may name TLS and be about a line: found out once, since what does not speak it may take seconds."""
        if answer.status_code != httpx.codes.BAD_REQUEST or self._has_no_tls or not _NAMES_TLS.search(answer.text):
            return False
        self._has_no_tls = not self._is_for_tls()
        return not self._has_no_tls

    def _is_for_tls(self) -> bool:
        """Whether we speak plain HTTP to what speaks TLS: some servers say so, and some close the connection."""
        host, port = self.url.raw_host.decode(), self.url.port or 80
        return self.url.scheme == "http" and tls.is_spoken_at(host, port, self._timeout_s)

    def _has_needless_tls(self) -> Misconfigured:
        if getproxies().keys() & {"https", "all"}:  # as the client has them
            return Misconfigured(
                f"the proxy on the way to {self.shown}, or what listens there, does not speak TLS",
                remedy="begin HTTPS_PROXY with http://, as most of them want it",
            )
        return Misconfigured(
            f"what listens at {self.shown} does not speak TLS",
            remedy="begin the address with http://, or name the port that speaks TLS",
        )

    def _lacks_tls(self) -> Misconfigured:
        return Misconfigured(f"what listens at {self.shown} speaks TLS", remedy="begin the address with https://")

    def _readable(self, text: str) -> str:
        """On one line, of bounded length, without what is secret: a receiver may repeat what it was sent."""
        text = " ".join("".join(part if part.isprintable() else " " for part in text).split())
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if len(text) <= _MAX_REASON_CHARACTERS:
            return text
        return f"{text[: _MAX_REASON_CHARACTERS - _TAIL_CHARACTERS]} … {text[-_TAIL_CHARACTERS:]}"


@cache
def _user_agent() -> str:
    return f"logpipe/{metadata.version('logpipe')}"


def _address(url: str, path: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Misconfigured(
            f"{_without_password(url)!r} is not the address of a server", remedy="give one as http://localhost:3100"
        )
    own = parsed.path.rstrip("/")
    return parsed if own.endswith(path) else parsed.copy_with(path=own + path)


def _without_password(url: str) -> str:
    return re.sub(r"//.*@", "//***@", url, flags=re.DOTALL)


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


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
