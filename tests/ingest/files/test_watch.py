"""Watching folders: what of one cannot be watched takes nothing from the others."""

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver

from logpipe.ingest.files.watch import Watch


def test_a_folder_that_vanishes_while_it_is_to_be_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is watched when it is there again, and so are the others."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    schedule = BaseObserver.schedule

    def vanishing(observer: BaseObserver, handler: Any, path: str, **options: Any) -> object:
        if path == str(one):
            shutil.rmtree(one, ignore_errors=True)
        return schedule(observer, handler, path, **options)

    changed = threading.Event()
    told: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(BaseObserver, "schedule", vanishing)
        watch = Watch([str(one), str(other)], changed, told.append, wanted=True)
        watch.__enter__()
    try:
        for folder in (other, one):
            folder.mkdir(exist_ok=True)
            watch.renew()
            changed.clear()
            (folder / "a.log").write_text("x\n")
            assert changed.wait(60), folder
    finally:
        watch.__exit__()
    assert not told
