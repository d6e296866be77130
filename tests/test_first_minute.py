"""The first minute of somebody new: what the README and the start page say, word for word, in a fresh environment.

What is not literal: between the first command and the second, a file is put into the new environment that lets it see
what is installed in the one that runs this test, so that pip finds PyTorch there and does not fetch 5.5 GB again. pip
still resolves all dependencies, builds this checkout and installs it. The networks come from the user's cache.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from platformdirs import user_cache_path

from cloak.manifest import OURS

from .blocks import ROOT, blocks, calls, readme_lines

pytestmark = pytest.mark.slow

START, *LATER = blocks("sh", marks=("first minute",))
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.suffix in {".jpg", ".png"})
IGNORED = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "protected", "out", "tests", "notebooks")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the first command was given."""
    folder = tmp_path_factory.mktemp("first") / "checkout"
    shutil.copytree(ROOT, folder, ignore=IGNORED)
    make, install, protect = START.code.strip().split(" && ")
    say(make, folder)
    (site,) = folder.glob(".venv/lib/python*/site-packages")
    (site / "what-is-there.pth").write_text(sysconfig.get_path("purelib") + "\n")
    say(install, folder)
    (folder / "said").write_text(say(protect, folder), "utf-8")
    return folder


@pytest.fixture(scope="module")
def home(checkout: Path) -> Path:
    """A home with a photo in `Pictures/holiday`, and with the networks that are there already."""
    folder = checkout.parent / "home"
    (folder / "Pictures" / "holiday").mkdir(parents=True)
    shutil.copy(ROOT / "examples" / "phone.jpg", folder / "Pictures" / "holiday")
    return folder


def say(line: str, folder: Path, *, code: int = 0, home: Path | None = None) -> str:
    """Give a command to a shell as a new user has it, and return what it prints.

    With a home, which is beside the checkout, `cloak` is on the PATH.
    """
    python = Path(sys.base_prefix) / "bin"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CLOAK_"))}
    path = f"{python}:{os.environ['PATH']}"
    if home is not None:
        path = f"{home.parent}/checkout/.venv/bin:{path}"
        cache = os.environ.get("XDG_CACHE_HOME") or str(user_cache_path())
        environment |= {"HOME": str(home), "XDG_CACHE_HOME": cache}
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, f"{line}\n{result.stdout}{result.stderr}"
    return result.stdout


def test_the_readme_and_the_start_page_say_the_same() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert START.code.strip() in readme.splitlines()


def test_what_runs_is_what_was_installed_from_the_checkout(checkout: Path) -> None:
    where = say(".venv/bin/python -P -c 'import cloak, torch; print(cloak.__file__); print(torch.__file__)'", checkout)
    ours, torch = map(Path, where.split())
    assert ours.is_relative_to(checkout / ".venv")
    assert not torch.is_relative_to(checkout)


def test_the_first_command_protects_every_example_and_nothing_else(checkout: Path) -> None:
    assert sorted(path.name for path in (checkout / "protected").iterdir() if path.name not in OURS) == EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_protected_example_is_a_changed_picture_that_looks_the_same(checkout: Path, name: str) -> None:
    before, after = (upright(checkout / folder / name) for folder in ("examples", "protected"))
    assert before.size == after.size
    difference = ImageChops.difference(before, after)
    assert max(high for _, high in difference.getextrema()) >= 8
    assert max(ImageStat.Stat(difference).rms) < 8


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_protected_example_says_nothing(checkout: Path, name: str) -> None:
    with Image.open(checkout / "protected" / name) as photo:
        assert not photo.getexif()
        assert not {"comment", "exif", "xmp", "photoshop", "icc_profile"} & set(photo.info)


def test_what_the_first_command_says_is_what_the_start_page_shows(checkout: Path) -> None:
    """But for the numbers, which differ from machine to machine, and where lines end."""
    (sample,) = [one for one in blocks("text") if one.page == START.page]
    shown = re.sub(r"\\?\d+", r"\\d+", re.escape(" ".join(sample.code.split())))
    said = " ".join((checkout / "said").read_text("utf-8").split())
    assert re.search(shown.replace("\\ ", " "), said), said


def test_a_second_time_nothing_is_left_to_do_and_it_says_what_the_page_shows(checkout: Path) -> None:
    again = say(START.code.strip().split(" && ")[-1], checkout)
    assert re.match(r"0 photos protected, 0 stripped only \(no face cloaked\), 3 already done, 0 failed\.", again)


def test_what_the_start_page_says_to_look_at_next_works(checkout: Path) -> None:
    (transcript,) = [one for one in blocks("console", marks=("run",)) if one.page == START.page]
    assert calls(transcript)
    for line in re.findall(r"^\$ (.*)$", transcript.code, re.MULTILINE):
        say(f"PATH=$PWD/.venv/bin:$PATH; {line}", checkout)


def test_what_the_start_page_says_to_do_then_works(checkout: Path, home: Path) -> None:
    """Photos of one's own, which get names that say nothing, and a report with pictures."""
    (block,) = LATER
    say(block.code, checkout, home=home)
    report = (checkout / "report.html").read_text("utf-8")
    assert "phone.jpg" in report
    assert report.count("src='data:image/") >= 2, "before and after"
    (written,) = (home / "Pictures" / "to-post").glob("*.jpg")
    assert written.stem != "phone"


def test_what_the_readme_says_next_works(home: Path) -> None:
    """On the photos that the start page protected, so that it is not done again; in a folder without its report."""
    protect, inspect, strip = readme_lines("first minute")
    assert "1 already done" in say(protect, home, home=home)
    assert "phone.jpg" in (home / "report.html").read_text("utf-8")
    assert "phone.jpg" in say(inspect, home, home=home, code=4)
    say(strip, home, home=home)
    with Image.open(home / "Pictures" / "bare" / "phone.jpg") as bare:
        assert set(bare.getexif()) <= {0x0112}, "nothing but the orientation"


def upright(path: Path) -> Image.Image:
    """Decode a photo and turn it as its orientation tag says."""
    with Image.open(path) as photo:
        turns = {6: Image.Transpose.ROTATE_270}
        turn = turns.get(photo.getexif().get(0x0112, 1))
        return (photo.transpose(turn) if turn is not None else photo).convert("RGB")
