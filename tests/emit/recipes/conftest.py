"""A folder for a recipe, and the end of its processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emit.recipes.recipe import Recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Recipe]:
    """An empty recipe; what it started is ended after the test."""
    recipe = Recipe(tmp_path)
    yield recipe
    recipe.kill()
