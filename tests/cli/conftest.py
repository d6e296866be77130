"""What tests of commands share: a user folder and a keyring of their own."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from cloak.models import cache

from ..keyrings import Memory  # noqa: TID252 -- tests are no package to import from


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user folder of this test's own, with the networks that are there already."""
    models = cache.folder()
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(models, target_is_directory=True)
    monkeypatch.setenv("CLOAK_HOME", str(home))
    return home


@pytest.fixture
def ring() -> Iterator[Memory]:
    """A keyring in memory, as good as a system's."""
    before = keyring.get_keyring()
    keyring.set_keyring(memory := Memory())
    yield memory
    keyring.set_keyring(before)
