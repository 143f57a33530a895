"""What has to be done about a fork: hooks cannot be taken back, so they hold what they are for weakly."""

import os
import weakref
from collections.abc import Callable
from typing import Protocol


class Forked(Protocol):
    """What takes part in a fork."""

    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


def follow_forks(forked: Forked) -> None:
    """Calls its methods around each fork of this process, as long as it lives."""
    this = weakref.ref(forked)

    def before() -> None:
        if living := this():
            living.before_fork()

    def in_parent() -> None:
        if living := this():
            living.after_fork_in_parent()

    def in_child() -> None:
        if living := this():
            living.after_fork_in_child()

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def call_in_child(method: Callable[[], None]) -> None:
    """Calls a method of an object in each forked child, as long as the object lives."""
    this = weakref.WeakMethod(method)

    def in_child() -> None:
        if living := this():
            living()

    os.register_at_fork(after_in_child=in_child)
