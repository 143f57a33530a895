"""TLS: whose certificates are trusted, and whether what listens at an address speaks it at all."""

import socket
import ssl
from functools import cache
from typing import Final

from logpipe.errors import SettingError
from logpipe_shippers.delivery.access import Access

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls an answer in plain text, up to 3.1 and from 3.2 on."""
_ALERT: Final = "ALERT"
_LONGEST_S: Final = 5.0


def context(access: Access) -> ssl.SSLContext:
    """
    Raises:
        SettingError: a certificate cannot be read.
    """
    if access.ca_file is None and access.client_certificate is None:
        return _trusting_the_system()
    try:
        made = ssl.create_default_context(cafile=access.ca_file)
        if access.client_certificate:
            made.load_cert_chain(access.client_certificate, access.client_key)
    except (OSError, ssl.SSLError) as error:
        named = access.ca_file if access.client_certificate is None else access.client_certificate
        said = (error.strerror or str(error)).lower()
        raise SettingError(f"the certificate in {named} cannot be read: {said}", reason="certificate") from error
    return made


def is_answered_in_plain(error: BaseException) -> bool:
    """Whether a handshake, of which this is the error, failed because what listens there does not speak TLS."""
    return isinstance(error, ssl.SSLError) and error.reason in _NO_TLS


def is_spoken_at(host: str, port: int, timeout_s: float) -> bool:
    """Whether what listens there answers a handshake, be it that it wants to see a certificate of ours first."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE  # nothing is sent
    try:
        with (
            socket.create_connection((host, port), min(timeout_s, _LONGEST_S)) as connection,
            anybody.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except ssl.SSLError as error:
        return _ALERT in (error.reason or "")
    except (OSError, ValueError):
        return False


@cache
def _trusting_the_system() -> ssl.SSLContext:
    """Shared, since its some hundred certificates take longer to read than a request takes."""
    return ssl.create_default_context()
