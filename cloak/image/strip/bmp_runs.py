"""The pixels of a bitmap (BMP) that are coded by the length of runs, without what is shown nowhere.

Runs end where their row does, there is one way from each to the next, and nothing leads beyond the last.
"""

from cloak.image.strip.base import Piece, Source, Span
from cloak.image.strip.bmp_pixels import Layout, Pixels
from cloak.image.strip.reader import Reader

_END = b"\0\1"
_FARTHEST = 255  # columns and rows of one move
_SHORT = 256  # bytes of a span that is not worth a piece of its own


class _Writer:
    """Collects what is written; codes that are as they should be stay spans of the original.

    Attributes:
        hidden: whether anything was left out.
    """

    def __init__(self, source: Source, start: int) -> None:
        self.hidden = False
        self._source = source
        self._pieces: list[Piece] = []
        self._made = bytearray()
        self._begin = self._end = start

    def put(self, content: bytes, end: int) -> None:
        """Write what stands in place of the next bytes of the original, up to `end`."""
        original = self._source.read(self._end, end - self._end)
        self._end = end
        if content == original:
            return
        self.hidden |= len(content) <= len(original)
        self._keep(end - len(original))
        self._made += content
        self._begin = end

    def _keep(self, end: int) -> None:
        """Write the span up to a place: as a piece, or among the bytes that are made where it is short."""
        if end - self._begin <= _SHORT:
            self._made += self._source.read(self._begin, end - self._begin)
            return
        self._pieces += [bytes(self._made), Span(self._begin, end)]
        self._made.clear()

    def close(self, end: int) -> Pixels:
        """All that was written, and the code for the end, which the original has, if at all, before a place."""
        self._keep(self._end)
        pieces = [*self._pieces, bytes(self._made) + _END]
        return Pixels(tuple(piece for piece in pieces if len(piece)), end, hidden=self.hidden)


def coded(source: Source, layout: Layout) -> Pixels:
    """Pixels that are coded by the length of runs, up to the code for the end.

    Raises:
        UnreadablePhotoError: the file ends before that.
    """
    reader, writer = Reader(source, layout.start), _Writer(source, layout.start)
    row = column = 0
    last = (0, 0)  # row and column behind the pixels that were written
    while row < layout.height - 1 or (row < layout.height and column < layout.width):
        count, value = reader.take(2)
        if count or value > 2:
            pixels = bytes([value]) if count else reader.take(_size(value, layout.depth))
            width = min(count or value, layout.width - column)
            column += count or value
            if width > 0:
                run = _run(pixels, width, layout.depth, coded=bool(count))
                writer.put(_way(*last, row, column - (count or value)) + run, reader.position)
                last = row, min(column, layout.width)
            else:  # nobody shows it
                writer.hidden = True
        elif value == 0:
            column, row = 0, row + 1
        elif value == 1:
            return writer.close(reader.position)
        else:
            right, up = reader.take(2)
            column, row = column + right, row + up
    place = reader.position  # the picture is complete: what may follow is the end of its last row, and the code
    ends = reader.take(min(4, reader.left))
    return writer.close(place + (2 if ends[:2] == _END else 4 if ends == b"\0\0" + _END else 0))


def _size(count: int, depth: int) -> int:
    """Bytes of so many pixels that are not coded, up to the next even place."""
    return (count * depth + 15) // 16 * 2


def _run(pixels: bytes, width: int, depth: int, *, coded: bool) -> bytes:
    """The code for a run of as many pixels as there is room for."""
    last = 0xF0 if depth == 4 and width % 2 else 0xFF
    if coded:
        return bytes([width, pixels[0] & (last if width == 1 else 0xFF)])
    size = (width * depth + 7) // 8
    pixels = pixels[: size - 1] + bytes([pixels[size - 1] & last])
    if width > 2:  # fewer have no code of this kind
        return bytes([0, width]) + pixels + bytes(size % 2)
    return b"".join(bytes([min(width, 8 // depth), pixel]) for pixel in pixels)


def _way(row: int, column: int, to_row: int, to_column: int) -> bytes:
    """The codes that lead from one place to another."""
    way = b""
    if to_column < column or (to_row == row + 1 and not to_column):
        row, column, way = row + 1, 0, b"\0\0"
    while (row, column) != (to_row, to_column):
        right, up = min(to_column - column, _FARTHEST), min(to_row - row, _FARTHEST)
        way += bytes([0, 2, right, up])
        row, column = row + up, column + right
    return way


__all__ = ["coded"]
