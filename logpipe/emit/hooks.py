"""Hooks of the interpreter, such as `sys.excepthook`: to hear what they hear."""

from collections.abc import Callable
from typing import Any


def stand_before(owner: Any, name: str, log: Callable[..., None]) -> Callable[[], None]:
    """Calls `log` with what the hook is called with, then the hook that was there before; gives the way back.

    What `log` raises goes nowhere: the hook before tells what there is to tell.
    """
    previous = getattr(owner, name)
    standing = True

    def hook(*args: Any, **named: Any) -> None:
        if standing:
            try:  # noqa: SIM105 - at the end of the process even the names of modules may be gone
                log(*args, **named)
            except Exception:  # noqa: BLE001, S110 - as above
                pass
        previous(*args, **named)

    def restore() -> None:
        nonlocal standing
        standing = False  # it may have to stay: another hook stands before it, and calls it
        if getattr(owner, name) is hook:
            setattr(owner, name, previous)

    setattr(owner, name, hook)
    return restore
