"""The wheel: it holds whatever is in C, or what is installed would not run."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "logpipe", ROOT / "analysis" / "logpipe_analysis", ROOT / "shippers" / "logpipe_shippers")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """hatch_build.py, without the builder that loads it, and without compiling anything."""
    interface = ModuleType("interface")
    interface.BuildHookInterface = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_wheel_holds_all_that_is_compiled(hook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And everything that is compiled in the tree of the tests is compiled for it."""
    compiled: list[str] = []
    monkeypatch.setattr(hook, "compile_library", lambda _root, library, sources, *_: compiled.append(str(library)))
    build: dict[str, Any] = {"artifacts": []}
    hook.ScannerHook.initialize(SimpleNamespace(target_name="wheel", root=str(tmp_path)), "standard", build)
    assert sorted(build["artifacts"]) == sorted(compiled)
    in_the_tree = [str(found.relative_to(ROOT)) for package in PACKAGES for found in package.rglob("*.so")]
    assert sorted(build["artifacts"]) == sorted(in_the_tree)


def test_all_sources_in_c_are_known_to_the_build(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is forgotten would be missing in what is installed."""
    used: set[Path] = set()
    monkeypatch.setattr(hook, "compile_library", lambda _root, _library, sources, *_: used.update(sources))
    hook.EXTENSION = Path("not-there.so")
    hook.ScannerHook.initialize(SimpleNamespace(target_name="wheel", root=str(ROOT)), "standard", {"artifacts": []})
    assert used == {found for package in PACKAGES for found in package.rglob("*.c")}
