"""PagerDuty's Events API, version 2: `pagerduty://ROUTING_KEY`, for Europe `pagerduty+https://KEY@events.eu.pagerduty.com`.

https://developer.pagerduty.com/docs/send-alert-event
"""

from typing import Any, Final

import httpx
import orjson

from logpipe.errors import SettingError
from logpipe_shippers.notify.channels.private import PrivateReceiver
from logpipe_shippers.notify.message import Message
from logpipe_shippers.notify.settings import Settings

_DEFAULT: Final = "https://events.pagerduty.com"
_PATH: Final = "/v2/enqueue"
_MAX_SUMMARY: Final = 1_024
_ACTIONS: Final = {"acknowledged": "acknowledge", "resolved": "resolve"}


class PagerDuty:
    """One service's integration."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            SettingError: the URL is none, or has no routing key.
        """
        url, self._routing_key = _parts(settings.url.text)
        headers = {"Content-Type": "application/json"}
        self._receiver = PrivateReceiver(url, settings, headers, (self._routing_key,))

    def send(self, message: Message) -> None:
        """A test is triggered and resolved at once, so that nothing stays open."""
        self._post(message, _ACTIONS.get(message.said, "trigger"))
        if message.said == "test":
            self._post(message, "resolve")

    def close(self) -> None:
        self._receiver.close()

    def _post(self, message: Message, action: str) -> None:
        self._receiver.post(orjson.dumps(event(message, action, self._routing_key)))


def event(message: Message, action: str, routing_key: str) -> dict[str, Any]:
    """The body of a request; what has the same dedup_key is one incident there."""
    body: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": f"logpipe-{message.thread}",
    }
    if action != "trigger":
        return body
    fields = message.fields
    body["payload"] = {
        "summary": message.title[:_MAX_SUMMARY],
        "source": fields.get("service") or "logpipe",
        "severity": message.severity,
        "component": fields.get("subject", ""),
        "group": fields.get("environment", ""),
        "class": fields.get("kind", ""),
        "custom_details": {"text": message.text, "findings": list(message.finding_ids)},
    }
    body["client"] = "logpipe"
    if link := fields.get("link"):
        body["links"] = [{"href": link, "text": "the finding"}]
    return body


def _parts(url: str) -> tuple[str, str]:
    if url.startswith("pagerduty://"):
        address, key = _DEFAULT, url.removeprefix("pagerduty://").strip("/")
    else:
        try:
            parsed = httpx.URL(url.removeprefix("pagerduty+"))
        except (httpx.InvalidURL, ValueError):
            parsed = httpx.URL("")
        address, key = str(parsed.copy_with(userinfo=b"", path="/")), parsed.username
    if not key or not key.isalnum():
        raise SettingError(
            "the URL of the channel has no routing key", remedy="give it as pagerduty://ROUTING_KEY", reason="url"
        )
    return address.rstrip("/") + _PATH, key
