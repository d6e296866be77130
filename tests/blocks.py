"""Code blocks of the README and of the pages, and what their markers say about running them."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]

MARKS = {
    "run": {"sh", "console", "python"},
    "slow": {"sh", "python"},
    "served": {"sh"},
    "served slowly": {"sh"},
    "first minute": {"sh"},
    "until stopped": {"sh"},
    "answered": {"sh"},
    "parsed": {"sh", "python", ""},
    "not run": {"sh"},
}
"""In which languages a test does what a mark says; in any other, nothing would be done with the block."""
IDLE = ("parsed", "not run")
"""Marks of blocks that are not run, with the reason."""

README_COMMANDS = {
    "first minute": ("protect", "inspect", "strip"),
    "until stopped": ("serve", "watch"),
    "answered": ("upload", "request"),
}
"""How each command of the README's second block is tried; it has no marks, as whoever reads it sees the source."""

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^:\n]+?)(?:: (?P<reason>[^\n]+))? -->\n)?```(?P<language>[^\n`]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One code block.

    Attributes:
        page: path below the checkout.
        line: of its first line of code.
        language: after the fence, or "".
        mark: what the comment above it says is done with it, or "".
        reason: why, or more about it.
    """

    page: str
    line: int
    language: str
    code: str
    mark: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str, marks: tuple[str, ...] = ()) -> list[Block]:
    """Return the blocks in these languages, with these markers (default: whatever it is)."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start("code")) + 1
            name = page.relative_to(ROOT).as_posix()
            mark, reason = match["mark"] or "", match["reason"] or ""
            found.append(Block(name, line, match["language"], match["code"], mark, reason))
    return [one for one in found if one.language in languages and (not marks or one.mark in marks)]


def calls(block: Block) -> list[list[str]]:
    """Return the arguments of every `cloak` of a block; what is no script has them after `$ `, or at the start."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language != "sh":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith(("$ ", "cloak "))]
    found = []
    for line in lines:
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        words.commenters = "#"
        for part in _split(list(words)):
            if part and Path(part[0]).name == "cloak":
                found.append(part[1:])
    return found


def _split(words: list[str]) -> list[list[str]]:
    """Return the commands of a line, without where their output goes."""
    parts: list[list[str]] = [[]]
    skip = False
    for word in words:
        if word in {"&&", "||", "|", ";", "&"}:
            parts.append([])
        elif word in {">", ">>", "<"}:
            skip = True
        elif skip:
            skip = False
        else:
            parts[-1].append(word)
    return parts


def ids(found: list[Block]) -> dict[str, object]:
    """Return what a test is parametrised with, to be run once for each block."""
    return {"argvalues": found, "ids": [str(one) for one in found]}


def readme_lines(mark: str) -> list[str]:
    """Return the lines of the README's second block that are tried as this mark says."""
    lines = [line for block in blocks("sh") if block.page == "README.md" for line in block.code.splitlines()]
    return [line for line in lines if line.startswith(tuple(f"cloak {name} " for name in README_COMMANDS[mark]))]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with the installed command, and with a home in which nothing is yet but the networks."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(user_cache_path())
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CLOAK_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        **more,
    }


def bash(code: str, folder: Path, *, answers: int | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Give code to a shell in a folder, with `home` in it; `answers` is a terminal to read from."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env=surroundings(folder / "home", **more),
        stdin=answers,
        capture_output=True,
        text=True,
        check=False,
    )
