"""The targets of a configuration file: tables `[KIND.NAME]`, as `[loki.main]`, and routes to those that are people."""

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from logpipe.errors import SettingError
from logpipe_shippers import alertmanager, notify, otlp
from logpipe_shippers.delivery import configuration
from logpipe_shippers.delivery.shipper import Shipper
from logpipe_shippers.loki import shipper as loki
from logpipe_shippers.prometheus import objectives, pushgateway

Make = Callable[[str, Mapping[str, Any], str], Shipper[Any]]
"""Of the name of a target, its table and how errors call that."""

KINDS: Mapping[str, Make] = {
    "alertmanager": alertmanager.make,
    "loki": loki.target,
    "notify": notify.make,
    "otlp": otlp.make,
    "pushgateway": pushgateway.target,
}
"""What makes a target of each kind."""
_NO_TARGETS: Final = (notify.ROUTES, objectives.TABLE)


def load(path: str | Path) -> list[Shipper[Any]]:
    """The targets of a file.

    Raises:
        SettingError: the file cannot be read, names no target, or says what is no setting of one.
    """
    found = configuration.read(path)
    routing = notify.routing(found, path)
    kinds: Mapping[str, Make] = {**KINDS, "notify": partial(notify.make, routing=routing)}
    made = [
        _made(kinds[kind], name, table, f"{path}: [{kind}.{name}]")
        for kind, tables in found.items()
        if kind not in _NO_TARGETS
        for name, table in _named(kind, tables, path).items()
    ]
    if not made:
        raise SettingError(f"{path} names no target", remedy=f"there are {_known()}", reason="settings_empty")
    return made


def _made(make: Make, name: str, table: Mapping[str, Any], where: str) -> Shipper[Any]:
    with configuration.placed(where):
        return make(name, table, where)


def _named(kind: str, tables: Any, path: str | Path) -> Mapping[str, Mapping[str, Any]]:
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        meant = f"did you mean {near[0]}" if near else f"there are {_known()}"
        raise SettingError(f"{path} names {kind}, which is no kind of target", remedy=meant, reason="setting_unknown")
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingError(f"{path}: a target has a name", remedy=f"as [{kind}.main]", reason="setting_type")
    return tables


def _known() -> str:
    return ", ".join(f"[{kind}.NAME]" for kind in KINDS)
