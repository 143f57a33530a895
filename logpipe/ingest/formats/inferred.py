"""What of a time the line did not say, so that the record can: the attribute `time_inferred`.

A reading of a time is asked a second time for a file in another zone and for one of another year. What comes out
otherwise depends on what the line does not say.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from logpipe.ingest.formats.base import Context

ATTRIBUTE: Final = "time_inferred"
"""`zone`, `year` (and perhaps the zone too), `date` (and perhaps the zone too); of a record without any time of its
own, see the loader."""

_FAR, _FAR_FROM_IT = "Pacific/Kiritimati", "Pacific/Pago_Pago"
_EARLIER: Final = timedelta(days=3650 + 45)  # another year, and another day of the year


_SAYS_ALL: Final = r"\d{4}.*(?:[+-]\d\d:?\d\d|Z)$"
_SYSLOGS: Final = r"^[A-Z][a-z]{2} +\d\d? \d\d:\d\d:\d\d(?:\.\d+)?$"
"""The looks of the most frequent times; the dear way is for the others."""


def inferred_sql(reading: Callable[[Context], str], context: Context, text: str, value: str) -> str | None:
    """SQL of what was inferred, NULL where the line said all; None where no line of this reading leaves anything out.

    `reading` gives the SQL of the time in a context; `text` and `value` are SQL of what the line says and of the
    instant in this context.
    """
    here = reading(context)
    elsewhere = reading(replace(context, time_zone=_FAR if context.time_zone != _FAR else _FAR_FROM_IT))
    earlier = reading(replace(context, modified_at=context.modified_at - _EARLIER))
    ways = []
    if earlier != here:
        ways.append(f"WHEN regexp_matches({text}, '{_SYSLOGS}') THEN 'year'")
        shifted = f"abs(dayofyear({value}) - dayofyear({earlier})) BETWEEN 5 AND 360"
        ways.append(f"WHEN ({earlier}) IS DISTINCT FROM {value} THEN CASE WHEN {shifted} THEN 'date' ELSE 'year' END")
    if elsewhere != here:
        ways.append(f"WHEN ({elsewhere}) IS DISTINCT FROM {value} THEN 'zone'")
    says_all = f"{value} IS NULL OR regexp_matches({text}, '{_SAYS_ALL}')"
    return f"CASE WHEN {says_all} THEN NULL {' '.join(ways)} END" if ways else None
