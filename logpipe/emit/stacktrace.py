"""The text of an exception: `traceback.format_exception`'s own, for a fraction of its cost.

Nearly all of that cost is laying out frames: source line, carets. A frame's text depends on its code and on the
instruction that it stands at alone, so it is made once, by `traceback`, and kept.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from itertools import islice
from types import CodeType, TracebackType
from typing import Final

_Place = tuple[str, int, str]
"""File, line and function: what `traceback` compares to fold a recursion."""

_Frame = tuple[str, _Place, CodeType]
"""The code is kept with its text, so that no other code can come to have its id, by which the text is found."""

_Link = tuple[BaseException, TracebackType | None, str]
"""An exception of a chain, and the words between it and the one that it led to."""

_FIRST: Final = 10
_LAST: Final = 50
"""So many frames of a stack, and so many exceptions of a chain, are shown of either end where there are more."""

_MOST_FRAMES: Final = 10_000
_MOST_KEPT: Final = 4096
"""The longest text that is kept: source lines may be of any length."""

_SHOWN_OF_A_RECURSION: Final = 3
_HEADING: Final = "Traceback (most recent call last):\n"
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
_EXPLAINED: Final = (
    (SyntaxError, ImportError, NameError, AttributeError) if sys.version_info >= (3, 12) else SyntaxError
)
"""Whose last lines hold more than the exception's words: source, "did you mean"."""


class _Frames:
    """The texts of the frames used last.

    Two generations instead of a lock or an order: what is still in use moves from the older to the recent. A source
    that is changed while the process runs keeps its first text, which is the one that the process runs.
    """

    def __init__(self) -> None:
        self.recent: dict[tuple[int, int], _Frame] = {}
        self._older: dict[tuple[int, int], _Frame] = {}

    def find(self, key: tuple[int, int], trace: TracebackType) -> _Frame:
        """The frame of a traceback entry that is not among the recent."""
        frame = self._older.get(key)
        if frame is None:
            frame = _lay_out(trace)
            if not _is_lasting(frame, trace):
                return frame
        if len(self.recent) >= _MOST_FRAMES // 2:
            self._older, self.recent = self.recent, {}
        self.recent[key] = frame
        return frame


_FRAMES: Final = _Frames()


