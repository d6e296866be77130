"""The pixels of a bitmap (BMP), without the bits that belong to none: in the padding of rows, behind the last code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cloak.errors import UnreadablePhotoError, UnsupportedPhotoError
from cloak.image.strip.base import Piece, Source, Span
from cloak.image.strip.reader import Reader

_WIDE = 4096  # bytes of a row from which on only its end is read
_BLOCK = 1 << 16
_MOST_HELD = 1 << 28  # bytes of rows with something behind their pixels
_OVERHEAD = 256  # bytes of memory that each piece takes


class Layout(Protocol):
    """Where pixels are, from `start` on, and how they are stored; a negative `height` is top down."""

    width: int
    height: int
    depth: int
    compression: int
    start: int


@dataclass(frozen=True, slots=True)
class Pixels:
    """What to write.

    Attributes:
        pieces: in order.
        end: offset after the pixels in the original.
        hidden: whether anything that is no pixel is left out or zeroed.
    """

    pieces: tuple[Piece, ...]
    end: int
    hidden: bool

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(len(piece) for piece in self.pieces)


def rows(source: Source, layout: Layout) -> Pixels:
    """Pixels that are not compressed; the padding of each row is zero.

    Raises:
        UnreadablePhotoError: the file ends before the last row.
        UnsupportedPhotoError: more bytes are set behind the pixels of its rows than are held in memory.
    """
    bits = layout.width * layout.depth
    used, stride = (bits + 7) // 8, (bits + 31) // 32 * 4
    count = abs(layout.height)
    end = layout.start + stride * count
    if end > source.size:
        raise UnreadablePhotoError(
            f"BMP: truncated or damaged ({count} rows of {stride} bytes from byte {layout.start} of {source.size}): "
            "copy it again from its source"
        )
    unused = 8 * used - bits
    if used == stride and not unused:
        return Pixels((Span(layout.start, end),), end, hidden=False)
    pieces: list[Piece] = []
    begin = layout.start
    held = 0
    for start, clean in _cleaned(source, layout.start, end, _Row(used, stride, unused)):
        pieces += [Span(begin, start), clean]
        begin = start + len(clean)
        held += len(clean) + _OVERHEAD
        if held > _MOST_HELD:
            raise UnsupportedPhotoError("BMP: too much data in the padding of its rows: save it as PNG first")
    if begin < end:
        pieces.append(Span(begin, end))
    return Pixels(tuple(pieces), end, hidden=begin > layout.start)


@dataclass(frozen=True, slots=True)
class _Row:
    """What a row consists of: bytes in use, bytes in all, and unused bits at the end of the last byte in use."""

    used: int
    stride: int
    unused: int

    def clean(self, data: bytes) -> bytes:
        """The ends of rows, or whole rows, without what is no pixel."""
        cleaned, count = bytearray(data), len(data) // self.stride
        for column in range(self.used, self.stride):
            cleaned[column :: self.stride] = bytes(count)
        last = bytes(byte >> self.unused << self.unused for byte in range(256))
        cleaned[self.used - 1 :: self.stride] = data[self.used - 1 :: self.stride].translate(last)
        return bytes(cleaned)


def _cleaned(source: Source, start: int, end: int, row: _Row) -> Iterator[tuple[int, bytes]]:
    """Offsets and clean content of rows, or of the ends of wide ones, that have bits set behind their last pixel."""
    if row.stride > _WIDE:
        tail = _Row(1, row.stride - row.used + 1, row.unused)
        for place in range(start + row.used - 1, end, row.stride):
            data = source.read(place, tail.stride)
            if (clean := tail.clean(data)) != data:
                yield place, clean
        return
    step = _BLOCK // row.stride * row.stride
    for place in range(start, end, step):
        data = source.read(place, min(step, end - place))
        if (clean := row.clean(data)) != data:
            yield place, clean


def coded(source: Source, layout: Layout) -> Pixels:
    """Pixels that are coded by the length of runs, up to the code for the end.

    Raises:
        UnreadablePhotoError: the file ends before that.
    """
    reader = Reader(source, layout.start)
    pieces: list[Piece] = []
    begin, column, row, hidden = layout.start, 0, 0, False
    while row < layout.height - 1 or (row < layout.height and column < layout.width):
        place = reader.position
        count, value = reader.take(2)
        if count or value > 2:
            if count and column >= layout.width:  # nobody shows it
                pieces.append(Span(begin, place))
                begin, hidden = place + 2, True
            column += count or value
            if not count and _absolute(reader, value, layout.compression):
                pieces += [Span(begin, reader.position - 1), b"\0"]
                begin, hidden = reader.position, True
        elif value == 0:
            column, row = 0, row + 1
        elif value == 1:
            return _cut(pieces, begin, place, reader.position, hidden=hidden)
        else:
            right, up = reader.take(2)
            column, row = column + right, row + up
    place = reader.position  # the picture is complete: what may follow is the end of its last row, and the code
    ends = reader.take(min(4, reader.left))
    end = place + (2 if ends[:2] == b"\0\1" else 4 if ends == b"\0\0\0\1" else 0)
    return _cut(pieces, begin, place, end, hidden=hidden)


def _cut(pieces: list[Piece], begin: int, place: int, end: int, *, hidden: bool) -> Pixels:
    """What to write of pixels whose codes end at a place: up to there, and the code for the end."""
    spans = [piece for piece in (*pieces, Span(begin, place), b"\0\1") if len(piece)]
    return Pixels(tuple(spans), end, hidden=hidden)


def _absolute(reader: Reader, count: int, compression: int) -> bool:
    """Skip pixels that are not coded; say whether a byte of padding behind them is not zero."""
    size = count if compression == 1 else (count + 1) // 2
    reader.take(size)
    return bool(size % 2 and reader.take(1)[0])


__all__ = ["Layout", "Pixels", "coded", "rows"]
