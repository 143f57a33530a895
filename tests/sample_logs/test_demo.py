"""`python sample_logs/demo.py`: what it deletes, and what not."""

from pathlib import Path

import pytest

from sample_logs import demo


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the folder of the last demonstration."""
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    file = tmp_path / "demo" / "truth.json"
    file.parent.mkdir()
    file.write_text("{}")
    return file


def test_help_is_help(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is run, nothing deleted."""
    with pytest.raises(SystemExit) as end:
        demo.main(["--help"])
    assert end.value.code == 0
    assert "folder" in capsys.readouterr().out
    assert kept.exists()


def test_a_folder_of_others_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is wrong usage, with the remedy."""
    file = tmp_path / "thesis.txt"
    file.write_text("words")
    for name in (tmp_path, file):
        with pytest.raises(SystemExit) as end:
            demo.main([str(name)])
        assert end.value.code == 2
        assert "name one that is empty or not there" in capsys.readouterr().err
    assert file.exists()


@pytest.mark.parametrize(("words", "name"), [([], "demo"), (["demo"], "demo"), (["other"], "other")])
def test_the_folder_is_demo_unless_another_is_named(
    kept: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], name: str
) -> None:
    """From where the command is called; an earlier demonstration gives way to the next."""
    monkeypatch.chdir(demo.ROOT)
    assert demo.asked_folder(words) == Path(name)
    assert kept.exists()
