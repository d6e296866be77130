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
from cloak.errors import WriteError
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


class Spool:
    """Texts by number, on the disk: pictures of an album would fill the memory. For one thread at a time.

    The file has no name, and is gone with the process.
    """

    def __init__(self) -> None:
        # Without a buffer, which would try again, and fail again, to write what had no room.
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 -- closed in `close`
        self._spans: dict[int, tuple[int, int]] = {}
        self._end = 0

    def put(self, number: int, text: str) -> None:
        """Keep a text.

        Raises:
            WriteError: there is no room.
        """
        data = text.encode()
        rest = memoryview(data)
        try:
            self._file.seek(self._end)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise WriteError(
                f"the pictures of the report cannot be kept in {tempfile.gettempdir()} ({error.strerror}): make room "
                "there, set TMPDIR to another folder, or leave out --report"
            ) from error
        self._spans[number] = self._end, len(data)
        self._end += len(data)

    def read(self, number: int) -> str:
        """Return a text, "" where there is none of this number."""
        where, length = self._spans.get(number, (0, 0))
        self._file.seek(where)
        return self._file.read(length).decode()

    def take(self, number: int) -> str:
        """Return a text and forget it; when all are forgotten, the disk has its room again."""
        text = self.read(number)
        if self._spans.pop(number, None) and not self._spans:
            self._file.truncate(0)
            self._end = 0
        return text

    def numbers(self) -> list[int]:
        """Return the numbers of all texts, sorted."""
        return sorted(self._spans)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()


class Report:
    """Gathers outcomes as sections of a page; their pictures go to disk at once, so an album does not fill memory."""

    def __init__(self) -> None:
        self._sections = Spool()
        self._added = 0

    def __enter__(self) -> "Report":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sections.close()

    def add(self, outcome: Outcome, *, place: int | None = None, pictures: str | None = None) -> None:
        """Add the section of one photo.

        Args:
            outcome: what became of it.
            place: its place among all photos; behind those that were added before, if None. All or none have one.
            pictures: what `figures` made of it where its pixels were; made of the outcome's pictures, if None.

        Raises:
            WriteError: there is no room for temporary files.
        """
        section = _section(outcome, figures(outcome) if pictures is None else pictures)
        self._sections.put(self._added if place is None else place, section)
        self._added += 1

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
        for number in self._sections.numbers():
            yield self._sections.read(number).encode()
        yield b"</body></html>\n"


def figures(outcome: Outcome) -> str:
    """Return the part of a photo's section that is made of its pixels, HTML; "" without `outcome.pictures`."""
    pictures = outcome.pictures
    if pictures is None:
        return ""
    return _overview(pictures) + "".join((*_faces(outcome.faces, pictures), *_blurs(outcome.blurs, pictures)))


def _section(outcome: Outcome, pictures: str) -> str:
    title = f"<h2>{html.escape(shown(outcome.source))}</h2>"
    if outcome.status is Status.FAILED:
        return f"<section class='failed'>{title}<p>failed: {html.escape(outcome.reason)}</p></section>"
    if outcome.status is Status.ALREADY_DONE:
        place = html.escape(shown(outcome.target or ""))
        return f"<section>{title}<p>already done by an earlier run: {place}</p></section>"
    removed = html.escape(", ".join(outcome.removed)) or "nothing was found"
    left = "".join(f"<p>One face was left uncloaked: {html.escape(reason)}.</p>" for reason in outcome.left)
    return (
        f"<section>{title}<p>{outcome.status}, written to {html.escape(shown(outcome.target or ''))}</p>"
        f"<p>Removed from the file: {removed}.</p>{left}{pictures}</section>"
    )


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
