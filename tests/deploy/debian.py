"""Programs from Debian's packages: missing ones fail the tests where CI=true, and skip them elsewhere."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_S = 600
"""Of one program: what hangs is ended; where many run at once they take ten times as long as alone."""


def program(name: str, package: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if found is None:
        message = f"{name} is missing: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def run(name: str, package: str, *arguments: str | Path) -> str:
    """What a program says on standard output, which it must end with success."""
    command = [program(name, package), *map(str, arguments)]
    seldom = {**os.environ, "GOGC": "400"}  # to look for garbage, which else takes promtool a quarter of its time
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, cwd=ROOT, env=seldom)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
