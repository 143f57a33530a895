"""Waiting for memory that the queries of others hold."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from logpipe.errors import StoreError

_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)

P = ParamSpec("P")
T = TypeVar("T")


def waiting_for_memory(work: Callable[P, T]) -> Callable[P, T]:
    """Do again, for about a minute, what failed because the memory of the database was used up.

    The work must have changed nothing when it fails: one statement, or one transaction.
    """

    @wraps(work)
    def patient(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause_s in _PAUSES_S:
            try:
                return work(*args, **kwargs)
            except StoreError as error:
                if error.reason != "out_of_memory":
                    raise
                time.sleep(pause_s)
        return work(*args, **kwargs)

    return patient
