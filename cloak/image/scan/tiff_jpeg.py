"""What the JPEG strips of a TIFF page may be, and the tables that they share: none is larger, none is unused."""

from collections.abc import Sequence

from cloak.errors import ResidueError
from cloak.image.structure import Cursor

_QUANTISATION, _HUFFMAN, _SCAN = 0xDB, 0xC4, 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {_HUFFMAN, 0xC8, 0xCC}


def check_tables(tables: bytes, strips: Sequence[bytes]) -> None:
    """Check the tables that all JPEG strips of a page share: whole ones, each once, in order, each used by a strip.

    Raises:
        ResidueError: anything else is in it.
        StructureError: they cannot be followed.
    """
    names = []
    cursor = Cursor(memoryview(tables))
    if cursor.uint(2) != 0xFFD8:
        raise ResidueError("TIFF: JPEG tables that do not begin as such")
    while (marker := cursor.uint(2)) != 0xFFD9:
        content = bytes(cursor.take(cursor.uint(2) - 2))
        names.append((marker & 0xFF, _number(marker, content)))
    cursor.end()
    used = {name for strip in strips for name in _needed(strip)}
    if names != sorted(set(names)) or not names or not used.issuperset(names):
        raise ResidueError("TIFF: JPEG tables that are there twice, out of order, or used by no strip")


def _number(marker: int, content: bytes) -> int:
    """The class and number of the only table of a segment, which is of its exact size."""
    if marker == 0xFF00 | _QUANTISATION and len(content) == (129 if content[0] >> 4 else 65):
        return content[0] & 0xF
    if marker == 0xFF00 | _HUFFMAN and len(content) == 17 + sum(content[1:17]):
        return content[0]
    raise ResidueError(f"TIFF: JPEG tables with something else in it ({marker:x}), or a table not of its exact size")


def check_size(strip: bytes, width: int, rows: int) -> None:
    """Check that a strip has no more pixels than there is room for.

    Raises:
        ResidueError: it has.
    """
    for marker, content in _headers(strip):
        if marker in _FRAMES:
            height, across = int.from_bytes(content[1:3], "big"), int.from_bytes(content[3:5], "big")
            if across > width or height > rows:
                raise ResidueError(f"TIFF: a JPEG strip of {across} x {height} pixels for {width} x {rows}")


def _headers(strip: bytes) -> list[tuple[int, bytes]]:
    """The segments up to the first scan."""
    cursor = Cursor(memoryview(strip))
    cursor.take(2)
    found = [(0, b"")]
    while found[-1][0] != _SCAN:
        cursor.take(1)
        marker = cursor.uint(1)
        found.append((marker, bytes(cursor.take(cursor.uint(2) - 2))))
    return found


def _needed(strip: bytes) -> set[tuple[int, int]]:
    """The tables that a strip uses and does not have: all, where it has several scans."""
    needed: set[tuple[int, int]] = set()
    colours = 0
    for marker, content in _headers(strip):
        if marker in _FRAMES:
            colours = content[5] if marker in {0xC0, 0xC1} else 0
            needed |= {(_QUANTISATION, content[place + 2]) for place in range(6, len(content) - 2, 3)}
        elif marker == _SCAN:
            if content[0] != colours:
                return {(kind, number) for kind in (_QUANTISATION, _HUFFMAN) for number in range(32)}
            for place in range(2, 2 + 2 * colours, 2):
                needed |= {(_HUFFMAN, content[place] >> 4), (_HUFFMAN, 16 + content[place] % 16)}
    return needed


__all__ = ["check_size", "check_tables"]
