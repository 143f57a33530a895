"""The text of an exception is the interpreter's own, from the first time on and from memory."""

import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logpipe.emit.stacktrace import render

RAISING = Path(__file__).with_name("raising.py")
SOURCE = RAISING.read_text()

Info = tuple[type[BaseException], BaseException, TracebackType | None]


def caught(function: Callable[..., object], *args: object) -> Info:
    """What the function raises."""
    try:
        function(*args)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return type(error), error, error.__traceback__
    raise AssertionError("nothing was raised")


def stdlib(info: Info) -> str:
    """What `traceback` says."""
    return "".join(traceback.format_exception(*info)).rstrip("\n")


def anew(path: str = str(RAISING), source: str = SOURCE) -> dict[str, Any]:
    """The names of a module whose code nobody has seen yet."""
    names: dict[str, Any] = {"__name__": "raising", "__file__": path}
    exec(compile(source, path, "exec"), names)
    return names


WORDS = st.sampled_from(["", "words", "two\nlines", "ünïcode \udc80", "trailing\n\n"])
KIND = st.integers(0, 10)
PLANS = st.recursive(
    st.tuples(st.just("raise"), KIND, WORDS) | st.tuples(st.just("itself"), st.integers(0, 6)),
    lambda plans: (
        st.tuples(st.just("deep"), st.integers(0, 12), plans)
        | st.tuples(st.just("then"), st.sampled_from(["cause", "context", "suppressed"]), KIND, WORDS, plans)
        | st.tuples(st.just("note"), st.lists(WORDS, max_size=3), plans)
        | st.tuples(st.just("group"), st.lists(plans, min_size=1, max_size=3))
        | st.tuples(st.just("loop"), plans)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLANS)
def test_it_is_what_traceback_says(plan: Any) -> None:
    """Whatever was raised, with causes, contexts, notes, groups and recursions."""
    info = caught(anew()["perform"], plan)
    try:
        expected = stdlib(info)
    except Exception:  # noqa: BLE001 - Python 3.11 reads the notes of an exception without guard
        assert render(*info).startswith(f'Traceback (most recent call last):\n  File "{__file__}", line ')
        return
    assert render(*info) == expected
    assert render(*info) == expected


def test_a_frame_is_laid_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on `traceback` is not asked any more, not for causes and notes either."""
    info = caught(anew()["perform"], ("note", ["n"], ("then", "cause", 0, "w", ("deep", 9, ("raise", 1, "k")))))
    expected = render(*info)
    for name in ("extract_tb", "format_exception", "TracebackException"):
        monkeypatch.delattr(traceback, name)
    assert render(*info) == expected


def test_a_deep_recursion_is_folded() -> None:
    """As `traceback` does, to the last frame."""

    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise ValueError

    info = caught(fall, 500)
    assert "[Previous line repeated 497 more times]" in render(*info)
    assert render(*info) == stdlib(info)


def even(depth: int) -> None:
    """Calls the other one."""
    if depth == 0:
        raise ValueError("bottom")
    odd(depth - 1)


def odd(depth: int) -> None:
    """Calls the first one."""
    even(depth - 1)


def test_a_stack_of_many_frames_shows_both_ends() -> None:
    """It tells how many frames are between them; one of sixty is whole."""
    info = caught(even, 58)
    assert render(*info) == stdlib(info)
    info = caught(even, 800)
    lines, expected = render(*info).splitlines(), stdlib(info).splitlines()
    cut = next(number for number, line in enumerate(lines) if "left out" in line)
    assert lines[cut] == "  [742 frames left out]"
    assert lines[:cut] == expected[:cut]
    after = len(lines) - cut - 1
    assert lines[cut + 1 :] == expected[-after:]
    shown = [line for line in lines if line.startswith("  File")]
    assert len(shown) == 60


def test_repeated_frames_left_out_are_counted_each() -> None:
    """What was folded is many."""

    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        even(100)

    info = caught(lambda: odd_first(20, lambda: fall(300)))
    frames = sum(1 for _ in traceback.walk_tb(info[2]))
    assert f"[{frames - 60} frames left out]" in render(*info)


def odd_first(depth: int, function: Callable[[], None]) -> None:
    """Calls itself from two lines in turn."""
    if depth == 0:
        function()
    elif depth % 2:
        odd_first(depth - 1, function)
    else:
        odd_first(depth - 1, function)


def fail(number: int) -> None:
    """Of no use."""
    raise ValueError(f"try {number}")


def retry(times: int) -> None:
    """Each failure while the one before is handled."""
    error: BaseException | None = None
    for number in range(times):
        _, raised, _ = caught(fail, number)
        raised.__context__, error = error, raised
    assert error is not None
    raise error


def test_a_chain_of_many_exceptions_shows_both_ends() -> None:
    """The first ten and the last fifty; one of sixty is whole."""
    info = caught(retry, 60)
    assert render(*info) == stdlib(info)
    words = render(*caught(retry, 200))
    assert "[140 exceptions left out]" in words
    assert [number for number in range(200) if f"ValueError: try {number}\n" in f"{words}\n"] == [
        *range(10),
        *range(150, 200),
    ]


def test_the_same_code_in_two_files_is_two_frames(tmp_path: Path) -> None:
    """Python holds such codes for equal."""
    source = "def fail():\n    raise ValueError('same')\n"
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(source)
        info = caught(anew(str(tmp_path / name), source)["fail"])
        assert render(*info) == stdlib(info)
        assert name in render(*info)


def test_an_entry_with_a_line_of_its_own_keeps_it() -> None:
    """As template engines make them: a traceback whose line does not follow from the code."""
    kind, error, trace = caught(even, 2)
    assert trace is not None
    for line in (3, 4):
        made = TracebackType(None, trace.tb_frame, -1, line)
        assert render(kind, error, made) == stdlib((kind, error, made))
        assert f", line {line}, in" in render(kind, error, made)


def test_a_recursion_of_code_without_lines_is_not_folded() -> None:
    """As a tool may make it that writes code: `traceback` shows each frame."""
    names: dict[str, Any] = {}
    exec("def fall(depth):\n  if depth: fall(depth - 1)\n  raise ValueError", names)
    names["fall"].__code__ = names["fall"].__code__.replace(co_linetable=b"\xff" * 99)
    info = caught(names["fall"], 9)
    assert "line None" in render(*info)
    assert render(*info) == stdlib(info)


def test_where_traceback_fails_there_are_frames() -> None:
    """For instance where code was written by a tool that knows nothing of positions."""
    names: dict[str, Any] = {}
    exec("def fall(): raise ValueError", names)
    names["fall"].__code__ = names["fall"].__code__.replace(co_linetable=b"")
    info = caught(names["fall"])
    with pytest.raises(RuntimeError):
        stdlib(info)
    assert [line.split(", ")[-1] for line in render(*info).splitlines()[1:]] == ["in caught", "in fall"]


def test_a_source_that_changes_keeps_the_text_of_what_runs(tmp_path: Path) -> None:
    """`traceback` would show lines that were never run."""
    path = tmp_path / "deployed.py"
    path.write_text("def fail():\n    raise ValueError('old')\n")
    info = caught(anew(str(path), path.read_text())["fail"])
    before = render(*info)
    path.write_text("# a new release\n# of other lines\n# altogether\n")
    assert "of other lines" in stdlib(info)
    assert render(*info) == before


def test_a_source_that_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    """For instance for want of descriptors."""
    path = tmp_path / "late.py"
    path.touch()
    info = caught(anew(str(path), "def fail():\n    raise ValueError('late')\n")["fail"])
    assert "raise ValueError" not in render(*info)
    path.write_text("def fail():\n    raise ValueError('late')\n")
    assert "    raise ValueError('late')\n" in render(*info)


def test_the_limit_of_the_interpreter_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sys.tracebacklimit`, where an application sets it."""
    info = caught(even, 8)
    monkeypatch.setattr(sys, "tracebacklimit", 2, raising=False)
    assert render(*info) == stdlib(info)


def test_frames_that_nobody_uses_are_forgotten() -> None:
    """Code that is made anew all the time does not stay for ever."""
    code = compile("raise ValueError", "<made>", "exec")
    first = code.replace(co_firstlineno=9)
    render(*caught(exec, first))
    forgotten = weakref.ref(first)
    del first
    for line in range(10, 10_100):
        render(*caught(exec, code.replace(co_firstlineno=line)))
    assert forgotten() is None


def test_threads_render_together() -> None:
    """Each gets its own text, while frames are learned and forgotten."""
    wrong: list[str] = []

    def work() -> None:
        perform = anew()["perform"]
        for calls in range(60):
            info = caught(perform, ("deep", calls % 7, ("itself", calls % 7)))
            if render(*info) != stdlib(info):
                wrong.append(render(*info))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
