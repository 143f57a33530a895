"""How a receiver is spoken to: its address, its credentials, and what of these may never be shown."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx

from logpipe.errors import SettingError
from logpipe_shippers.delivery.secrets import Secret

_TIMEOUT_S: Final = 30.0
_MOST_TIMEOUT_S: Final = 3_600.0
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HEADER: Final = re.compile(r"[!-~]+(?:[ \t]+[!-~]+)*", re.ASCII)
"""What may be sent as the value of a header (RFC 9110, section 5.5), without what is obsolete."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a receiver is spoken to."""

    url: str
    user: str | None = None
    password: Secret | None = None
    bearer_token: Secret | None = None
    ca_file: str | None = None
    """Certificates to trust in place of the system's."""
    client_certificate: str | None = None
    client_key: str | None = None
    timeout_s: float = _TIMEOUT_S
    """For the connection, and for each stretch of silence."""
    headers: Mapping[str, Secret] = field(default_factory=dict)
    """More of them, as the keys that hosted services ask for."""

    def __post_init__(self) -> None:
        check_timeout(self.timeout_s)
        if self.password is not None and self.user is None:
            raise SettingError("there is a password without a user", remedy="name the user", reason="secret")
        if self.user is not None and self.password is None:
            raise SettingError(
                f"there is a user, {self.user}, without a password", remedy="give it as password_file", reason="secret"
            )


def check_timeout(seconds: float) -> None:
    """
    Raises:
        SettingError: nobody can wait so long, or so short.
    """
    if not 0 < seconds <= _MOST_TIMEOUT_S:
        raise SettingError(
            f"timeout_s is {seconds:g}, not above 0 and up to {_MOST_TIMEOUT_S:g}", reason="setting_value"
        )


def secret_texts(access: Access, url: httpx.URL) -> list[str]:
    """Texts that are not to be shown, also as they are sent; the longest first, since one may hold another."""
    given = (access.password, access.bearer_token, *access.headers.values())
    texts = {secret.text for secret in given if secret is not None} | {url.password, url.query.decode()}
    pairs = [(access.user or "", access.password.text if access.password else ""), (url.username, url.password)]
    texts |= {b64encode(f"{user}:{password}".encode()).decode() for user, password in pairs if password}
    return sorted(texts - {""}, key=len, reverse=True)


def checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    """These headers, each of which can be sent.

    Raises:
        SettingError: one cannot be sent.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER.fullmatch(value):
            raise SettingError(
                f"the header {name!r} has a name or a value that no header may have",
                remedy="look for line breaks and for letters that are not ASCII",
                reason="header",
            )
    return headers


def authorization(access: Access) -> dict[str, str]:
    """The header of a bearer token, where there is one.

    Raises:
        SettingError: there is a password, too.
    """
    if access.bearer_token is None:
        return {}
    if access.password is not None:
        raise SettingError("there is a password and a bearer token", remedy="give one of them", reason="secret")
    return {"Authorization": f"Bearer {access.bearer_token.text}"}
