"""Code blocks of the README and of the pages, and what their markers say about running them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^:\n]+?)(?:: (?P<reason>[^\n]+))? -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$",
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
