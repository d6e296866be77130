"""Compare embedded pictures with the picture that is shown: what was cropped away or painted over is still in them."""

import io
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from cloak.container import Container
from cloak.image.buffers import Buffer
from cloak.inspect.finding import Embedded, Harm, Notes

SIDE = 48
"""Both pictures are compared at this many pixels a side."""

DIFFERS = 0.12
"""Differences above this are something else. Set by eye on about 290 embedded pictures: same scenes came to 0.06 at
most, but for one that is almost black (0.11), other scenes to 0.15 and more."""

OTHER_KINDS = frozenset({"depth map", "gain map"})
"""Pictures that are meant to look different."""

MOST_PIXELS = 60_000_000
"""Of a picture that is decoded as a whole; JPEG pictures are decoded smaller."""
_WORKING = 640
_LARGEST_FILE = 1 << 28
_SHAPE = 0.04
_DARK = 24
_REACH = 4
"""Pixels of `SIDE` by which one picture may be moved against the other."""

_FLAT = 0.01
_BLOCKS = 6
_CORNER = 0.5
"""How far a block may be off, in standard deviations, before it counts."""

_OTHER_SHAPE = 0.1
"""What a picture of another shape, beyond bars, is thought to show of what the other does not."""

_Grey = NDArray[np.float64]


def compare(data: Buffer, container: Container, notes: Notes) -> None:
    """Measure every embedded picture, and note sizes that tell of a crop."""
    main = opened(bytes(data[:_LARGEST_FILE]), container) if len(data) <= _LARGEST_FILE else None
    if main is not None:
        _sizes(main.info["original"], notes)
    left = MOST_PIXELS
    for picture in notes.pictures:
        small = opened(picture.data, None, most=left)
        if small is None:
            notes.say(
                Harm.CROPPED, picture.what, f"{len(picture.data):,} bytes, cannot be shown", source=picture.source
            )
            continue
        picture.size = small.info["original"]
        left -= picture.size[0] * picture.size[1] // 4
        if main is not None:
            picture.difference, picture.turns = difference(main, small)
            picture.differs = picture.difference > DIFFERS and picture.what not in OTHER_KINDS
        notes.say(Harm.CROPPED, picture.what, described(picture), source=picture.source)


def described(picture: Embedded) -> str:
    """One line about an embedded picture."""
    size = f"{picture.size[0]} x {picture.size[1]} pixels"
    if picture.what in OTHER_KINDS:
        return size
    if picture.difference is None:
        return f"{size}, could not be compared with the picture"
    return f"{size}, LOOKS DIFFERENT from the picture" if picture.differs else f"{size}, looks like the picture"


def _sizes(size: tuple[int, int], notes: Notes) -> None:
    stated = notes.facts.get("exif size")
    if stated and min(stated) > 0 and sorted(stated) != sorted(size):
        text = f"{stated[0]} x {stated[1]} pixels, now {size[0]} x {size[1]}"
        notes.say(Harm.CROPPED, "size before it was changed", text, source="EXIF")


