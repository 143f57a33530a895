"""Compiles what is in C when the package is built, in place: ingest's library, Loki's encoder, the emitter's extension.

With the system's C compiler, or, where there is none, with Zig's, which comes as a wheel. The extension needs Python's
headers; where there are none it is left out, and the emitter does in Python what it can, see docs/emit.md.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("logpipe/ingest/scanning")
SOURCES = ("scan.c", "json.c", "access.c", "slow.c", "mask.c", "groups.c")
LIBRARY = FOLDER / "_scanner.so"
FLAGS = ("-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
LOKI = Path("shippers/logpipe_shippers/loki")
ENCODER = LOKI / "_encoder.so"
EMIT = Path("logpipe/emit")
EXTENSION = EMIT / "_native.so"
ZIG = "ziglang==0.15.2"


class ScannerHook(BuildHookInterface):  # type: ignore[type-arg]
    """See https://hatch.pypa.io/latest/plugins/build-hook/reference/."""

    def dependencies(self) -> list[str]:
        """What building needs besides Hatchling."""
        return [] if shutil.which("cc") else [ZIG]

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say for what the wheel is: this platform, and this Python if the extension is in it."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        compile_library(root, LIBRARY, [root / FOLDER / source for source in SOURCES], "-std=c11", "-O3")
        compile_library(root, ENCODER, [root / LOKI / "encode.c"], "-std=c11", "-O3")
        build_data["artifacts"] += [str(LIBRARY), str(ENCODER)]
        python, abi = "py3", "none"
        headers = Path(sysconfig.get_paths()["include"])
        (root / EXTENSION).unlink(missing_ok=True)
        if (headers / "Python.h").exists():
            sources = sorted((root / EMIT / "native").glob("*.c"))
            flags = ("-std=gnu11", "-O2", "-pthread", "-fvisibility=hidden", f"-I{headers}")
            compile_library(root, EXTENSION, sources, *flags)
            build_data["artifacts"].append(str(EXTENSION))
            python = abi = f"cp{sys.version_info.major}{sys.version_info.minor}"
        build_data["pure_python"] = False
        build_data["tag"] = f"{python}-{abi}-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def compile_library(root: Path, library: Path, sources: list[Path], *flags: str) -> None:
    """Make a shared library of C sources."""
    compiler = ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]
    subprocess.run([*compiler, *FLAGS, *flags, "-o", root / library, *sources, "-lm"], check=True)  # noqa: S603 - our own command
