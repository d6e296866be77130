"""What a picture of a HEIC or AVIF file hides: pixels that stay in it, and that its clean aperture does not show.

Source: ISO/IEC 14496-12:2022, section 12.1.4; ISO/IEC 23008-12:2022, section 6.5.9.
"""

import struct
from collections.abc import Iterable
from fractions import Fraction

from cloak.errors import UnsupportedPhotoError
from cloak.image.strip.isobmff_boxes import damaged, unsupported

SIDES = ("left", "right", "top", "bottom")
"""What the edges of a picture are called."""
_PADDING = 1  # pixels a side that encoders add, which need even sizes
_LEAST = 64  # pixels a side up to which encoders fill up what is smaller, to the right and below


def refuse_hidden(
    properties: Iterable[tuple[bytes, bytes]], size: tuple[int, int] | None = None, *, reencodes: bool = False
) -> None:
    """Refuse a picture that holds more than it shows.

    Args:
        properties: kind and content of each, in order.
        size: width and height in pixels before the crop; where it is None, `ispe` says it.
        reencodes: decoders apply the crop, so that encoding the picture anew leaves nothing hidden.

    Raises:
        UnreadablePhotoError: a crop that does not add up.
        UnsupportedPhotoError: a crop hides more than what encoders fill up with.
    """
    listed = list(properties)
    if not any(kind == b"clap" for kind, _ in listed):
        return
    if size is None:
        stated = next((body for kind, body in listed if kind == b"ispe" and len(body) >= 12), None)
        if stated is None:
            raise unsupported("a crop of a picture of unknown size")
        size = struct.unpack(">4xII", stated[:12])
    if 0 in size:
        raise damaged("a crop of a picture without a size")
    width, height = map(Fraction, size)
    for kind, body in listed:
        if kind == b"irot" and body and body[0] & 1:
            width, height = height, width
        elif kind == b"clap":
            shown = _fractions(body)
            across, down = _cut(width, shown[0], shown[2]), _cut(height, shown[1], shown[3])
            if _hides(width, *across) or _hides(height, *down):
                raise hidden((*across, *down), reencodes=reencodes)
            width, height = shown[:2]


def _fractions(body: bytes) -> list[Fraction]:
    """Width and height of what is shown, and how far its centre lies to the right and below."""
    if len(body) < 32:
        raise damaged(f"a property 'clap' of {len(body)} bytes")
    numbers = struct.unpack(">8i", body[:32])
    if min(numbers[1::2]) <= 0 or min(numbers[:4]) <= 0:
        raise damaged("a crop without a size")
    return [Fraction(above, below) for above, below in zip(numbers[::2], numbers[1::2], strict=True)]


def _cut(size: Fraction, shown: Fraction, moved: Fraction) -> tuple[Fraction, Fraction]:
    """Pixels that are not shown in front of what is, and behind it."""
    before = (size - shown) / 2 + moved
    return before, size - shown - before


def _hides(size: Fraction, before: Fraction, behind: Fraction) -> bool:
    return before > _PADDING or (behind > _PADDING and not (size <= _LEAST and before == 0))


def hidden(cut: Iterable[Fraction | int], *, reencodes: bool) -> UnsupportedPhotoError:
    """The error for a picture that holds more than it shows.

    Args:
        cut: pixels that are not shown left, right, at the top and at the bottom.
        reencodes: see `refuse_hidden`.
    """
    told = ", ".join(f"{name} {round(pixels)}" for name, pixels in zip(SIDES, cut, strict=True) if pixels > 0)
    what = f"what was cropped away is still in it, hidden (pixels: {told})"
    if reencodes:
        return UnsupportedPhotoError(f"{what}: use --reencode, or export it again as JPEG or PNG")
    return UnsupportedPhotoError(f"{what}: export it again as JPEG or PNG")
