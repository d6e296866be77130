"""The small dataset of the notebooks: five people from the photos that ship."""

import runpy
from pathlib import Path

import pytest

PEOPLE = runpy.run_path(str(Path(__file__).parents[2] / "notebooks" / "people.py"))


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of each of five people."""
    return PEOPLE["build"](tmp_path_factory.mktemp("people"), dict.fromkeys(PEOPLE["FACES"], 3))
