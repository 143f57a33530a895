"""All dashboards: a module each."""

from typing import Final

from deploy.grafana.build.board import Board
from deploy.grafana.build.boards import api, business, cache, database, errors, pipeline, system

BOARDS: Final[tuple[Board, ...]] = (
    api.BOARD,
    business.BOARD,
    cache.BOARD,
    database.BOARD,
    errors.BOARD,
    pipeline.BOARD,
    system.BOARD,
)
