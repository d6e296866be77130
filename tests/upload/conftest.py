"""What tests of uploads share: one photo that was really protected."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

PHOTO = Path(__file__).parents[2] / "examples" / "phone.jpg"


@pytest.fixture(scope="session")
def protected_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("protected")
    command = Path(sysconfig.get_path("scripts")) / ("cloak.exe" if sys.platform == "win32" else "cloak")
    subprocess.run([command, "protect", PHOTO, "-o", out, "--strength", "subtle"], check=True, capture_output=True)
    made = out / PHOTO.name
    assert made.read_bytes() != PHOTO.read_bytes()
    return made
