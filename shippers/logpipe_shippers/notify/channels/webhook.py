"""A webhook of one's own: JSON, signed where there is a secret.

`X-Logpipe-Signature` is `sha256=` and the HMAC-SHA256, in hexadecimal digits, of `X-Logpipe-Timestamp`, a full stop and
the body; `Idempotency-Key` is the same when a message is sent again.
"""

import hashlib
import hmac
from typing import Any

import orjson

from logpipe_shippers.notify.channels.private import PrivateReceiver
from logpipe_shippers.notify.message import Message
from logpipe_shippers.notify.settings import Settings


class Webhook:
    """One address."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            SettingError: the URL is none.
        """
        self._secret = settings.secret
        secrets = (self._secret.text,) if self._secret else ()
        self._receiver = PrivateReceiver(settings.url.text, settings, {"Content-Type": "application/json"}, secrets)

    def send(self, message: Message) -> None:
        body = orjson.dumps(payload(message), option=orjson.OPT_UTC_Z)
        headers = {"Idempotency-Key": message.key}
        if self._secret is not None:
            timestamp = f"{message.at.timestamp():.0f}"
            headers["X-Logpipe-Timestamp"] = timestamp
            headers["X-Logpipe-Signature"] = f"sha256={signature(self._secret.text, timestamp, body)}"
        self._receiver.post(body, headers)

    def close(self) -> None:
        self._receiver.close()


def payload(message: Message) -> dict[str, Any]:
    """The object that is posted."""
    return {
        "message": message.said,
        "thread": message.thread,
        "number": message.number,
        "severity": message.severity,
        "title": message.title,
        "text": message.text,
        "finding_ids": message.finding_ids,
        "at": message.at,
        "fields": {name: value for name, value in message.fields.items() if name not in ("text", "title", "severity")},
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What whoever has the secret can compute, too."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
