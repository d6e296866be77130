"""How much of a picture its clean aperture hides, for the second reader and for those who ask what a file holds.

Source: ISO/IEC 14496-12:2022, section 12.1.4; ISO/IEC 23008-12:2022, section 6.5.9.
"""

import struct
from collections.abc import Sequence

from cloak.image.bmff import Box
from cloak.image.structure import StructureError

_FILLED = 64
"""Pixels: the encoders of small pictures fill them up to this size, to the right and below."""


def hidden(properties: Sequence[Box], size: tuple[int, int] = (0, 0)) -> tuple[int, int, int, int]:
    """Pixels that are cropped away left, right, at the top and at the bottom; all 0 for what encoders pad by.

    Args:
        properties: of the picture, in order.
        size: width and height before the crop; (0, 0) where `ispe` says it.

    Raises:
        StructureError: a crop that does not add up.
    """
    if not any(box.kind == b"clap" for box in properties):
        return 0, 0, 0, 0
    for box in properties:
        if box.kind == b"ispe" and len(box.body) >= 12 and size == (0, 0):
            size = struct.unpack(">II", box.body[4:12])
    if 0 in size:
        raise StructureError("a crop of a picture of unknown size")
    for box in properties:
        if box.kind == b"irot" and bytes(box.body[:1]) in {b"\1", b"\3"}:
            size = size[1], size[0]
        if box.kind == b"clap":
            cut, size = _apply(bytes(box.body), size)
            if any(cut):
                return cut
    return 0, 0, 0, 0


def _apply(body: bytes, size: tuple[int, int]) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """What one crop hides, and the size of what it shows."""
    if len(body) < 32:
        raise StructureError(f"box clap of {len(body)} bytes")
    numbers = struct.unpack(">8i", body[:32])
    if any(number <= 0 for number in (*numbers[:4], numbers[5], numbers[7])):
        raise StructureError("a crop without a size")
    left, right = _side(size[0], *numbers[:2], *numbers[4:6])
    top, bottom = _side(size[1], *numbers[2:4], *numbers[6:])
    return (left, right, top, bottom), (numbers[0] // numbers[1], numbers[2] // numbers[3])


def _side(stored: int, shown: int, shown_unit: int, moved: int, moved_unit: int) -> tuple[int, int]:
    """Pixels hidden on both sides; (0, 0) for padding. Counted in parts of which 2 x unit x unit make a pixel."""
    pixel = 2 * shown_unit * moved_unit
    rest = stored * pixel - shown * 2 * moved_unit
    first = rest // 2 + moved * 2 * shown_unit
    last = rest - first
    if first <= pixel and (last <= pixel or (first == 0 and stored <= _FILLED)):
        return 0, 0
    return max(0, -(-first // pixel)), max(0, -(-last // pixel))
