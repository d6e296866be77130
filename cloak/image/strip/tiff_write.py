"""Lay out the pages of a new TIFF file: a directory, its values, its strips, each page behind the last.

Source: TIFF 6.0, section 2.
"""

import struct
from dataclasses import dataclass, field

from cloak.errors import TooLargeError
from cloak.image.strip.base import Piece

STRIPS, TILES = (273, 279), (324, 325)
"""The tags that hold offsets and sizes."""
_LONG = 4
_END = 1 << 32


@dataclass(slots=True)
class Page:
    """What is written of one page.

    Attributes:
        values: type, number of values and their bytes, by tag.
        strips: what to write of each strip or tile, and the key of its content: equal ones are written once.
        arrays: the tags that hold offsets and sizes of strips.
    """

    values: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    strips: list[tuple[tuple[int, int], tuple[Piece, ...]]] = field(default_factory=list)
    arrays: tuple[int, int] = STRIPS


def assemble(pages: list[Page], order: str) -> list[Piece]:
    """The bytes of the new file, and the parts of the old one that are copied into it.

    Args:
        pages: in order, one at least.
        order: "<" or ">".

    Raises:
        TooLargeError: more bytes than a TIFF file can have.
    """
    pieces: list[Piece] = [{"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)]
    start = 8
    for number, page in enumerate(pages):
        last = number == len(pages) - 1
        count = len(page.strips)
        values = page.values | dict.fromkeys(page.arrays, (_LONG, count, bytes(4 * count)))
        head = 2 + 12 * len(values) + 4 + sum(_even(len(data)) for _, _, data in values.values() if len(data) > 4)
        position = start + head
        places: dict[tuple[int, int], tuple[int, int]] = {(0, 0): (0, 0)}
        body: list[Piece] = []
        for key, strip in page.strips:
            if key not in places:
                places[key] = position, sum(len(piece) for piece in strip)
                position += places[key][1]
                body += strip
        offsets, sizes = zip(*(places[key] for key, _ in page.strips), strict=True)
        following = 0 if last else _even(position)
        if position >= _END:
            raise TooLargeError(f"TIFF: {position} bytes are more than a TIFF file can have: save it as PNG first")
        for tag, numbers in zip(page.arrays, (offsets, sizes), strict=True):
            values[tag] = _LONG, count, struct.pack(f"{order}{count}I", *numbers)
        pieces += [_directory(values, order, start, following), *body]
        pieces += [b"\0"] if following > position else []
        start = following
    return pieces


def _directory(values: dict[int, tuple[int, int, bytes]], order: str, start: int, following: int) -> bytes:
    table, heap = struct.pack(f"{order}H", len(values)), b""
    place = start + 2 + 12 * len(values) + 4
    for tag, (kind, count, data) in sorted(values.items()):
        table += struct.pack(f"{order}HHI", tag, kind, count)
        if len(data) <= 4:
            table += data.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", place + len(heap))
            heap += data + bytes(len(data) % 2)
    return table + struct.pack(f"{order}I", following) + heap


def _even(size: int) -> int:
    return size + size % 2


__all__ = ["STRIPS", "TILES", "Page", "assemble"]
