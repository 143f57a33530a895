"""Compiles the scanners when the package is built, also in place for an editable install.

With the system's C compiler, or, where there is none, with Zig's, which comes as a wheel.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("logpipe/ingest/scanning")
SOURCES = ("scan.c", "json.c", "access.c", "groups.c")
LIBRARY = FOLDER / "_scanner.so"
FLAGS = ("-std=c11", "-O3", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
ZIG = "ziglang==0.15.2"


class ScannerHook(BuildHookInterface):  # type: ignore[type-arg]
    """See https://hatch.pypa.io/latest/plugins/build-hook/reference/."""

    def dependencies(self) -> list[str]:
        """What building needs besides Hatchling."""
        return [] if shutil.which("cc") else [ZIG]

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say that the wheel is for this platform, but for any Python."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        compiler = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
        sources = [root / FOLDER / source for source in SOURCES]
        subprocess.run([*compiler, *FLAGS, "-o", root / LIBRARY, *sources, "-lm"], check=True)  # noqa: S603 - our own command
        build_data["artifacts"].append(str(LIBRARY))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
