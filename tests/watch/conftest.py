"""A folder to watch, one to write to, and a photo."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def photo(paint: Callable[..., Path], tmp_path: Path) -> Path:
    """A photo with something to strip."""
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    return paint(tmp_path / "photo.jpg", width=320, height=240, exif=exif)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for the ledger that is not the user's."""
    monkeypatch.setenv("CLOAK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
