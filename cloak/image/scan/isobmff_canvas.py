"""Whether every part of a picture that is made of others is seen, if only its edge.

Source: ISO/IEC 23008-12:2022, section 6.6.2.
"""

import struct
from collections.abc import Sequence

from cloak.image.bmff import Box
from cloak.image.structure import Cursor

Size = tuple[int, int]


def extent(properties: Sequence[Box]) -> Size | None:
    """Width and height of a picture with these properties, in order; None where they do not say."""
    found: Size | None = None
    for box in properties:
        body = bytes(box.body)
        if box.kind == b"ispe":
            found = int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big")
        if found and box.kind == b"irot" and body in {b"\1", b"\3"}:
            found = found[::-1]
        if found and box.kind == b"clap":
            numbers = struct.unpack(">4i", body[:16])
            if min(numbers) > 0:
                found = numbers[0] // numbers[1], numbers[2] // numbers[3]
    return None if found is None or 0 in found else found


def unseen(recipe: bytes, parts: Sequence[Size | None], *, tiles: bool) -> int:
    """How many parts lie beyond the edge as a whole.

    Args:
        recipe: content of the item, of the exact length.
        parts: the size of each part.
        tiles: they lie beside each other in a grid, and not over each other.
    """
    cursor = Cursor(memoryview(recipe))
    wide = 4 if cursor.uint(2) & 1 else 2
    corners = _tiles(cursor, parts) if tiles else None
    if corners is None:
        cursor.take(8)  # the colour behind
    width, height = cursor.uint(wide), cursor.uint(wide)
    if corners is None:
        corners = [(_signed(cursor, wide), _signed(cursor, wide)) for _ in parts]
    return sum(
        left >= width or top >= height or left + size[0] <= 0 or top + size[1] <= 0
        for size, (left, top) in zip(parts, corners, strict=True)
        if size
    )


def _tiles(cursor: Cursor, parts: Sequence[Size | None]) -> list[tuple[int, int]]:
    rows, columns = cursor.uint(1) + 1, cursor.uint(1) + 1
    sizes = [size or (0, 0) for size in parts]
    places = ((row, column) for row in range(rows) for column in range(columns))
    return [(column * size[0], row * size[1]) for (row, column), size in zip(places, sizes, strict=True)]


def _signed(cursor: Cursor, width: int) -> int:
    return int.from_bytes(cursor.take(width), "big", signed=True)


__all__ = ["extent", "unseen"]
