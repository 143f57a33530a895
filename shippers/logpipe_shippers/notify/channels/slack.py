"""Slack's incoming webhooks. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/

They answer nothing by which a message could be changed, so what comes to a problem is a short message of its own.
"""

import re
from typing import Any, Final

import orjson

from logpipe_shippers.notify.channels.private import PrivateReceiver
from logpipe_shippers.notify.message import Message
from logpipe_shippers.notify.settings import Settings

_MARKS: Final = {
    "critical": ":red_circle:",
    "warning": ":large_yellow_circle:",
    "info": ":large_blue_circle:",
    "resolved": ":large_green_circle:",
}
_MAX_HEADER: Final = 150
_HALF_ESCAPE: Final = re.compile(r"&[a-z]*\Z")
_MAX_SECTION: Final = 2_900
"""Characters; Slack takes 3,000."""


class Slack:
    """One webhook."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            SettingError: the URL is none.
        """
        url = settings.url.text.removeprefix("slack+")
        self._receiver = PrivateReceiver(url, settings, {"Content-Type": "application/json"})

    def send(self, message: Message) -> None:
        self._receiver.post(orjson.dumps(blocks(message)))

    def close(self) -> None:
        self._receiver.close()


def blocks(message: Message) -> dict[str, Any]:
    """The body of a request; `text` is what a notification on a telephone shows."""
    mark = _MARKS.get("resolved" if message.said == "resolved" else message.severity, "")
    header = f"{mark} {message.title}".strip()
    shown: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": header[:_MAX_HEADER], "emoji": True}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"```{_escaped(message.text)}```"}},
    ]
    if link := message.fields.get("link"):
        shown.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{_escaped(link)}|Open the finding>"}})
    context = f"logpipe · {message.thread}"
    shown.append({"type": "context", "elements": [{"type": "plain_text", "text": context}]})
    return {"text": _escaped(message.title), "blocks": shown}


def _escaped(text: str) -> str:
    """As Slack wants it: so no line of a log mentions anybody, or ends the block it is quoted in."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")
    return text if len(text) <= _MAX_SECTION else f"{_HALF_ESCAPE.sub('', text[:_MAX_SECTION])}…"
