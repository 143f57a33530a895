"""Code that raises as it is told; compiled anew for each example of test_stacktrace.py: no frame is known yet."""

from collections.abc import Callable
from typing import Any


class OddError(Exception):
    """Its module is no text."""

    __module__ = 3  # type: ignore[assignment]  # that is the point


class MuteError(Exception):
    """It cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Words(str):
    """A text that is shown as another."""

    def __str__(self) -> str:
        return "other words"

    def __format__(self, spec: str) -> str:
        return "words of a third kind"


class WordyError(Exception):
    """Its words are of a class of their own."""

    def __str__(self) -> str:
        return Words("own words")


class EmptyError(Exception):
    """It is false."""

    def __len__(self) -> int:
        return 0


class NotedError(Exception):
    """Its notes are no list of texts."""

    __notes__: list[Any] = ["class", 3, None]  # noqa: RUF012 - as careless code has it


class OddlyNotedError(Exception):
    """Its notes are of a class of their own."""

    __notes__ = [Words("own words")]  # noqa: RUF012 - as above


class GuardedError(Exception):
    """It has no attribute that can be read."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def an_attribute() -> None:
    """Which is nearly there."""
    [].apend  # type: ignore[attr-defined]  # noqa: B018


def a_name() -> None:
    """Which is nearly known."""
    an_atribute()  # type: ignore[name-defined]  # noqa: F821


def an_import() -> None:
    """Which is nearly there."""
    from os import pathh  # type: ignore[attr-defined]  # noqa: F401


def syntax() -> None:
    """In another source."""
    compile("a = (1,\nb c", "other.py", "exec")


def without_source() -> None:
    """Nobody can show its lines."""
    exec("def inner():\n    raise ValueError('inside')\ninner()")


def on_several_lines() -> None:
    """Where carets tell the part."""
    first, second = {"a": {"b": 0}}, 1
    max(
        first["a"]["b"] + second / first["a"]["b"],
        second,
    )


BY_ITSELF: list[Callable[[], object]] = [
    an_attribute,
    a_name,
    an_import,
    syntax,
    without_source,
    on_several_lines,
    lambda: dict[str, int]()["ключ"],
]
KINDS: list[type[BaseException]] = [
    ValueError,
    KeyError,
    OSError,
    KeyboardInterrupt,
    OddError,
    MuteError,
    WordyError,
    EmptyError,
    NotedError,
    OddlyNotedError,
    GuardedError,
]


def perform(plan: Any) -> object:
    """Raises what the plan says."""
    what, *rest = plan
    return STEPS[what](*rest)


def plainly(kind: int, words: str) -> None:
    """Raises an exception of a kind."""
    raise KINDS[kind](words)


def by_itself(which: int) -> None:
    """Raises by a mistake."""
    BY_ITSELF[which]()


def deep(calls: int, plan: Any) -> object:
    """A recursion, of two calls in one line."""
    return perform(plan) if calls == 0 else deep(calls - 1, plan) if calls % 5 else (0, deep(calls - 1, plan))


def then(how: str, kind: int, words: str, plan: Any) -> None:
    """Another exception upon the first."""
    try:
        perform(plan)
    except BaseException as error:
        if how == "cause":
            raise KINDS[kind](words) from error
        if how == "suppressed":
            raise KINDS[kind](words) from None
        raise KINDS[kind](words)  # noqa: B904 - its context is wanted


def note(words: list[str], plan: Any) -> None:
    """With notes."""
    try:
        perform(plan)
    except BaseException as error:
        for each in words:
            error.add_note(each)
        raise


def group(plans: list[Any]) -> None:
    """Of several."""
    errors = []
    for plan in plans:
        try:
            perform(plan)
        except BaseException as error:  # noqa: BLE001 - all are wanted
            errors.append(error)
    raise BaseExceptionGroup("several", errors)


def loop(plan: Any) -> None:
    """An exception that led to itself."""
    try:
        perform(plan)
    except BaseException as error:
        other = ValueError("round")
        other.__cause__ = error
        error.__context__ = other
        raise


STEPS: dict[str, Callable[..., object]] = {
    "raise": plainly,
    "itself": by_itself,
    "deep": deep,
    "then": then,
    "note": note,
    "group": group,
    "loop": loop,
}
