"""Ways to reach people, each known by the scheme of its URL."""

from typing import Final, Protocol
from urllib.parse import urlsplit

from logpipe.errors import SettingError
from logpipe_shippers.notify.channels.email import Email
from logpipe_shippers.notify.channels.pagerduty import PagerDuty
from logpipe_shippers.notify.channels.services import Service
from logpipe_shippers.notify.channels.slack import Slack
from logpipe_shippers.notify.channels.webhook import Webhook
from logpipe_shippers.notify.message import Message
from logpipe_shippers.notify.settings import Settings

_SLACK_HOSTS: Final = ("hooks.slack.com", "hooks.slack-gov.com")


class Way(Protocol):
    """How messages get to a channel."""

    def send(self, message: Message) -> None:
        """Send; a message that is sent again is known by its thread and number where the service can.

        Raises:
            Unavailable, Misconfigured, Rejected: it was not taken.
        """

    def close(self) -> None:
        """Let go of the connection."""


def way(settings: Settings) -> Way:
    """The one that a channel's URL names.

    Raises:
        SettingError: the URL is none, or what it needs is not installed.
    """
    try:
        parts = urlsplit(settings.url.text)
        scheme, host = parts.scheme, parts.hostname
    except ValueError:
        scheme, host = "", None
    if not scheme:
        raise SettingError("the URL of the channel is none", remedy="begin it with https:// or smtp://", reason="url")
    if scheme in ("smtp", "smtps", "smtp+plain"):
        return Email(settings)
    if scheme.startswith("slack+") or (scheme == "https" and host in _SLACK_HOSTS):
        return Slack(settings)
    if scheme.startswith("pagerduty+") or (scheme == "pagerduty" and not parts.username):
        return PagerDuty(settings)
    if scheme in ("http", "https"):
        return Webhook(settings)
    return Service(settings)
