"""The files that Grafana reads: deploy/grafana/dashboards/UID.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.grafana.build.board import Board

FOLDER: Final = Path(__file__).parents[1] / "dashboards"


def write(boards: Sequence[Board], folder: Path = FOLDER) -> None:
    """Write each board, and remove the files of those that are no more."""
    files = {folder / f"{board.uid}.json": board.json() for board in boards}
    for path in set(folder.glob("*.json")) - set(files):
        path.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
