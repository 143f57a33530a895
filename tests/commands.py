"""`logpipe` commands in this process: starting another one takes longer than most of them do."""

import io
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

import pytest
import typer.main

from logpipe.cli.main import main

_made_once = cache(typer.main.get_command)
"""The commands, which Typer would make of their functions for each one that is called."""


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and both streams."""

    returncode: int
    stdout: str
    stderr: str


def call(*arguments: str, stdin: str = "", folder: Path = Path(), terminal: TextIO | None = None) -> Done:
    """`logpipe ARGUMENTS` in a folder; an error that it does not tell as it should is raised.

    With a `terminal`, standard output is that.
    """
    out, err = _stream(), _stream()
    code: object = 0
    with pytest.MonkeyPatch.context() as patch, chdir(folder), redirect_stdout(terminal or out), redirect_stderr(err):
        patch.setattr(typer.main, "get_command", _made_once)
        patch.setattr(sys, "argv", ["logpipe", *arguments])
        patch.setattr(sys, "stdin", _stream(stdin.encode()))
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int)
    return Done(code, _text(out), _text(err))


def _stream(data: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
