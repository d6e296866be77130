"""What the pages of the engine share. No script, no network, no font: they open offline. Every value is escaped."""

import base64
import html
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from cloak.evaluation.engine.gallery import Hit
from cloak.files import write

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def text(value: object) -> str:
    """Return a value as HTML shows it."""
    return html.escape(str(value))


def picture(data: bytes, name: str) -> str:
    """Return a JPEG as part of the page."""
    encoded = base64.b64encode(data).decode("ascii")
    return f"<img alt='{text(name)}' src='data:image/jpeg;base64,{encoded}'>"


def face(hit: Hit) -> str:
    """Return the picture of a hit; a made-up stranger has none."""
    if hit.made_up:
        return "<div class='nobody' role='img' aria-label='a made-up stranger'>?</div>"
    return picture(hit.thumbnail, hit.title)


def bar(share: float, kind: str, mark: float | None = None) -> str:
    """Return a bar that is filled by a share of it, with a mark at another."""
    filled = f"<span class='fill' style='width:{min(max(share, 0), 1):.1%}'></span>"
    marked = "" if mark is None else f"<span class='mark' style='left:{min(max(mark, 0), 1):.1%}'></span>"
    return f"<span class='bar {kind}' aria-hidden='true'>{filled}{marked}</span>"


def paragraphs(sentences: Iterable[str], kind: str = "") -> str:
    """Return sentences, one paragraph each."""
    return "".join(f"<p class='{kind}'>{_code(sentence)}</p>" for sentence in sentences)


def write_page(path: Path, title: str, body: Iterable[str], *, overwrite: bool = False) -> None:
    """Write a page.

    Raises:
        WriteError: it exists and may not be overwritten, or cannot be written.
    """
    write(path, _page(title, body), overwrite=overwrite)


def _page(title: str, body: Iterable[str]) -> Iterator[bytes]:
    style = resources.files("cloak.evaluation.engine").joinpath("engine.css").read_text(encoding="utf-8")
    yield (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<style>{style}</style></head><body><h1>{text(title)}</h1>"
    ).encode()
    for part in body:
        yield part.encode("utf-8", "backslashreplace")
    yield b"</body></html>\n"


def _code(sentence: str) -> str:
    """Escape a sentence; what is between backquotes is code."""
    parts = map(html.escape, sentence.split("`"))
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
