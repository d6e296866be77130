"""Where in a file the frames of its tracks lie, and the boxes that list items.

Source: ISO/IEC 14496-12:2022, sections 8.7.3 to 8.7.5.
"""

from collections.abc import Iterator

from cloak.image.bmff import Box, boxes
from cloak.image.structure import Cursor, StructureError
from cloak.inspect.unused import Span

_WAY = (b"mdia", b"minf", b"stbl")
_MOST_CHUNKS = 1_000_000


def spans(movie: Box) -> Iterator[Span]:
    """Yield where the frames of a `moov` box lie, a chunk at a time.

    Raises:
        StructureError: the tables of a track do not add up.
    """
    for track in boxes(movie.body):
        inside = track if track.kind == b"trak" else None
        for kind in _WAY:
            inside = next((box for box in boxes(inside.body) if box.kind == kind), None) if inside else None
        if inside:
            yield from _chunks({box.kind: box for box in boxes(inside.body)})


def items(movie: Box) -> Iterator[Box]:
    """Yield the `meta` boxes of a `moov` box and of its tracks that list items.

    Raises:
        StructureError: a box reaches beyond the one around it.
    """
    for box in boxes(movie.body, movie.offset):
        inside = boxes(box.body, box.offset) if box.kind == b"trak" else iter([box])
        yield from (found for found in inside if found.kind == b"meta" and bytes(found.body[8:12]) == b"hdlr")


def _chunks(table: dict[bytes, Box]) -> Iterator[Span]:
    wide = b"co64" in table
    places = Cursor(_part(table, b"co64" if wide else b"stco").body[4:])
    count = places.uint(4)
    runs = Cursor(_part(table, b"stsc").body[4:])
    listed = [(runs.uint(4), runs.uint(4), runs.uint(4)) for _ in range(min(runs.uint(4), runs.left // 12))]
    sizes = _Sizes(table)
    if count > _MOST_CHUNKS or (count and not listed):
        raise StructureError(f"{count} chunks of frames in {len(listed)} runs")
    run = 0
    for number in range(1, count + 1):
        while run + 1 < len(listed) and listed[run + 1][0] <= number:
            run += 1
        start = places.uint(8 if wide else 4)
        yield start, start + sizes.take(listed[run][1])


class _Sizes:
    """The sizes of frames, one after the other."""

    def __init__(self, table: dict[bytes, Box]) -> None:
        box = table.get(b"stsz") or _part(table, b"stz2")
        self._cursor = Cursor(box.body[4:])
        stated = self._cursor.uint(4)
        self._each, self._width = (stated, 32) if box.kind == b"stsz" else (0, stated & 0xFF)
        self._left = self._cursor.uint(4)
        if self._width not in {4, 8, 16, 32}:
            raise StructureError(f"frames with sizes of {self._width} bits")
        self._half: list[int] = []

    def take(self, count: int) -> int:
        """Bytes of the next frames, as many of them as there are."""
        count = min(count, self._left)
        self._left -= count
        return count * self._each if self._each else sum(self._next() for _ in range(count))

    def _next(self) -> int:
        if self._width >= 8:
            return self._cursor.uint(self._width // 8)
        if not self._half:
            both = self._cursor.uint(1)
            self._half = [both & 15, both >> 4]
        return self._half.pop()


def _part(table: dict[bytes, Box], kind: bytes) -> Box:
    if kind not in table:
        raise StructureError(f"a track without a box {kind.decode()}")
    return table[kind]


__all__ = ["items", "spans"]
