"""Amounts of data as people type and read them: KB, MB and GB are powers of 1,000; KiB, MiB and GiB of 1,024."""

import re
from decimal import Decimal
from typing import Final

from logpipe.errors import QueryError

_UNITS: Final = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}
_BY_SPELLING: Final = {unit.lower(): size for unit, size in _UNITS.items()}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII | re.IGNORECASE)


def parse_size(text: str) -> int:
    """The bytes that `text` names, as in `20GB`, `1.5 GiB` or `500kb`; the unit is not left out.

    Raises:
        QueryError: it is no size, has no unit or an unknown one, or is less than a byte.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise _mistake(f"{text!r} is not a size")
    number, unit = found.groups()
    if not unit:
        raise _mistake(f"{text!r} has no unit")
    if unit.lower() not in _BY_SPELLING:
        raise _mistake(f"{unit!r} is none of the units {', '.join(_UNITS)}")
    size = int(Decimal(number) * _BY_SPELLING[unit.lower()])
    if not size:
        raise _mistake(f"{text!r} would leave nothing")
    return size


def shown_size(size: int) -> str:
    """Bytes as a person reads them: `999 bytes`, `1.5 KB`, `25.7 MB`; nothing is above MB, so that sizes compare."""
    if size < 1000:
        return f"{size:,} byte{'' if size == 1 else 's'}"
    return f"{size / 1e3:,.1f} KB" if size < 100_000 else f"{size / 1e6:,.1f} MB"


def _mistake(what: str) -> QueryError:
    return QueryError(what, remedy="give a size as 500MB or 20GB", reason="bad_size")
