"""What is installed is what is in the tree: the folders `models` and `cli` are mapped into the package `cloak`."""

import email
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import cloak

ROOT = Path(__file__).parents[1]
FOLDERS = {"cloak": ROOT / "cloak", "cloak/models": ROOT / "models", "cloak/cli": ROOT / "cli"}
IGNORED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "protected", "out")


def tree(pattern: str) -> set[str]:
    """Files below the three package folders, by the name that they have when installed."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in FOLDERS.items()
        for path in folder.rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """A wheel built from a copy of the tree, so that no old `build/` can leak into it."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", ignore=IGNORED)
    command = [sys.executable, "-P", "-m", "build", "--wheel", "--outdir", str(folder), str(folder / "tree")]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.Path(built)


def names(wheel: zipfile.Path) -> set[str]:
    return {name for name in wheel.root.namelist() if not name.endswith("/")}


def test_every_module_of_the_tree_is_in_the_wheel_and_no_other(wheel: zipfile.Path) -> None:
    assert {name for name in names(wheel) if name.endswith(".py")} == tree("*.py")


def test_the_wheel_has_the_data_that_the_code_reads(wheel: zipfile.Path) -> None:
    data = {name for name in names(wheel) if not name.endswith(".py") and ".dist-info/" not in name}
    assert {"cloak/py.typed", "cloak/models/weights.toml"} <= data
    assert data == {name for name in tree("*") if not name.endswith((".py", ".pyc"))}


def test_the_wheel_puts_nothing_but_cloak_into_site_packages(wheel: zipfile.Path) -> None:
    (info,) = {name.split("/")[0] for name in names(wheel) if ".dist-info/" in name}
    assert {name.split("/")[0] for name in names(wheel)} == {"cloak", info}


def test_the_wheel_has_licence_and_metadata(wheel: zipfile.Path) -> None:
    (info,) = (entry for entry in wheel.iterdir() if entry.name.endswith(".dist-info"))
    assert (info / "licenses" / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    fields = email.message_from_string((info / "METADATA").read_text("utf-8"))
    assert (fields["Name"], fields["License-Expression"]) == ("photo-cloak", "Apache-2.0")


def test_the_list_of_packages_is_the_tree() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    assert listed == sorted({name.rpartition("/")[0].replace("/", ".") for name in tree("*.py")})


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {name.rpartition("/")[0] for name in tree("*.py")}
    assert {f"{folder}/__init__.py" for folder in folders} <= tree("__init__.py")


@pytest.mark.parametrize("name", ["models", "cli"])
def test_generic_names_cannot_be_imported_from_an_install(name: str, tmp_path: Path) -> None:
    result = run(
        "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is not None)", name, tmp_path
    )
    assert result.returncode == 0, f"`import {name}` works: {result.stderr}"


def test_the_tests_import_the_install_and_not_the_tree(tmp_path: Path) -> None:
    result = run("import cloak.cli.main, cloak.models; print(cloak.__file__)", "", tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == cloak.__file__, "run `pytest`, not `python -m pytest`"


def test_the_command_is_installed_and_says_its_version(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("cloak.exe" if sys.platform == "win32" else "cloak")
    result = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert metadata.version("photo-cloak") in result.stdout


def run(code: str, argument: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code with this environment's Python in a folder that is not the checkout."""
    command = [sys.executable, "-c", code, argument]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
