"""The documents say what the program does."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("sample_logs/*.md")])


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """What writes the generated parts of the documents."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_up_to_date(monkeypatch: pytest.MonkeyPatch, generate: ModuleType) -> None:
    """Else run `make docs`."""
    monkeypatch.delenv("LOGPIPE_DB", raising=False)
    assert (ROOT / "docs" / "cli.md").read_text() == generate.commands_page()


def test_the_table_of_settings_is_up_to_date(generate: ModuleType) -> None:
    """Each setting with its variables, values, default and meaning; else run `make docs`."""
    page = (ROOT / "docs" / "emit.md").read_text()
    assert "| `service` | `LOGPIPE_SERVICE` |" in page
    assert page == generate.with_settings(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link names a file that is there."""
    for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_dependency_has_its_line() -> None:
    """Each package of pyproject.toml stands in docs/dependencies.md with its reason."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    wanted = [
        *project["project"]["dependencies"],
        *(entry for extra in project["project"]["optional-dependencies"].values() for entry in extra),
        *(entry for group in groups for entry in group if isinstance(entry, str)),
    ]
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for requirement in wanted:
        name = re.split(r"[<>=!\[ ]", requirement)[0]
        assert name in text, f"{name} has no line in docs/dependencies.md"


def test_every_reason_of_a_reject_is_documented() -> None:
    """A user who sees a reason finds what it means."""
    text = (ROOT / "docs" / "ingest.md").read_text()
    for reason in ("malformed_json", "not_an_object", "line_too_long", "continues_taken_line"):
        assert f"`{reason}`" in text