def opened(data: bytes, container: Container | None, *, most: int = MOST_PIXELS) -> Image.Image | None:
    """A picture as RGB of at most `_WORKING` pixels a side, as stored, or None where no decoder can show it.

    Its size in the file is in ``info["original"]``, its orientation in ``info["turned"]``.
    """
    truncated = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            if container is Container.HEIC or data[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1"}:
                import pillow_heif  # noqa: PLC0415 -- slow to load

                pillow_heif.register_heif_opener(thumbnails=False)
            return _opened(data, most)
    except Exception:  # noqa: BLE001, RUF100 -- whatever a decoder raises, this picture cannot be shown
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = truncated


def _opened(data: bytes, most: int) -> Image.Image | None:
    with Image.open(io.BytesIO(data)) as image:
        size = image.size
        image.draft("RGB", (_WORKING, _WORKING))
        if image.size[0] * image.size[1] > most:
            return None
        turned = image.getexif().get(0x0112, 1)
        small = image.convert("RGB") if image.mode != "RGBA" else image.convert("RGBA").convert("RGB")
        small.thumbnail((_WORKING, _WORKING))
        small.info = {"original": size, "turned": turned if isinstance(turned, int) else 1}
        return small


def difference(main: Image.Image, small: Image.Image) -> tuple[float, int]:
    """How different two pictures look, 0 to 1, whichever way each is turned and whatever bars one has.

    Returns:
        the difference, and the quarter turns of the second, anticlockwise, at which it is least.
    """
    reference = _unbarred(main)
    best = (1.0, 0)
    for turns, candidate in enumerate(_turns(_unbarred(small))):
        shape = candidate.width / candidate.height / (reference.width / reference.height)
        if abs(np.log(shape)) <= _SHAPE:
            found = _distance(_grey(reference), _grey(candidate))
        else:  # one of them was cropped; whether only at the edges, by a camera, is seen by cropping the other
            found = _distance(_grey(_cut(reference, candidate)), _grey(_cut(candidate, reference))) + _OTHER_SHAPE
        best = min(best, (found, turns))
    return best if best[0] <= DIFFERS else (best[0], 0)  # what is another picture anyway is shown as it is


def _turns(image: Image.Image) -> Iterator[Image.Image]:
    yield image
    for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270):
        yield image.transpose(turn)


def _cut(image: Image.Image, shape: Image.Image) -> Image.Image:
    """The middle of a picture, in the shape of another."""
    ratio = shape.width / shape.height
    width, height = min(image.width, round(image.height * ratio)), min(image.height, round(image.width / ratio))
    return ImageOps.fit(image, (max(1, width), max(1, height)))


def _unbarred(image: Image.Image) -> Image.Image:
    """Without the black bars that cameras put around a thumbnail of another shape."""
    box = image.convert("L").point(lambda value: 255 if value > _DARK else 0).getbbox()
    if box is None or (box[2] - box[0]) * (box[3] - box[1]) < 0.4 * image.width * image.height:
        return image
    across = (box[0] + image.width - box[2]) / image.width
    down = (box[1] + image.height - box[3]) / image.height
    if max(across, down) < 0.04 or min(across, down) > 0.04:
        return image
    return image.crop(box)


def _grey(image: Image.Image) -> _Grey:
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64) / 255


def _distance(one: _Grey, other: _Grey) -> float:
    """How much of the structure differs, where a shift by a few pixels makes them most alike."""
    best = _aligned(one, other)
    if best <= DIFFERS:
        return best
    reach = range(-_REACH, _REACH + 1)
    return min(_aligned(*_shifted(one, other, down, across)) for down in reach for across in reach)


def _shifted(one: _Grey, other: _Grey, down: int, across: int) -> tuple[_Grey, _Grey]:
    """What two pictures have in common when one is moved."""

    def part(picture: _Grey, sign: int) -> _Grey:
        rows, columns = (slice(max(sign * shift, 0), SIDE + min(sign * shift, 0)) for shift in (down, across))
        return picture[rows, columns]

    return part(one, 1), part(other, -1)


def _aligned(one: _Grey, other: _Grey) -> float:
    """The part of one picture that no change of brightness and contrast makes of the other.

    The worst corner counts as well as the whole, so that a face that was painted over is seen.
    """
    spread_one, spread_other = one.std(), other.std()
    if min(spread_one, spread_other) < _FLAT:
        return float(min(1.0, 4 * abs(one - other).mean()))
    scaled = (one - one.mean()) / spread_one
    against = (other - other.mean()) / spread_other
    whole = 1 - float((scaled * against).mean())
    height, width = (length // _BLOCKS for length in scaled.shape)
    apart = abs(scaled - against)[: height * _BLOCKS, : width * _BLOCKS]
    blocks = apart.reshape(_BLOCKS, height, _BLOCKS, width).mean(axis=(1, 3))
    return max(whole, float(blocks.max() - _CORNER) / 4)
