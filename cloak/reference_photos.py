"""Learn one person's face from a folder of photos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePath

import torch

from cloak.errors import PhotoError, UsageError
from cloak.faces.central import central
from cloak.faces.detect import Detector
from cloak.faces.embed import align, embed_crops
from cloak.faces.people import OTHER_FAR, group
from cloak.files import read
from cloak.image.codec import decode
from cloak.models import Recogniser
from cloak.names import shown
from cloak.pipeline import BYTES_PER_PIXEL, MIN_LIMIT
from cloak.references import References, fingerprint
from cloak.sources import find_photos

MIN_REFERENCE = 48.0
"""Longer side of the least face that a person is learned from, pixels."""

_LISTED = 5
"""Names that an error gives."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a folder taught, and what the user should know about its photos, one line each."""

    references: References
    warnings: tuple[str, ...]


def learn(folder: Path, *, detector: Detector, recogniser: Recogniser, max_pixels: int = 200_000_000) -> Learned:
    """Learn the person whom all photos of a folder show.

    Of a photo with several faces, the one nearest its middle is taken; of that and of photos that are of no use, the
    warnings tell.

    Args:
        folder: with photos of one person; a single photo will do.
        detector: finds the faces.
        recogniser: the one that `fingerprint` names.
        max_pixels: photos larger than this are not read.

    Raises:
        UsageError: there is no such folder, no photo in it, no face in them, or there are faces of several people.
    """
    found = find_photos([folder])
    warnings = [f"{shown(item.path)}: {item.reason}" for item in found.ignored if item.failed]
    names, crops = [], []
    for source in found.sources:
        try:
            crop, warning = _look(source.path, detector, recogniser, max_pixels)
        except PhotoError as error:
            crop, warning = None, str(error)
        if warning:
            warnings.append(f"{shown(source.path)}: {warning}")
        if crop is not None:
            names.append(source.relative)
            crops.append(crop)
    if not crops:
        reasons = "; ".join(_some(warnings))
        raise UsageError(f"no photo of {shown(folder)} shows a face to go by ({reasons}): add others")
    embeddings = embed_crops(torch.cat(crops), recogniser)
    _refuse_several(folder, names, group(embeddings, recogniser.thresholds[OTHER_FAR]))
    if len(names) == 1:
        warnings.append("one reference photo alone: a few more, of other days, tell a person more surely")
    references = References(embeddings=embeddings.numpy(), recogniser=fingerprint(), added=date.today())
    return Learned(references, tuple(warnings))


def _look(
    path: Path, detector: Detector, recogniser: Recogniser, max_pixels: int
) -> tuple[torch.Tensor | None, str | None]:
    """Return the face to go by, aligned (1, 3, s, s), if there is one, and what the user should know, if anything."""
    data = read(path, max_bytes=max(MIN_LIMIT, BYTES_PER_PIXEL * max_pixels))
    pixels = decode(data, max_pixels=max_pixels).pixels
    faces = detector.detect([pixels])[0]
    face = central(faces, pixels)
    if face is None:
        return None, "no face was found, so it is not used"
    if face.size < MIN_REFERENCE:
        return None, f"the face is too small to go by ({face.size:.0f} pixels), so it is not used"
    several = f"{len(faces)} faces were found: the one nearest the middle is used" if len(faces) > 1 else None
    return align(pixels, [face], recogniser), several


def _refuse_several(folder: Path, names: Sequence[PurePath], people: Sequence[int]) -> None:
    """Raise where not all photos show the person whom most of them do, and name those that do not."""
    if len(set(people)) == 1:
        return
    most = max(sorted(set(people)), key=people.count)
    others = [name for name, person in zip(names, people, strict=True) if person != most]
    raise UsageError(
        f"{shown(folder)} seems to show {len(set(people))} people, and reference photos must show one: "
        f"take out {', '.join(_some([shown(name) for name in others]))}, or crop them to the person"
    )


def _some(names: Sequence[str]) -> Iterator[str]:
    yield from names[:_LISTED]
    if len(names) > _LISTED:
        yield f"and {len(names) - _LISTED} more"