def render(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> str:
    """What `traceback.format_exception` says, without its last newline; where that raises, the frames alone.

    Only of a stack of more than sixty frames, or of as many exceptions in a chain, the middle is left out, and how many
    those were is said there. Groups are left to `traceback` as they are.
    """
    for words_of in (_chain, _by_traceback):
        try:
            words = words_of(kind, error, trace)
        except Exception:  # noqa: BLE001, S112 - it runs the code of the application's exceptions
            continue
        if words is not None:
            return words.rstrip("\n")
    return "\n".join(_plain_frames(trace))


def _by_traceback(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> str:
    return "".join(traceback.format_exception(kind, error, trace))


def _plain_frames(trace: TracebackType | None) -> Iterator[str]:
    yield _HEADING.rstrip()
    while isinstance(trace, TracebackType):
        code = trace.tb_frame.f_code
        yield f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}'
        trace = trace.tb_next


def _chain(_: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> str | None:
    """The exception after those that led to it; None if that is not for us."""
    if not isinstance(error, BaseException) or "tracebacklimit" in vars(sys):
        return None
    links: list[_Link] = [(error, trace, "")]
    seen = {id(error)}
    while not isinstance(error, BaseExceptionGroup):
        earlier, words = error.__cause__, _CAUSE
        if (earlier is None or id(earlier) in seen) and not error.__suppress_context__:
            earlier, words = error.__context__, _CONTEXT
        if earlier is None or id(earlier) in seen:
            return _join(links)
        if not error:  # Pythons differ in whether one that is false has a cause
            return None
        links.append((earlier, earlier.__traceback__, words))
        seen.add(id(earlier))
        error = earlier
    return None


def _join(links: list[_Link]) -> str:
    """The exceptions' texts, the earliest first; `links` has the latest first."""
    left_out = len(links) - _FIRST - _LAST
    if left_out > 0:
        del links[_LAST:-_FIRST]
    texts = [_stack(trace) + _last_lines(error, trace) + words for error, trace, words in links]
    if left_out > 0:
        texts.insert(_LAST, f"\n[{left_out} exceptions left out]\n\n")
    texts.reverse()
    return "".join(texts)


def _stack(trace: TracebackType | None) -> str:
    """The frames, outermost first, with their heading."""
    if trace is None:
        return ""
    pieces = _fold(_frames(trace))
    if len(pieces) > _FIRST + _LAST:
        left_out = sum(frames for _, frames in pieces[_FIRST:-_LAST])
        pieces[_FIRST:-_LAST] = [(f"  [{left_out} frames left out]\n", left_out)]
    return _HEADING + "".join([text or _repeated(frames) for text, frames in pieces])


def _frames(trace: TracebackType) -> list[_Frame]:
    recent = _FRAMES.recent
    frames = []
    entry: TracebackType | None = trace
    while entry is not None:
        key = (id(entry.tb_frame.f_code), entry.tb_lasti)
        frames.append(recent.get(key) or _FRAMES.find(key, entry))
        entry = entry.tb_next
    return frames


def _fold(frames: list[_Frame]) -> list[tuple[str, int]]:
    """The texts, each with the number of frames that it stands for; a text of repeated frames is left empty."""
    pieces = []
    last: _Place | None = None
    count = 0
    for text, place, _ in frames:
        count = count + 1 if place == last else 1
        last = place
        if count <= _SHOWN_OF_A_RECURSION:
            pieces.append((text, 1))
        elif count == _SHOWN_OF_A_RECURSION + 1:
            pieces.append(("", 1))
        else:
            pieces[-1] = ("", count - _SHOWN_OF_A_RECURSION)
    return pieces


def _repeated(frames: int) -> str:
    return f"  [Previous line repeated {frames} more time{'s' if frames > 1 else ''}]\n"


def _lay_out(trace: TracebackType) -> _Frame:
    """The first frame, by `traceback`."""
    frames = traceback.extract_tb(trace, limit=1)
    frame = frames[0]
    if frame.lineno is None:
        raise ValueError("a frame without a line is never folded")
    return "".join(frames.format()), (frame.filename, frame.lineno, frame.name), trace.tb_frame.f_code


def _is_lasting(frame: _Frame, trace: TracebackType) -> bool:
    """Whether the text is the same for each frame of this code at this instruction, now and later."""
    text, (path, _, _), code = frame
    if len(text) > _MOST_KEPT or not _has_line(code, trace.tb_lasti):
        return False
    return text.count("\n") > 1 or not os.path.exists(path)  # a source that cannot be read now may be later


def _has_line(code: CodeType, instruction: int) -> bool:
    """Whether the line follows from the code; else the traceback entry has one of its own."""
    if instruction < 0:
        return False
    positions = islice(code.co_positions(), instruction // 2, None)
    return next(positions, (None,))[0] is not None


def _last_lines(error: BaseException, trace: TracebackType | None) -> str:
    """The exception's class, words and notes."""
    kind = type(error)
    if not issubclass(kind, _EXPLAINED):
        words, module, notes = _said(error), kind.__module__, getattr(error, "__notes__", ())
        if type(words) is str and type(module) is str and (not notes or _is_plain(notes)):
            name = kind.__qualname__ if module in ("__main__", "builtins") else f"{module}.{kind.__qualname__}"
            return "\n".join((f"{name}: {words}" if words else name, *notes, ""))
    explained = traceback.TracebackException(kind, error, trace, limit=0, compact=True)
    return "".join(explained.format_exception_only())


def _said(error: BaseException) -> str | None:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the application's own __str__ may raise anything
        return None


def _is_plain(notes: object) -> bool:
    return type(notes) is list and all(type(note) is str for note in notes)
