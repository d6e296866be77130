"""The pages are true: each code block runs or says why not, and the site has every command, option and public name."""

import configparser
import doctest
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from PIL import Image
from platformdirs import user_cache_path

import cloak as package
from cloak import errors
from cloak.cli.main import cloak as command
from cloak.cli.upload_setup import setup as upload_setup

from .blocks import ROOT, Block, blocks, calls
from .web.served import Served, served

SHELL = ("sh", "console")
MARKS = {"run", "slow", "parsed", "not run", "served", "served slowly", "first minute"}
ELSEWHERE = {
    "README.md": "tests/test_readme.py parses every command and runs the first, tests/test_first_minute.py follows it",
    "docs/architecture.md": "signatures, and no program",
}
"""Pages whose blocks need no markers, and who looks after them."""


def ids(found: list[Block]) -> dict[str, object]:
    return {"argvalues": found, "ids": [str(one) for one in found]}


def test_every_block_is_run_or_says_why_not() -> None:
    everything = blocks(*SHELL, "python")
    unmarked = [str(one) for one in everything if not one.mark and one.page not in ELSEWHERE]
    assert not unmarked, "put <!-- run --> or <!-- not run: reason --> above them"
    assert {one.mark for one in everything if one.mark} <= MARKS
    assert [str(one) for one in everything if one.mark in {"not run", "parsed"} and not one.reason] == []


def test_most_blocks_are_run() -> None:
    """So that nobody marks them all."""
    run = blocks(*SHELL, "python", marks=("run", "slow", "served", "served slowly", "first minute"))
    assert len(run) >= len(blocks(*SHELL, "python", marks=("not run",)))


