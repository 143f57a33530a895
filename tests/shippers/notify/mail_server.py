"""A real mail server in a thread, with or without TLS and a login; it keeps what it got."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

_PATIENCE_S = 60.0
USER, PASSWORD = "logpipe@example.org", "c0rrect horse/battery"


@dataclass
class Mails:
    """What the server got, and what it answers."""

    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """To the next messages, in place of a 250."""
    unknown: tuple[str, ...] = ()
    """Recipients that it refuses."""
    goodbye: str = "221 Bye"

    async def handle_RCPT(  # noqa: N802 - its name in aiosmtpd
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        return self.goodbye

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        if self.answers:
            return self.answers.pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.got.append(mail)
        self.recipients.append(envelope.rcpt_tos)
        return "250 OK"


class _OnSocket(Controller):
    """Serves a socket that listens already: a port that was free a moment ago may be another process's by now.

    The usual controller tries its port with the context of a server, which is no client's.
    """

    def __init__(self, mails: Mails, listening: socket.socket, **more: Any) -> None:
        # The name of this machine is given, since to look it up may take as long as its resolver likes.
        super().__init__(mails, ready_timeout=_PATIENCE_S, server_hostname="localhost", **more)
        self._listening = listening

    def _create_server(self) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listening, ssl=self.ssl_context)

    def _trigger_server(self) -> None:
        with socket.create_connection(self._listening.getsockname(), _PATIENCE_S):
            pass


@contextmanager
def mail_server(
    starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None, login: bool = False
) -> Iterator[Mails]:
    """On a free port of the loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    mails = Mails(listening.getsockname()[1])

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == (USER, PASSWORD), handled=given == (USER, PASSWORD))

    more: dict[str, Any] = {"ssl_context": implicit} if implicit else {}
    if starttls:
        more |= {"tls_context": starttls, "require_starttls": True}
    if login:
        more |= {"authenticator": check, "auth_required": True, "auth_require_tls": bool(starttls)}
    controller = _OnSocket(mails, listening, **more)
    controller.start()
    try:
        yield mails
    finally:
        controller.stop()
