"""The pages are true: each code block runs or says why not, and the site has every command, option and public name."""

import configparser
import html
import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import click
import pytest

import cloak as package
from cloak import errors
from cloak.cli.main import cloak as command
from cloak.cli.upload_setup import setup as upload_setup

from .blocks import IDLE, MARKS, README_COMMANDS, ROOT, Block, blocks, calls, ids, readme_lines

SHELL = ("sh", "console")
ELSEWHERE = {
    "README.md": "its first block is that of docs/start.md, its last that of .ci/run; see below for the others",
    "docs/architecture.md": "signatures, and no program",
}
"""Pages whose blocks need no markers, and who looks after them."""
BENCHMARKS = ROOT / "tests" / "benchmarks"


def test_every_block_is_run_or_says_why_not() -> None:
    programs = blocks(*SHELL, "python", "bash", "shell", "py", "pycon", "shell-session")
    everything = [*programs, *(one for one in blocks("") if re.search(r"^(\$ )?cloak ", one.code, re.MULTILINE))]
    unmarked = [str(one) for one in everything if not one.mark and one.page not in ELSEWHERE]
    assert not unmarked, "put <!-- run --> or <!-- not run: reason --> above them"
    assert [str(one) for one in everything if one.mark in {*IDLE, "answered"} and not one.reason] == []


def test_every_mark_is_one_that_a_test_obeys_in_that_language() -> None:
    """A mark that no test knows would leave its block out while it looks as if it were run."""
    everything = blocks(*{one for languages in MARKS.values() for one in languages}, "text", "ini", "toml", "xml")
    assert [str(one) for one in everything if one.mark and one.language not in MARKS.get(one.mark, ())] == []


