"""Whatever Apprise reaches, by its URLs: https://github.com/caronc/apprise/wiki"""

import re
import warnings
from typing import Any, Final

from logpipe.errors import SettingError
from logpipe_shippers.delivery.receiver import Unavailable
from logpipe_shippers.delivery.unlogged import unlogged
from logpipe_shippers.notify.message import Message
from logpipe_shippers.notify.settings import Settings

_KINDS: Final = {"critical": "failure", "warning": "warning", "info": "info"}
_MAX_REASON: Final = 300
_CALLS: Final = re.compile(r"@(?=everyone|here|channel|all\b|room)|<(?=[@!#&])", re.IGNORECASE)


class Service:
    """One URL."""

    def __init__(self, settings: Settings) -> None:
        """
        Raises:
            SettingError: Apprise is not installed, or knows no such URL.
        """
        apprise = _apprise()
        self._scheme = settings.url.text.partition(":")[0]
        self._secrets = sorted(
            {part for part in (settings.url.text, *re.split(r"[/@:?&=]+", settings.url.text)[1:]) if len(part) > 3},
            key=len,
            reverse=True,
        )
        self._service = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, secure_logging=True))
        with unlogged():
            known = self._service.add(settings.url.text)
        if not known:
            raise SettingError(
                f"the URL of the channel, of {self._scheme}://, is none that Apprise knows",
                remedy="see https://github.com/caronc/apprise/wiki",
                reason="url",
            )

    def send(self, message: Message) -> None:
        """Apprise says only that it failed, so whatever it was is tried again; why, where it logs that."""
        kind = "success" if message.said == "resolved" else _KINDS[message.severity]
        with unlogged() as said:
            taken = self._service.notify(
                body=_calm(message.text), title=_calm(message.title), notify_type=kind, body_format="text"
            )
        if not taken:
            raise Unavailable(f"Apprise could not reach {self._scheme}:// ({self._reason(said)})")

    def close(self) -> None:
        """It keeps no connection."""

    def _reason(self, said: list[str]) -> str:
        reason = " ".join(said).strip() or "it does not say why"
        for secret in self._secrets:
            reason = reason.replace(secret, "***")
        return reason[:_MAX_REASON]


def _calm(text: str) -> str:
    """So that no line of a log mentions anybody: chats take `@everyone`, `@channel` and `<@id>` for calls."""
    return _CALLS.sub("\\g<0>\u200b", text)


def _apprise() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of modules that it looks for
            import apprise

            apprise.Apprise.instantiate("json://localhost")  # loads its services
    except ImportError as error:
        raise SettingError(
            "the URL of the channel is one of Apprise, which is not installed",
            remedy="pip install 'logpipe[notify]'",
            reason="not_installed",
        ) from error
    return apprise
