"""E-mail by SMTP: `smtp://` with STARTTLS, `smtps://` with TLS from the start, `smtp+plain://` without.

Messages of one problem are one thread (RFC 5322, section 3.6.4).
"""

import logging
import smtplib
import ssl
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from logpipe.errors import LogpipeError, SettingError
from logpipe_shippers.delivery import tls
from logpipe_shippers.delivery.receiver import Misconfigured, Rejected, Unavailable
from logpipe_shippers.notify.message import Message
from logpipe_shippers.notify.settings import Settings

_PORTS: Final = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_COLOURS: Final = {"critical": "#b3261e", "warning": "#8a6100", "info": "#1f5f99"}
_MAX_REASON: Final = 300

_log = logging.getLogger("logpipe.ship")


@dataclass(frozen=True, slots=True)
class _Server:
    scheme: str
    host: str
    port: int
    user: str
    password: str
    sender: str
    recipients: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


class Email:
    """A mail server, and who is written to. A connection lasts for a message."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            SettingError: the URL lacks something, or a certificate cannot be read.
        """
        self._server = _server(settings.url.text)
        self._timeout_s = settings.timeout_s
        try:
            self._tls = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            said = f"the certificate in {settings.ca_file} cannot be read: {(error.strerror or str(error)).lower()}"
            raise SettingError(said, reason="certificate") from error

    def send(self, message: Message) -> None:
        mail = composed(message, self._server.sender, self._server.recipients)
        try:
            connection = self._connected()
            try:
                refused = connection.send_message(mail, self._server.sender, self._server.recipients)
            finally:
                _leave(connection)
        except (smtplib.SMTPException, OSError) as error:
            raise self._failed(error) from error
        for recipient, (code, said) in refused.items():
            _log.warning("%s refused the recipient %s: %d %s", self._server, recipient, code, self._readable(said))

    def close(self) -> None:
        """There is nothing to close between messages."""

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.scheme == "smtps":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=self._timeout_s, context=self._tls
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=self._timeout_s)
        try:
            if server.scheme == "smtp":
                connection.starttls(context=self._tls)
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _failed(self, error: Exception) -> LogpipeError:
        """As one of the three answers of a receiver, in words that hold no password."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return Misconfigured(
                f"the certificate of {self._server} is not trusted ({error.verify_message})",
                remedy="name its authority with ca_file",
            )
        if self._server.scheme == "smtps" and tls.is_answered_in_plain(error):
            return Misconfigured(
                f"{self._server} does not speak TLS from the start", remedy="use smtp:// (STARTTLS), or another port"
            )
        if self._server.scheme != "smtps" and self._is_for_smtps(error):
            return Misconfigured(f"{self._server} speaks TLS from the start", remedy="use smtps://")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            message = f"{self._server} refuses the login of {self._server.user} ({error.smtp_code})"
            if error.smtp_code // 100 == 4:
                return Unavailable(message)
            return Misconfigured(message, remedy="check the user and the password in the URL")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return Misconfigured(
                f"{self._server} cannot do what the URL asks ({self._readable(str(error))})",
                remedy="check the scheme: smtp (STARTTLS), smtps (TLS), smtp+plain",
            )
        code, said = _answer(error)
        message = f"{self._server}: {self._readable(said)}"
        if code // 100 != 5:
            return Unavailable(message)
        if isinstance(error, smtplib.SMTPDataError):
            return Rejected(code, self._readable(said))
        return Misconfigured(message, remedy="check the addresses in the URL")

    def _is_for_smtps(self, error: Exception) -> bool:
        """Whether both sides waited for the other one to begin."""
        silent = isinstance(error, smtplib.SMTPServerDisconnected | TimeoutError)
        return silent and tls.is_spoken_at(self._server.host, self._server.port, self._timeout_s)

    def _readable(self, said: str | bytes) -> str:
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        text = " ".join("".join(part if part.isprintable() else " " for part in text).split())
        user, password = self._server.user, self._server.password
        for secret in (password, *(b64encode(each.encode()).decode() for each in (password, f"\0{user}\0{password}"))):
            text = text.replace(secret, "***") if password else text
        return text[:_MAX_REASON]


def _leave(connection: smtplib.SMTP) -> None:
    """Say good-bye; what is answered to that changes nothing about a mail that was taken."""
    with suppress(smtplib.SMTPException, OSError):
        connection.quit()
    connection.close()


def composed(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """As text and as HTML; the subject stays that of the first message, or some readers would begin a new thread."""
    domain = sender.rpartition("@")[2]
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = message.subject if message.number == 1 else f"Re: {message.subject}"
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<logpipe.{message.key}@{domain}>"
    if message.number > 1:
        first = f"<logpipe.{message.thread}.1@{domain}>"
        mail["In-Reply-To"] = first
        mail["References"] = first
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity == "critical" and message.said in ("problem", "update"):
        mail["X-Priority"] = "1"
    text = message.text if message.number == 1 else f"{message.title}\n\n{message.text}"
    mail.set_content(f"{text}\n")
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _html(message: Message) -> str:
    colour = "#1e6b3a" if message.said == "resolved" else _COLOURS[message.severity]
    link = message.fields.get("link")
    shown = f'<p><a href="{escape(link)}">Open the finding</a></p>' if link else ""
    head = f'<h3 style="color:{colour};margin:0 0 8px">{escape(message.title)}</h3>'
    return (
        f'<html><body style="font-family:sans-serif">{head}'
        f'<pre style="white-space:pre-wrap;font-size:13px">{escape(message.text)}</pre>{shown}</body></html>\n'
    )


def _server(url: str) -> _Server:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise _lacks("a host and a port") from error
    query = parse_qs(parts.query)
    if not host:
        raise _lacks("a host")
    if unknown := set(query) - {"from", "to"}:
        raise SettingError(
            f"the URL of the mail server has {min(unknown)}", remedy="it may have from and to", reason="url"
        )
    recipients = tuple(one.strip() for each in query.get("to", ()) for one in each.split(",") if one.strip())
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = query.get("from", [user])[0]
    for address in (sender, *recipients):
        _check_address(address)
    if not recipients:
        raise _lacks("a recipient")
    if not (user + password).isascii():
        raise _lacks("a user and a password in ASCII, as its login has them")
    if scheme == "smtp+plain" and password and host not in _LOOPBACK:
        raise SettingError(
            f"a password would go to {host} in plain text", remedy="use smtp:// or smtps://", reason="url"
        )
    return _Server(scheme, host, port or _PORTS[scheme], user, password, sender, recipients)


def _check_address(address: str) -> None:
    try:
        domain = Address(addr_spec=address).domain
    except (ValueError, IndexError):
        domain = ""
    if not domain or not address.isascii() or any(part.isspace() for part in address):
        raise _lacks("addresses as name@example.org in from and to")


def _lacks(what: str) -> SettingError:
    return SettingError(
        f"the URL of the mail server needs {what}",
        remedy="as smtp://user:password@mail.example.org?from=logpipe@example.org&to=oncall@example.org",
        reason="url",
    )


def _answer(error: Exception) -> tuple[int, str | bytes]:
    """Code and text of a server's answer; 0 where there was none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(error.recipients.values(), key=lambda one: one[0])
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code, error.smtp_error
    return 0, str(error) or type(error).__name__
