"""Slack's incoming webhooks. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/

They answer nothing by which a message could be changed, so what comes to a problem is a short message of its own.
"""

import re
from collections.abc import Iterator
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
_TYPED: Final = ("next", "on it", "more")
"""Parts that are commands."""
_QUOTED: Final = "line"
"""The part with a line of a log."""
_LINK: Final = "see"
"""The part that stands as a link of its own."""


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
        *(_section(text) for text in _texts(message) if text),
    ]
    if link := message.fields.get("link"):
        shown.append(_section(f"<{_escaped(link)}|Open the finding>"))
    context = f"logpipe · {message.thread}"
    shown.append({"type": "context", "elements": [{"type": "plain_text", "text": context}]})
    return {"text": _escaped(message.title), "blocks": shown}


def _texts(message: Message) -> Iterator[str]:
    """The message, of which lines of logs stand in blocks and what to type in code; the rest wraps as prose."""
    if not message.parts:
        yield _escaped(message.text)
        return
    plain: list[str] = []
    for name, value in message.parts:
        if name == _LINK:
            continue
        first, *quoted = value.split("\n")
        if name in _TYPED:
            first = f"`{first}`"
        if quoted and name == _QUOTED:
            yield "\n".join(plain)
            plain = []
            yield f"*{name}* {_escaped(first)}\n```{_escaped(quoted[0])}```"
        else:
            plain.append(_escaped("\n".join([f"*{name}* {first}" if name else first, *quoted])))
    yield "\n".join(plain)


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text), "verbatim": True}}


def _escaped(text: str) -> str:
    """As Slack wants it: so no line of a log mentions anybody, or ends the block it is quoted in."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SECTION else f"{_HALF_ESCAPE.sub('', text[:_MAX_SECTION])}…"
