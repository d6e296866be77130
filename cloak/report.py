"""One self-contained page: what was done to each photo, with pictures."""

import base64
import html
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import TracebackType

import torch

from cloak.container import Container, Encoding
from cloak.files import write
from cloak.names import shown
from cloak.outcome import Outcome, Pictures, Status
from cloak.photo import Photo
from cloak.summary import Summary
from cloak.thumbnails import crop, encoded, small
from cloak.verify import BlurVerdict, FaceVerdict

THUMBNAIL = 640
"""Longer side of whole photos, and the most that is shown of a face at 100%, in pixels."""

GAIN = 10
"""How much differences are amplified, around grey."""

COLUMNS = ("before", "after", f"difference x {GAIN}")
SMALL = Encoding(container=Container.JPEG, quality=85, subsampling="4:2:0")
EXACT = Encoding(container=Container.WEBP)


class Report:
    """Gathers outcomes as sections of a page; their pictures go to disk at once, so an album does not fill memory."""

    def __init__(self) -> None:
        self._sections = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__; nameless, gone with the process

    def __enter__(self) -> "Report":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sections.close()

    def add(self, outcome: Outcome) -> None:
        """Add the section of one photo."""
        self._sections.write(_section(outcome).encode())

    def write(self, path: Path, summary: Summary, *, overwrite: bool = False) -> None:
        """Write the page.

        Args:
            path: where to.
            summary: of all photos.
            overwrite: replace a file that is there, whatever the configuration says.

        Raises:
            WriteError: the page exists and may not be overwritten, or cannot be written.
        """
        write(path, self._page(summary), overwrite=overwrite or summary.config.overwrite)

    def _page(self, summary: Summary) -> Iterator[bytes]:
        style = resources.files("cloak").joinpath("report.css").read_text(encoding="utf-8")
        sentences = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in summary.sentences())
        yield (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>cloak report</title>'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
            f"<style>{style}</style></head><body><h1>What cloak did</h1>"
            f"<p class='private'>This page shows the originals: keep it to yourself.</p>{sentences}"
        ).encode()
        self._sections.seek(0)
        while block := self._sections.read(2**20):
            yield block
        yield b"</body></html>\n"


def _section(outcome: Outcome) -> str:
    title = f"<h2>{html.escape(shown(outcome.source))}</h2>"
    if outcome.status is Status.FAILED:
        return f"<section class='failed'>{title}<p>failed: {html.escape(outcome.reason)}</p></section>"
    if outcome.status is Status.ALREADY_DONE:
        place = html.escape(shown(outcome.target or ""))
        return f"<section>{title}<p>already done by an earlier run: {place}</p></section>"
    removed = html.escape(", ".join(outcome.removed)) or "nothing was found"
    left = "".join(f"<p>One face was left uncloaked: {html.escape(reason)}.</p>" for reason in outcome.left)
    pictures = outcome.pictures
    return (
        f"<section>{title}<p>{outcome.status}, written to {html.escape(shown(outcome.target or ''))}</p>"
        f"<p>Removed from the file: {removed}.</p>{left}"
        + (_overview(pictures) + _details(outcome, pictures) if pictures else "")
        + "</section>"
    )


def _details(outcome: Outcome, pictures: Pictures) -> str:
    return "".join((*_faces(outcome.faces, pictures), *_blurs(outcome.blurs, pictures)))


def _overview(pictures: Pictures) -> str:
    before, after = small(pictures.before.pixels, THUMBNAIL), small(pictures.after.pixels, THUMBNAIL)
    return _figures("row whole", (before, after, _difference(before, after)), pictures.before, SMALL)


def _faces(faces: tuple[FaceVerdict, ...], pictures: Pictures) -> Iterator[str]:
    for number, (face, uncloaked) in enumerate(zip(faces, pictures.uncloaked.faces, strict=True), 1):
        yield (
            f"<h3>Face {number}, at 100%</h3>"
            + _closeup(pictures, face.box)
            + _scores(face, uncloaked)
            + f"<p>How visible the change is: DSSIM {face.dssim:.4f}, tint {face.colour:.2f} and "
            f"blotches {face.luma:.2f} grey levels of 255.</p>"
            + f"<p>Other photos of the same person that the last recogniser would probably not match with this one: "
            f"{face.unmatched_elsewhere:.0%}.</p>"
            + ("" if face.detected else "<p>The face was not found again in the written photo.</p>")
        )


def _blurs(blurs: tuple[BlurVerdict, ...], pictures: Pictures) -> Iterator[str]:
    for number, blur in enumerate(blurs, 1):
        yield (
            f"<h3>Blurred face {number}, at 100%</h3>"
            + _closeup(pictures, blur.box)
            + f"<p>A face is {'still' if blur.detected else 'no longer'} found there. "
            f"{html.escape(blur.witness.recogniser)} finds it {blur.witness.similarity:.2f} like the original and "
            f"takes two faces for one person from {blur.witness.threshold:.2f} on: "
            f"{'still' if blur.witness.matched else 'not'} matched.</p>"
        )


def _closeup(pictures: Pictures, box: tuple[float, float, float, float]) -> str:
    before, after = (crop(photo.pixels, box, THUMBNAIL) for photo in (pictures.before, pictures.after))
    return _figures("row", (before, after, _difference(before, after)), pictures.before, EXACT)


def _scores(face: FaceVerdict, uncloaked: FaceVerdict) -> str:
    rows = "".join(
        f"<tr class='{'witness' if after.witness else ''}'><td>{html.escape(after.recogniser)}</td>"
        f"<td>{'no' if after.witness else 'yes'}</td><td>{before.similarity:.2f}</td><td>{after.similarity:.2f}</td>"
        f"<td>{after.threshold:.2f}</td><td>{'yes' if after.matched else 'no'}</td></tr>"
        for before, after in zip(uncloaked.scores, face.scores, strict=True)
    )
    return (
        "<table><tr><th>recogniser</th><th>used to make the cloak</th><th>similarity before</th>"
        f"<th>after</th><th>same person from</th><th>still matched</th></tr>{rows}</table>"
    )


def _figures(kind: str, images: tuple[torch.Tensor, ...], photo: Photo, encoding: Encoding) -> str:
    cells = (
        f"<figure><img alt='{caption}' width='{image.shape[2]}' height='{image.shape[1]}' "
        f"src='{_uri(image, photo, encoding)}'><figcaption>{caption}</figcaption></figure>"
        for image, caption in zip(images, COLUMNS, strict=True)
    )
    return f"<div class='{kind}'>{''.join(cells)}</div>"


def _uri(image: torch.Tensor, photo: Photo, encoding: Encoding) -> str:
    """Return an image as a data URI, through the same way out as every photo: no metadata."""
    data = encoded(image, photo, encoding)
    return f"data:image/{encoding.container};base64,{base64.b64encode(data).decode('ascii')}"


def _difference(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    return ((after.int() - before.int()) * GAIN + 128).clamp(0, 255).to(torch.uint8)
