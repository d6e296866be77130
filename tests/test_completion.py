"""Completion and manual pages, as a shell and `man` use them."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cloak.cli.main import COMMANDS, cloak
from cloak.upload.destinations import kinds

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent

PROBE = """
import os, sys
from cloak.cli.main import main
sys.argv = ["cloak"]
try:
    main()
except SystemExit:
    pass
print("loaded:", *sorted({"torch", "torchvision", "PIL", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


def press_tab(line: str, folder: Path) -> list[str]:
    """Return what bash offers after `line`, through the script that the documentation has people install."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    script = '. <(_CLOAK_COMPLETE=bash_source cloak); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
    script += 'compopt() { :; }; _cloak_completion cloak; printf "%s\\n" "${COMPREPLY[@]}"'
    result = subprocess.run(
        ["bash", "-c", script, "bash", *line.split(" ")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return result.stdout.split()


def test_bash_completes_every_command(tmp_path: Path) -> None:
    assert press_tab("cloak ", tmp_path) == sorted(COMMANDS)
    assert press_tab("cloak up", tmp_path) == ["upload", "uploads"]


def test_bash_completes_commands_of_commands(tmp_path: Path) -> None:
    assert press_tab("cloak uploads pu", tmp_path) == ["purge"]


@pytest.mark.parametrize("name", COMMANDS)
def test_bash_completes_every_long_option(name: str, tmp_path: Path) -> None:
    command = cloak.get_command(click.Context(cloak), name)
    assert command is not None
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    long = {spelling for one in options for spelling in [*one.opts, *one.secondary_opts] if spelling.startswith("--")}
    assert long <= set(press_tab(f"cloak {name} --", tmp_path))


def test_bash_completes_what_sets_up_a_destination(tmp_path: Path) -> None:
    options = press_tab("cloak upload setup --", tmp_path)
    assert {"--kind", "--no-check", "--yes"} <= set(options)
    assert "--expires" not in options, "those of `cloak upload`"
    assert press_tab("cloak upload setup nas --kind ", tmp_path) == list(kinds())
    assert press_tab("cloak upload setup nas --kind we", tmp_path) == ["webdav"]


def test_bash_completes_values(tmp_path: Path) -> None:
    assert press_tab("cloak protect --strength b", tmp_path) == ["balanced"]
    assert press_tab("cloak protect --format w", tmp_path) == ["webp"]


@pytest.mark.parametrize(
    "line", ["", "protect --", "protect --strength ", "strip --", "upload --", "upload setup nas --kind ", "watch --"]
)
def test_completion_does_not_wait_for_pytorch(line: str, tmp_path: Path) -> None:
    words = f"cloak {line}"
    environment = {
        **os.environ,
        "_CLOAK_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    result = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.stdout
    assert "torch" not in result.stderr, result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_each_shell_is_one_that_it_can_read(shell: str, tmp_path: Path) -> None:
    environment = {**os.environ, "_CLOAK_COMPLETE": f"{shell}_source"}
    made = subprocess.run([BIN / "cloak"], env=environment, capture_output=True, text=True, check=True).stdout
    assert "_CLOAK_COMPLETE" in made
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(made, "utf-8")
    read = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The manual pages' source, by the name of the page."""
    made = runpy.run_path(str(ROOT / "packaging" / "manual.py"))
    return {path.name: path.read_text("utf-8") for path in made["write"](tmp_path_factory.mktemp("man"))}


def test_every_command_has_a_manual_page(manual: dict[str, str]) -> None:
    assert {f"cloak-{name}.1" for name in COMMANDS} | {"cloak.1", "cloak-upload-setup.1"} <= set(manual)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_manual_page_has_every_option(name: str, manual: dict[str, str]) -> None:
    command = cloak.get_command(click.Context(cloak), name)
    assert command is not None
    for one in command.params:
        if isinstance(one, click.Option) and not one.hidden:
            assert all(spelling.replace("-", "\\-") in manual[f"cloak-{name}.1"] for spelling in one.opts), one.opts


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_sets_every_manual_page_without_a_warning(manual: dict[str, str]) -> None:
    for name, source in manual.items():
        result = subprocess.run(
            ["groff", "-man", "-ww", "-Kutf8", "-Tutf8", "-P-cbou"],
            input=source,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, ""), name
        assert "NAME" in result.stdout
        assert "\\" not in result.stdout, name
