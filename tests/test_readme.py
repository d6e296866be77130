"""What the README and its companions say is true of this tree."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import ExifTags, Image, ImageChops, ImageStat

from cloak.cli.main import cloak as command
from cloak.manifest import OURS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = [line for block in BLOCKS for line in block.splitlines()]
SETUPS = [line for line in LINES if line.startswith("python3 -m venv ")]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")]


def calls() -> list[list[str]]:
    """Every use of the command that the README shows, as arguments."""
    parts = [part for line in LINES for part in line.split(" && ")]
    return [shlex.split(part, comments=True)[1:] for part in parts if re.match(r"(\.venv/bin/)?cloak ", part)]


def test_it_fits_on_two_screens() -> None:
    assert len(README.splitlines()) <= 100


def test_two_commands_set_everything_up() -> None:
    protects, tests = SETUPS
    assert protects.endswith(".venv/bin/cloak protect examples -o protected")
    assert tests.endswith(".venv/bin/pytest")


def test_the_checks_run_the_test_command_as_printed() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    (pattern,) = re.findall(r"grep -E '([^']+)' README\.md", script)
    assert re.findall(pattern, README, re.MULTILINE) == [SETUPS[1]]


@pytest.mark.parametrize("arguments", calls(), ids=" ".join)
def test_every_command_shown_is_one_that_exists(arguments: list[str]) -> None:
    inner: click.Command | None = command
    while isinstance(inner, click.Group):
        name, *arguments = arguments
        inner = inner.get_command(click.Context(inner), name)
    assert inner is not None
    inner.make_context(name, list(arguments)).close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first command makes of the examples, in a checkout of which there is nothing but them."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "examples", checkout / "examples")
    arguments = shlex.split(SETUPS[0].split(" && ")[-1])
    installed = Path(sys.executable).with_name(Path(arguments[0]).name)
    result = subprocess.run([installed, *arguments[1:]], cwd=checkout, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return checkout / "protected"


EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.suffix in {".jpg", ".png"})


@pytest.mark.slow
def test_the_first_command_protects_every_example_and_nothing_else(protected: Path) -> None:
    assert sorted(path.name for path in protected.iterdir() if path.name not in OURS) == EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_protected_example_is_a_changed_picture_that_looks_the_same(protected: Path, name: str) -> None:
    before, after = (upright(folder / name) for folder in (ROOT / "examples", protected))
    assert before.size == after.size
    difference = ImageChops.difference(before, after)
    assert max(high for _, high in difference.getextrema()) >= 8
    assert max(ImageStat.Stat(difference).rms) < 8


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_protected_example_says_nothing(protected: Path, name: str) -> None:
    with Image.open(protected / name) as photo:
        assert not photo.getexif()
        assert not {"comment", "exif", "xmp", "photoshop", "icc_profile"} & set(photo.info)


def test_the_phone_example_is_as_a_phone_writes_it() -> None:
    with Image.open(ROOT / "examples" / "phone.jpg") as photo:
        exif = photo.getexif()
        assert exif[0x0112] == 6, "orientation"
        assert exif.get_ifd(0x8825)[2], "GPS latitude"
        assert exif.get_ifd(0x8769)[0x927C], "maker note"
        assert exif.get_ifd(ExifTags.IFD.IFD1)[0x0202], "thumbnail"


def test_the_examples_are_credited_and_small() -> None:
    credits_ = (ROOT / "examples" / "CREDITS.md").read_text("utf-8")
    assert [name for name in EXAMPLES if f"`{name}`" not in credits_] == []
    assert sum(path.stat().st_size for path in (ROOT / "examples").iterdir() if path.is_file()) < 3_000_000


def upright(path: Path) -> Image.Image:
    """Decode a photo and turn it as its orientation tag says."""
    with Image.open(path) as photo:
        turns = {6: Image.Transpose.ROTATE_270}
        turn = turns.get(photo.getexif().get(0x0112, 1))
        return (photo.transpose(turn) if turn is not None else photo).convert("RGB")