def test_no_block_is_overlooked() -> None:
    """As many blocks are found as there are fences; one that is taken for another's end hides what is between."""
    for page in {one.page for one in blocks("sh", "python", "console")}:
        fences = re.findall(r"^```.*$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        languages = {fence[3:] for fence in fences[::2]}
        assert set(fences[1::2]) == {"```"}, page
        assert len([one for one in blocks(*languages) if one.page == page]) == len(fences) / 2, page


def test_most_blocks_are_run() -> None:
    """So that nobody marks them all."""
    idle = blocks(*SHELL, "python", marks=IDLE)
    run = blocks(*SHELL, "python", marks=tuple(MARKS.keys() - set(IDLE)))
    assert len(run) >= 2 * len(idle)


def test_every_command_of_the_readme_is_tried_somewhere() -> None:
    """By tests/test_first_minute.py and tests/test_blocks.py; the blocks for setting up are those of other files."""
    readme = [one for one in blocks("sh") if one.page == "README.md"]
    given = [line for mark in README_COMMANDS for line in readme_lines(mark)]
    setups = [line for block in readme for line in block.code.splitlines() if line not in given]
    assert len(given) == 7
    assert [line.split()[-1] for line in setups] == ["protected", ".venv/bin/pytest"]
    assert setups[0] in [one.code.strip() for one in blocks("sh", marks=("first minute",))]


def test_shell_blocks_are_what_a_shell_can_read() -> None:
    for block in blocks("sh"):
        result = subprocess.run(["bash", "-n"], input=block.code, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, ""), str(block)


def test_what_contributors_are_told_to_run_is_what_the_checks_run() -> None:
    """Its blocks would fetch PyTorch and run these very tests, so they are compared with `.ci/run`."""
    checks = (ROOT / ".ci" / "run").read_text("utf-8")
    lines = [line for block in blocks("sh") if block.page == "CONTRIBUTING.md" for line in block.code.splitlines()]
    assert len(lines) == 8
    for line in lines:
        for word in shlex.split(line, comments=True):
            if re.fullmatch(r"(tests|docs|\.ci)/\S+", word):
                assert (ROOT / word).exists(), line
    checks += (ROOT / "README.md").read_text("utf-8")
    for part in ("-m venv", ".[test]", " check .", " format ", "--no-deps --target", "-p cloak", "--config-file"):
        assert any(part in line for line in lines), part
        assert part in checks, part


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


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the pages that makes tables."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    for name in ("cells", "running", "tables"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return import_module("tables")


def test_every_committed_benchmark_is_on_the_results_page(tables: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    shown = re.findall(r"^```\{results\} (\w+)$", page, re.MULTILINE)
    assert len(shown) > 5
    cells, read = sys.modules["cells"], set()

    def noted(name: str) -> object:
        read.add(name)
        return json.loads((BENCHMARKS / name).read_text("utf-8"))

    monkeypatch.setattr(tables, "load", noted)
    monkeypatch.setattr(sys.modules["running"], "load", noted)
    assert cells.BENCHMARKS.samefile(BENCHMARKS)
    for name in shown:
        assert "|" in tables.TABLES[name]() or name == "cluster", name
    assert {path.relative_to(BENCHMARKS).as_posix() for path in BENCHMARKS.rglob("*.json")} == read


def test_what_albums_says_of_its_tables_is_in_them() -> None:
    page = " ".join((ROOT / "docs" / "albums.md").read_text("utf-8").split())
    tools = json.loads((BENCHMARKS / "strip_album.json").read_text("utf-8"))["tools"]
    pace = {name.split(" -")[0]: tool["photos_per_second"]["median"] for name, tool in tools.items()}
    work = {name.split(" -")[0]: tool["photos_per_processor_second"] for name, tool in tools.items()}
    faster, lighter = (one["exiftool"] / one["cloak strip"] - 1 for one in (pace, work))
    assert f"exiftool is {100 * faster:.0f}% faster on a whole album ({100 * lighter:.0f}% by processor time" in page
    quick, light = (one["ImageMagick mogrify"] / one["cloak protect"] for one in (pace, work))
    assert f"ImageMagick {quick:.1f} times as fast as `protect` ({light:.1f} times by processor time)" in page
    assert tools["exiftool -all="]["left"]["shown_the_right_way_up"].startswith("0 of")
    for name, peak in json.loads((BENCHMARKS / "album_memory.json").read_text("utf-8"))["commands"].items():
        few, many, most = (peak[count]["peak_mb"] for count in ("100", "5000", "20000"))
        assert many <= 1.1 * few, name
        if name.startswith("strip"):
            assert (most - many) * 1e6 / 15000 == pytest.approx(500, abs=150), name


def test_the_page_for_platforms_has_every_answer() -> None:
    """Each status with its code, as the server and the middleware say them, whatever text stands between."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "cloak" / "web").glob("*.py"))
    said = set(re.findall(r'\b([45]\d\d),\s*"([a-z_]+)"', sources))
    said |= set(re.findall(r'\b([45]\d\d): "(not_found|method_not_allowed|bad_request)"', sources))
    assert len(said) > 20
    told: set[tuple[str, str]] = set()
    page = (ROOT / "docs" / "platforms.md").read_text("utf-8")
    (table,) = re.findall(r"^## Answers\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    for line in table.splitlines():
        status = ""
        for word in re.findall(r"\b[245]\d\d\b|`[a-z_]+`", line.split("|")[1] if line[:1] == "|" else ""):
            status = status if word[0] == "`" else word
            told.add((status, word.strip("`")))
    assert said <= told, said - told
    assert {pair for pair in told if pair[0] != pair[1]} <= said


@pytest.mark.slow
def test_the_results_page_has_the_figures_of_the_benchmarks(site: Path) -> None:
    """As whoever opens it reads them, one of each part."""
    page = text(site / "results.html")
    measured = json.loads((BENCHMARKS / "strip.json").read_text("utf-8"))
    for tool in measured["tools"].values():
        assert f"{tool['real']['dirty_written_clean']} of {tool['real']['dirty']}" in page
    served = json.loads((BENCHMARKS / "serve.json").read_text("utf-8"))
    assert f"{served['requests']:,} requests, {served['lost']} lost" in page
    assert ", ".join(map(str, served["memory_mb"]["each_tenth"])) in page


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
