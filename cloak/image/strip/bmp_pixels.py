"""The pixels of a bitmap (BMP), without the bits that belong to none: in the padding of rows, behind the last code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cloak.errors import UnreadablePhotoError
from cloak.image.strip.base import BLOCK, Piece, Source, Span
from cloak.image.strip.reader import Reader

_WIDE = 4096  # bytes of a row from which on only its end is read


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
    for row, last in _unclean(source, layout.start, end, (used, stride, unused)):
        clean = bytes([last >> unused << unused]) + bytes(stride - used)
        pieces += [Span(begin, row + used - 1), clean]
        begin = row + stride
    if begin < end:
        pieces.append(Span(begin, end))
    return Pixels(tuple(pieces), end, hidden=begin > layout.start)


def _unclean(source: Source, start: int, end: int, row: tuple[int, int, int]) -> Iterator[tuple[int, int]]:
    """The offset and the last byte in use of each row that has bits set behind its last pixel."""
    used, stride, unused = row
    mask = (1 << unused) - 1
    tail = stride - used + 1
    if stride > _WIDE:
        for place in range(start, end, stride):
            data = source.read(place + used - 1, tail)
            if any(data[1:]) or data[0] & mask:
                yield place, data[0]
        return
    step = BLOCK // stride * stride
    for first in range(start, end, step):
        data = source.read(first, min(step, end - first))
        bad = any(any(data[column::stride]) for column in range(used, stride))
        if bad or any(byte & mask for byte in set(data[used - 1 :: stride])):
            for place in range(0, len(data), stride):
                if any(data[place + used : place + stride]) or data[place + used - 1] & mask:
                    yield first + place, data[place + used - 1]


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
