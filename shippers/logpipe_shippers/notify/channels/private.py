"""A receiver whose whole address is a secret, as that of a chat's webhook is: only its host is ever shown."""

from collections.abc import Mapping

import httpx

from logpipe.errors import SettingError
from logpipe_shippers.delivery.access import Access
from logpipe_shippers.delivery.receiver import Receiver
from logpipe_shippers.notify.settings import Settings


class PrivateReceiver(Receiver):
    """One webhook."""

    def __init__(
        self, url: str, settings: Settings, headers: Mapping[str, str] | None = None, secrets: tuple[str, ...] = ()
    ) -> None:
        """
        Raises:
            SettingError: the address is none of a server, or a certificate cannot be read.
        """
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            parsed = httpx.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise SettingError(
                "the URL of the channel is not the address of a server",
                remedy="give one as https://example.org/hook",
                reason="url",
            )
        super().__init__(Access(url, ca_file=settings.ca_file, timeout_s=settings.timeout_s), "", headers)
        path, query = parsed.path.strip("/"), parsed.query.decode()
        self.shown = f"{parsed.scheme}://{parsed.netloc.decode()}{'/***' if path or query else ''}"
        values = (value for _, value in parsed.params.multi_items())
        pieces = (url, parsed.raw_path.decode(), path, query, parsed.password, *values, *path.split("/"), *secrets)
        self._secrets = sorted({piece for piece in pieces if len(piece) > 3}, key=len, reverse=True)