@pytest.mark.parametrize("block", **ids([one for one in blocks(*SHELL, "", "text") if calls(one)]))
def test_every_command_shown_is_one_that_exists(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in calls(block):
        inner: click.Command = command
        name, rest = "cloak", arguments
        while isinstance(inner, click.Group) and rest:
            name, *rest = rest
            found = inner.get_command(click.Context(inner), name)
            assert found is not None, f"there is no command {name!r}"
            inner = found
        inner.make_context(name, list(rest)).close()


def test_what_programs_read_is_well_formed() -> None:
    for block in blocks("toml", "ini", "xml"):
        if block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "ini":
            configparser.ConfigParser(interpolation=None, strict=True).read_string(block.code)
        else:
            ElementTree.fromstring(block.code)  # noqa: S314 -- our own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a block is run: what it may read of a checkout is there, and a home of its own."""
    for name in ("examples", "packaging"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "home").mkdir()
    return tmp_path


def surroundings(folder: Path) -> dict[str, str]:
    """Return an environment with the installed command, and with a home in which nothing is yet but the networks."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(user_cache_path())
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CLOAK_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": cache,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def bash(code: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    script = ["bash", "-euo", "pipefail", "-c", code]
    environment = {**surroundings(folder), **more}
    return subprocess.run(script, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("block", **ids(blocks("sh", marks=("run",))))
def test_shell_blocks_run(block: Block, folder: Path) -> None:
    """With the exit code that the marker names: with another than 0, each line is given by itself."""
    wanted = int(block.reason or 0)
    for code in [block.code] if not wanted else block.code.splitlines():
        result = bash(code, folder)
        assert result.returncode == wanted, result.stdout + result.stderr


@pytest.mark.parametrize("block", **ids(blocks("console", marks=("run",))))
def test_transcripts_are_what_is_printed(block: Block, folder: Path) -> None:
    checker = doctest.OutputChecker()
    for part in re.split(r"^\$ ", block.code, flags=re.MULTILINE)[1:]:
        line, _, wanted = part.partition("\n")
        result = bash(line, folder)
        printed = re.sub(r" +$", "", result.stdout, flags=re.MULTILINE)
        assert result.returncode == 0, result.stderr
        assert checker.check_output(wanted, printed, doctest.ELLIPSIS), f"{line}\n{printed}\nwanted:\n{wanted}"


@pytest.mark.parametrize("block", **ids(blocks("python", marks=("run",))))
def test_python_blocks_run(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLOAK_SERVE_TOKEN", "x" * 43)
    exec(compile(block.code, str(block), "exec"), {"__name__": "block"})  # noqa: S102 -- our own


@pytest.mark.slow
@pytest.mark.parametrize("block", **ids(blocks("python", marks=("slow",))))
def test_python_blocks_that_cloak_run(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test_python_blocks_run(block, folder, monkeypatch)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server, with the options of docs/platforms.md but for the port, which is a free one."""
    with served(tmp_path_factory.mktemp("served") / "log", "--api-only") as running:
        yield running


def ask(block: Block, folder: Path, server: Served) -> None:
    code = block.code.replace("127.0.0.1:8750", f"127.0.0.1:{server.port}")
    assert code != block.code
    result = bash(code, folder, CLOAK_SERVE_TOKEN=server.token)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("block", **ids(blocks("sh", marks=("served",))))
def test_requests_are_answered(block: Block, folder: Path, server: Served) -> None:
    ask(block, folder, server)
    findings = json.loads((folder / "findings.json").read_text("utf-8"))
    assert findings["findings"]
    assert findings["faces"]
    with Image.open(folder / "bare.jpg") as bare:
        assert set(bare.getexif()) <= {0x0112}, "nothing but the orientation"


@pytest.mark.slow
@pytest.mark.parametrize("block", **ids(blocks("sh", marks=("served slowly",))))
def test_requests_that_cloak_are_answered(block: Block, folder: Path, server: Served) -> None:
    ask(block, folder, server)
    if "headers.txt" in block.code:
        (outcome,) = re.findall(r"(?im)^cloak-outcome: (.*)$", (folder / "headers.txt").read_text("utf-8"))
        assert json.loads(outcome)["status"] == "protected"
        Image.open(folder / "protected.jpg").close()
    else:
        assert zipfile.ZipFile(folder / "album.zip").namelist() == ["phone.jpg"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built as `.ci/run` builds them: warnings are errors."""
    out = tmp_path_factory.mktemp("site")
    before = untracked()
    result = subprocess.run(
        [ROOT / "docs" / "build.sh", out, sys.executable], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert untracked() == before, "building left something in the checkout"
    return out


def untracked() -> set[Path]:
    return {path for path in (ROOT / "docs").rglob("*") if path.is_file()}


def text(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8")))


def all_commands() -> list[tuple[str, click.Command]]:
    def below(name: str, one: click.Command) -> list[tuple[str, click.Command]]:
        if not isinstance(one, click.Group):
            return [(name, one)]
        context = click.Context(one)
        inner = [(child, one.get_command(context, child)) for child in one.list_commands(context)]
        return [(name, one), *(found for child, each in inner if each for found in below(f"{name} {child}", each))]

    return [*below("cloak", command), ("cloak upload setup", upload_setup)]


@pytest.mark.slow
def test_the_reference_has_every_command_and_option(site: Path) -> None:
    reference = text(site / "commands.html")
    for name, one in all_commands():
        usage = reference.find(f"{name} [OPTIONS]")
        assert usage >= 0, name
        end = reference.find("[OPTIONS]", usage + len(name) + len(" [OPTIONS]"))
        part = reference[usage : end if end >= 0 else None]
        for option in one.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(spelling in part for spelling in option.opts), f"{name} {option.opts}"


@pytest.mark.slow
def test_the_api_reference_has_every_public_name(site: Path) -> None:
    page = (site / "api.html").read_text("utf-8")
    exceptions = {name for name, one in vars(errors).items() if isinstance(one, type)}
    names = [
        *(f"cloak.{name}" for name in set(package.__all__) - exceptions),
        *(f"cloak.errors.{name}" for name in exceptions),
    ]
    assert [name for name in names if f'id="{name}"' not in page] == []


@pytest.mark.slow
def test_the_results_page_has_the_figures_of_the_benchmarks(site: Path) -> None:
    page = text(site / "results.html")
    measured = json.loads((ROOT / "tests" / "benchmarks" / "strip.json").read_text("utf-8"))
    for tool in measured["tools"].values():
        assert f"{tool['real']['dirty_written_clean']} of {tool['real']['dirty']}" in page


@pytest.mark.slow
def test_pages_link_to_pages_and_show_pictures_that_are_there(site: Path) -> None:
    for page in site.glob("*.html"):
        source = page.read_text("utf-8")
        links = re.findall(r'(?:href|src)="([^"#?]+)', source)
        local = [
            html.unescape(link) for link in links if "://" not in link and not link.startswith(("data:", "mailto:"))
        ]
        assert [link for link in local if not (page.parent / link).exists()] == [], page.name


@pytest.mark.slow
def test_pages_ask_no_other_site_for_anything(site: Path) -> None:
    for page in site.glob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe|link)[^>]+(?:src|href)="(https?://[^"]+)', page.read_text("utf-8"))
        assert loaded == [], page.name


def test_pictures_are_small_and_say_nothing(cloak) -> None:
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.webp"))
    assert sum(path.stat().st_size for path in pictures) < 150_000
    result = cloak("inspect", "--no-faces", "-q", *pictures)
    assert "nothing found by this scan in 6" in result.out, result.out
