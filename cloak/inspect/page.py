"""One self-contained page about many photos: what each gives away, and the pictures inside it beside the one shown.

No script, no network, no font: it opens offline. Every value is escaped.
"""

import base64
import html
import io
import tempfile
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType

from PIL import Image

from cloak.files import write
from cloak.inspect import document
from cloak.inspect.compare import opened
from cloak.inspect.finding import HEADINGS, Embedded, Harm, Inspection
from cloak.names import shown

_LARGEST = 1 << 28
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_UPRIGHT = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_270,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_90,),
}


class Page:
    """Gathers photos as sections of a page; they go to disk at once, so an album does not fill memory."""

    def __init__(self) -> None:
        self._sections = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__; nameless, gone with the process

    def __enter__(self) -> "Page":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sections.close()

    def add(self, inspection: Inspection) -> None:
        """Add the section of one photo."""
        self._sections.write(_section(inspection).encode("utf-8", "backslashreplace"))

    def write(self, path: Path, inspections: Sequence[Inspection], *, overwrite: bool = False) -> None:
        """Write the page.

        Raises:
            WriteError: the page exists and may not be overwritten, or cannot be written.
        """
        write(path, self._page(inspections), overwrite=overwrite)

    def _page(self, inspections: Sequence[Inspection]) -> Iterator[bytes]:
        style = resources.files("cloak.inspect").joinpath("page.css").read_text(encoding="utf-8")
        told = "".join(f"<p>{html.escape(line)}</p>" for line in document.sentences(inspections))
        remedy = f"<p>{_code(document.REMEDY)}</p>" if any(one.found for one in inspections) else ""
        yield (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>What these photos give away</title>'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
            f"<style>{style}</style></head><body><h1>What these photos give away</h1>"
            f"<div class='summary'>{told}{remedy}</div>"
            "<p class='private'>This page shows the photos and what they say: keep it to yourself.</p>"
        ).encode()
        self._sections.seek(0)
        while block := self._sections.read(2**20):
            yield block
        yield f"<footer>{html.escape(document.LIMIT)}</footer></body></html>\n".encode()


def _code(text: str) -> str:
    first, _, rest = text.partition("`")
    inner, _, last = rest.partition("`")
    return f"{html.escape(first)}<code>{html.escape(inner)}</code>{html.escape(last)}"


def _section(inspection: Inspection) -> str:
    state = document.status(inspection)
    title = f"<h2>{html.escape(shown(inspection.path))}</h2>"
    kind = {document.FOUND: "found", document.NOTHING: "nothing"}.get(state, "unread")
    if inspection.container is None:
        verdict = f"<p class='verdict'>{html.escape(document.sentence(inspection))}</p>"
        told = "".join(_group(inspection, harm) for harm in Harm) if inspection.found else ""
        return f"<section class='{kind}'>{title}{verdict}{told}</section>"
    main = _main(inspection)
    chips = "".join(
        f"<li class='{harm}'>{html.escape(document.SAYS[harm])}</li>" for harm in document.harms(inspection)
    )
    verdict = f"<ul class='chips'>{chips}</ul>" if chips else f"<p class='verdict'>{html.escape(state)}</p>"
    problem = html.escape(inspection.problem)
    problem = f"<p class='problem'>Not read to its end: {problem}</p>" if problem else ""
    unchecked = "".join(f"<p class='faint'>Not looked for: {html.escape(one)}</p>" for one in inspection.unchecked)
    picture = f"<figure class='main'>{_image(main, 'the photo')}</figure>" if main else ""
    return (
        f"<section class='{kind}'>{title}{verdict}{problem}<div class='body'>{picture}<div class='told'>"
        f"{''.join(map(_pair, _pairs(inspection, main)))}{''.join(_group(inspection, harm) for harm in Harm)}"
        f"{unchecked}</div></div></section>"
    )


def _main(inspection: Inspection) -> Image.Image | None:
    try:
        if inspection.path.stat().st_size > _LARGEST:
            return None
        image = opened(inspection.path.read_bytes(), inspection.container)
    except OSError:
        return None
    return _upright(image, image.info["turned"]) if image else None


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    for turn in _UPRIGHT.get(orientation, ()):
        turned = image.transpose(turn)
        turned.info = image.info
        image = turned
    return image


def _pairs(inspection: Inspection, main: Image.Image | None) -> list[tuple[Embedded, Image.Image, Image.Image | None]]:
    """The embedded pictures that can be shown, those that differ first, upright as the photo is."""
    found = []
    for picture in sorted(inspection.pictures, key=lambda one: not one.differs):
        small = opened(picture.data, None)
        if small is not None:
            for _ in range(picture.turns):
                small = small.transpose(Image.Transpose.ROTATE_90)
            found.append((picture, _upright(small, main.info["turned"]) if main else small, main))
    return found


def _pair(pair: tuple[Embedded, Image.Image, Image.Image | None]) -> str:
    picture, small, main = pair
    verdict = "shows something else than the photo" if picture.differs else "shows what the photo shows"
    name = f"{picture.what} inside the file, {picture.size[0]} x {picture.size[1]} ({picture.source})"
    left = f"<figure>{_image(main, 'the photo')}<figcaption>the photo</figcaption></figure>" if main else ""
    if picture.difference is None:
        verdict = "could not be compared"
    right = f"<figure>{_image(small, name)}<figcaption>{html.escape(name)}</figcaption></figure>"
    kind = "pair differs" if picture.differs else "pair"
    title = f"<h3>A {html.escape(picture.what)} that {verdict}</h3>"
    return f"<div class='{kind}'>{title}<div class='row'>{left}{right}</div></div>"


def _group(inspection: Inspection, harm: Harm) -> str:
    findings = inspection.of(harm)
    if not findings:
        return ""
    rows = "".join(
        f"<tr class='{'' if one.counts else 'faint'}'><th>{html.escape(one.what)}</th><td>{html.escape(one.value)}</td>"
        f"<td class='source'>{html.escape(one.source)}</td></tr>"
        for one in findings
    )
    return f"<div class='group {harm}'><h3>{html.escape(HEADINGS[harm])}</h3><table>{rows}</table></div>"


def _image(image: Image.Image, name: str) -> str:
    """A picture as a data URI: pixels alone, encoded anew."""
    buffer = io.BytesIO()
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    bare.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    size = f"width='{image.width}' height='{image.height}'"
    return f"<img alt='{html.escape(name)}' {size} src='data:image/jpeg;base64,{data}'>"
