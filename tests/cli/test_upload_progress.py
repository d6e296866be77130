"""Bars and results share one terminal: each line of a result is a line of its own, whole, and no bar is left over."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cloak.models import cache

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")
if os.name == "posix":
    from .screen import Screen, watched

CLOAK = [sys.executable, "-m", "cloak.cli.main"]
BAR = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    models, home = cache.folder(), tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(models, target_is_directory=True)
    return home


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos, of which each takes more than one piece to send."""
    folder = tmp_path / "in"
    folder.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 255, (300, 300, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    return folder


def clean(screen: Screen) -> list[str]:
    """Return the lines of a screen, on which no line ever held a bar and a result."""
    for picture in screen.pictures:
        assert not [line for line in picture if BAR in line and ("uploaded" in line or "protected" in line)]
    assert not [line for line in screen.lines if BAR in line], "the bar is left over"
    return [line.rstrip() for line in screen.lines]


def test_results_of_uploads_stand_above_the_bar_and_whole(photos, home, tmp_path):
    deep = tmp_path / "there" / ("long" * 40)  # an address that is wider than many a terminal is not wrapped
    code, screen = watched([*CLOAK, "upload", str(photos), "--to", str(deep), "--strip-only"], home)
    lines = clean(screen)
    assert code == 0, lines
    told = [line for line in lines if line.startswith("uploaded: ")]
    assert len(told) == 3
    assert not [line for line in told if ": nothing to strip; only you can see it; delete: cloak uploads" not in line]
    links = {line.removeprefix("  link: ") for line in lines if line.startswith("  link: ")}
    assert links == {str(path) for path in deep.iterdir()}
    assert [line for line in lines if line][-4].startswith("3 photos uploaded")
    assert any(BAR in line and "3/3" in line for picture in screen.pictures for line in picture)


def test_the_file_on_its_way_has_a_bar_of_bytes_below_the_one_of_all(photos, home, tmp_path):
    _, screen = watched([*CLOAK, "upload", str(photos), "--to", str(tmp_path / "there"), "--strip-only"], home)
    both = [picture for picture in screen.pictures if any(line.startswith("0.png ") for line in picture)]
    assert both
    rows = [line for line in both[0] if BAR in line]
    assert rows[0].startswith("Uploading ")
    assert " of 270." in rows[1]
    assert "kB" in rows[1]


def test_a_narrow_terminal_keeps_lines_in_one_piece(photos, home, tmp_path):
    code, screen = watched([*CLOAK, "strip", str(photos), "-o", str(tmp_path / "out")], home, width=60)
    lines = clean(screen)
    assert code == 0, lines
    assert sum(line.startswith("stripped: ") and line.endswith("found nothing to remove") for line in lines) == 3


def test_lines_of_protect_stand_above_its_bar(home, tmp_path, examples):
    (tmp_path / "one").mkdir()
    shutil.copy(examples / "phone.jpg", tmp_path / "one")
    command = [*CLOAK, "protect", str(tmp_path / "one"), "-o", str(tmp_path / "out"), "-v", "--faces", "none"]
    code, screen = watched(command, home)
    lines = clean(screen)
    assert code == 0, lines
    (line,) = (line for line in lines if "phone.jpg -> " in line)
    assert line.startswith("stripped: ")
