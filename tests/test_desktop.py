"""What `packaging/` has for file managers and containers, as far as it can be tried without either."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
DESKTOP = PACKAGING / "desktop"
CONTAINERFILES = sorted(PACKAGING.glob("Containerfile.*"))
INSTRUCTIONS = {"ARG", "FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}
AWKWARD = ["two words.png", "a * star.png", "-q.png", "Straße.png"]


def click(script: str, folder: Path, *arguments: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a file manager does, in a folder that is not the photos', with a home in which nothing is."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        ["sh", DESKTOP / script, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def photos(tmp_path: Path, paint) -> list[Path]:
    """Photos without faces, so that none is cloaked, with names that shells trip over."""
    return [paint(tmp_path / "photos" / name) for name in AWKWARD]


def test_what_is_selected_in_nautilus_is_protected_beside_it(photos: list[Path], tmp_path: Path) -> None:
    selected = "".join(f"{path}\n" for path in photos)
    result = click("gnome/Protect", tmp_path, NAUTILUS_SCRIPT_SELECTED_FILE_PATHS=selected)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout == "0 photos protected, 4 stripped only (no face cloaked), 0 failed.\n"
    written = tmp_path / "photos" / "protected"
    assert {path.name for path in written.glob("*.png")} == set(AWKWARD)


@pytest.mark.slow
def test_a_photo_with_a_face_is_protected(tmp_path: Path) -> None:
    photo = tmp_path / "phone.jpg"
    shutil.copy(ROOT / "examples" / "phone.jpg", photo)
    result = click("gnome/Protect", tmp_path, NAUTILUS_SCRIPT_SELECTED_FILE_PATHS=f"{photo}\n")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("1 photo protected")
    assert (tmp_path / "protected" / "phone.jpg").exists()


def test_what_is_selected_in_dolphin_is_protected_beside_it(photos: list[Path], tmp_path: Path) -> None:
    result = click("gnome/Protect", tmp_path, *photos)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(list((tmp_path / "photos" / "protected").glob("*.png"))) == len(AWKWARD)


def test_a_photo_that_fails_is_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no photo")
    result = click("gnome/Protect", tmp_path, broken)
    assert result.returncode == 3
    assert result.stdout == f"Not everything is protected: see {tmp_path}/protected/cloak.log\n"
    assert "broken.jpg" in (tmp_path / "protected" / "cloak.log").read_text("utf-8")


def test_nothing_selected_is_said(tmp_path: Path) -> None:
    result = click("gnome/Protect", tmp_path)
    assert (result.returncode, result.stdout) == (2, "Nothing is selected.\n")


def test_the_quick_action_for_macos_protects_and_says_so(photos: list[Path], tmp_path: Path) -> None:
    """There is no Finder here: a script in place of `osascript` prints what it would notify."""
    teller = tmp_path / "bin" / "osascript"
    teller.parent.mkdir()
    teller.write_text('#!/bin/sh\nfor last; do :; done\nprintf "%s\\n" "$last"\n')
    teller.chmod(0o755)
    path = f"{teller.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = click("macos/protect.sh", tmp_path, *photos, PATH=path)
    assert result.stdout == "0 photos protected, 4 stripped only (no face cloaked), 0 failed.\n", result.stderr
    assert len(list((tmp_path / "photos" / "protected").glob("*.png"))) == len(AWKWARD)


def test_the_entry_for_dolphin_is_a_service_menu() -> None:
    entry = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    entry.optionxform = str  # type: ignore[method-assign, assignment]  # keys are case-sensitive
    entry.read(DESKTOP / "kde" / "cloak-protect.desktop", "utf-8")
    main = entry["Desktop Entry"]
    assert main["Type"] == "Service"
    assert all(re.fullmatch(r"[a-z]+/[a-z]+", kind) for kind in main["MimeType"].rstrip(";").split(";"))
    for action in main["Actions"].rstrip(";").split(";"):
        group = entry[f"Desktop Action {action}"]
        assert group["Name"]
        assert shlex.split(group["Exec"])[-1] == "%F", "all that is selected, in one run"
    installed = re.findall(r"~/\.local/bin/(\S+)", (ROOT / "docs" / "desktop.md").read_text("utf-8"))
    assert shlex.split(group["Exec"])[0] in installed


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="desktop-file-utils is not installed")
def test_the_entry_for_dolphin_is_a_desktop_file() -> None:
    """But for what KDE has beyond the standard: services with types and actions."""
    command = ["desktop-file-validate", "--no-hints", DESKTOP / "kde" / "cloak-protect.desktop"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    beyond = 'but the type is "Service" while this key is only valid for type "Application"'
    assert [line for line in result.stdout.splitlines() if beyond not in line] == []


def test_the_script_for_windows_has_its_line_ends() -> None:
    lines = (DESKTOP / "windows" / "Protect.cmd").read_bytes().split(b"\r\n")
    assert len(lines) > 5
    assert not any(b"\n" in line for line in lines)


def test_every_script_looks_where_pipx_and_uv_put_the_command() -> None:
    """As docs/desktop.md says; the one for Windows cannot be run here."""
    for script, place in {
        "gnome/Protect": "$HOME/.local/bin:",
        "macos/protect.sh": "$HOME/.local/bin:",
        "windows/Protect.cmd": r";%USERPROFILE%\.local\bin",
    }.items():
        before, found, after = (DESKTOP / script).read_text("utf-8").partition(place)
        assert found, script
        assert "PATH" in before.splitlines()[-1], script
        assert "cloak protect" in after, script


def test_the_page_shows_every_script() -> None:
    page = (ROOT / "docs" / "desktop.md").read_text("utf-8")
    shown = re.findall(r"^```\{literalinclude\} \.\./packaging/desktop/(\S+)$", page, re.MULTILINE)
    scripts = [path.relative_to(DESKTOP).as_posix() for path in DESKTOP.rglob("*") if path.is_file()]
    assert sorted(shown) == sorted(scripts)


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return the instructions of a container file and what they are told, lines joined."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]  # type: ignore[misc]


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_a_container_file_has_known_instructions_and_copies_what_there_is(path: Path) -> None:
    found = instructions(path)
    assert {name for name, _ in found} <= INSTRUCTIONS
    assert sum(name == "FROM" for name, _ in found) == 2
    for name, told in found:
        words = told.split()
        if name == "COPY" and not words[0].startswith("--from="):
            assert [word for word in words[:-1] if not (ROOT / word).exists()] == []
        if name == "RUN":
            assert subprocess.run(["sh", "-n", "-c", told], check=False).returncode == 0, told


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_a_container_does_not_run_as_root_and_asks_no_network(path: Path) -> None:
    last = {name: told for name, told in instructions(path)}  # noqa: C416 -- the last of each
    assert last["USER"] == "1000:1000"
    assert last["ENTRYPOINT"] == '["cloak"]'
    assert "CLOAK_OFFLINE=1" in last["ENV"]


def test_containers_copy_all_that_the_package_is_made_of() -> None:
    for path in CONTAINERFILES:
        copied = {word for name, told in instructions(path) if name == "COPY" for word in told.split()}
        assert {"cloak", "models", "cli", "pyproject.toml", "README.md", "LICENSE"} <= copied


@pytest.mark.slow
@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_pip_can_do_what_a_container_file_asks_of_it(path: Path, tmp_path: Path) -> None:
    """Resolved against what is installed here, so that PyTorch is not fetched again; built from a copy of the tree."""
    for name in ("cloak", "models", "cli", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    told = [told for name, told in instructions(path) if name == "RUN" and told.startswith("pip install")]
    assert len(told) == 2
    for line in told:
        pip = line.replace("pip install", f"{shlex.quote(sys.executable)} -m pip install --dry-run", 1)
        environment = {**os.environ, "EXTRAS": "people,upload,web", "TORCH_INDEX": ""}
        command = ["sh", "-euc", pip]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
