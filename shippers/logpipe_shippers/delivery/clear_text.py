"""Secrets that stand in a configuration file itself, and who besides its owner may read that."""

import logging
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from logpipe_shippers.delivery.secrets import is_closed_off, is_mounted

SETTINGS: Final = ("bearer_token", "headers", "password", "secret", "url")
"""Those of targets that are secrets or, as an address, may hold one."""
_PEOPLE: Final = "notify"
_MAIL: Final = ("smtp", "smtps", "smtp+plain")
_OF_OTHERS: Final = 0o077

_log = logging.getLogger("logpipe.ship")


def warn_of(path: str | Path, status: os.stat_result, tables: Mapping[str, Any]) -> None:
    """Say once if others may read the secrets that the tables of a file hold.

    What belongs to another account is read by its group: that is how it was given to us.
    """
    wanted = 0o600 if status.st_uid == os.geteuid() else 0o640
    is_open = stat.S_ISREG(status.st_mode) and status.st_mode & _OF_OTHERS & ~wanted
    if is_open and has_secrets(tables) and not is_mounted(Path(path)) and not is_closed_off(Path(path)):
        name = shlex.quote(str(path))
        _warn(str(path), f"{'' if _is_ours(status) else f'chgrp {os.getegid()} {name} && '}chmod {wanted:o} {name}")


@cache  # one command may read a file for its targets, and for objectives
def _warn(path: str, remedy: str) -> None:
    _log.warning("%s holds secrets in clear text, and other accounts may read it; %s keeps them", path, remedy)


def _is_ours(status: os.stat_result) -> bool:
    """Whether we could read it if others could not: by its owner, or by its group."""
    return os.geteuid() in (0, status.st_uid) or status.st_gid in (os.getegid(), *os.getgroups())


def has_secrets(tables: Mapping[str, Any]) -> bool:
    """Whether a target has a secret in its table, and not by the name of a file or a variable."""
    return any(_is_secret(kind, name, value) for kind, name, value in _settings(tables))


def _settings(tables: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for kind, named in tables.items():
        for table in named.values() if isinstance(named, dict) else ():
            for name, value in table.items() if isinstance(table, dict) else ():
                yield kind, name, value


def _is_secret(kind: str, name: str, value: Any) -> bool:
    if name not in SETTINGS or not value:
        return False
    return name != "url" or (isinstance(value, str) and _holds_one(value, of_people=kind == _PEOPLE))


def _holds_one(url: str, *, of_people: bool) -> bool:
    """A password, or a key: in the query; in the path of a webhook; anywhere in the URL of a service."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.password or not of_people or parts.scheme in _MAIL:
        return bool(parts.password or (parts.query and not of_people))
    return parts.scheme not in ("http", "https") or bool(parts.path.strip("/") or parts.query)
