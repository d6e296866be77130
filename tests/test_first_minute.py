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
from PIL import Image

from .blocks import ROOT, blocks, calls

pytestmark = pytest.mark.slow

(START,) = blocks("sh", marks=("first minute",))
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
    say(protect, folder)
    return folder


def say(line: str, folder: Path) -> str:
    """Give a command to a shell as a new user has it, and return what it prints."""
    python = Path(sys.base_prefix) / "bin"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CLOAK_"))}
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={**environment, "PATH": f"{python}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    return result.stdout


def test_the_readme_and_the_start_page_say_the_same() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert START.code.strip() in readme.splitlines()


def test_what_runs_is_what_was_installed_from_the_checkout(checkout: Path) -> None:
    where = say(".venv/bin/python -P -c 'import cloak, torch; print(cloak.__file__); print(torch.__file__)'", checkout)
    ours, torch = map(Path, where.split())
    assert ours.is_relative_to(checkout / ".venv")
    assert not torch.is_relative_to(checkout)


def test_the_first_command_protects_the_examples(checkout: Path) -> None:
    for original in (checkout / "examples").glob("*.[jp][pn]g"):
        with Image.open(checkout / "protected" / original.name) as written:
            assert not written.getexif()


def test_a_second_time_nothing_is_left_to_do_and_it_says_what_the_page_shows(checkout: Path) -> None:
    again = say(START.code.strip().split(" && ")[-1], checkout)
    assert re.match(r"0 photos protected, 0 stripped only \(no face cloaked\), 3 already done, 0 failed\.", again)


def test_what_the_start_page_says_to_look_at_next_works(checkout: Path) -> None:
    (transcript,) = [one for one in blocks("console", marks=("run",)) if one.page == START.page]
    assert calls(transcript)
    for line in re.findall(r"^\$ (.*)$", transcript.code, re.MULTILINE):
        say(f"PATH=$PWD/.venv/bin:$PATH; {line}", checkout)
