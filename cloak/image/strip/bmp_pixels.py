"""The pixels of a bitmap (BMP), without the bits that belong to none: of no channel, in the padding of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cloak.errors import UnreadablePhotoError
from cloak.image.strip.base import Masked, Piece, Source, Span

_WIDE = 1 << 16  # bytes of a row from which on each is a piece of its own


class Layout(Protocol):
    """Where pixels are, from `start` on, and how they are stored; a negative `height` is top down."""

    width: int
    height: int
    depth: int
    compression: int
    start: int

    @property
    def channels(self) -> int:
        """The bits of a pixel that mean something, where it has more than 8."""
        ...


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
    """Pixels that are not compressed; bits of no channel, and the padding of each row, are zero.

    Raises:
        UnreadablePhotoError: the file ends before the last row.
    """
    bits = layout.width * layout.depth
    stride, count = (bits + 31) // 32 * 4, abs(layout.height)
    end = layout.start + stride * count
    if end > source.size:
        raise UnreadablePhotoError(
            f"BMP: truncated or damaged ({count} rows of {stride} bytes from byte {layout.start} of {source.size}): "
            "copy it again from its source"
        )
    whole = Span(layout.start, end)
    if bits == 8 * stride and layout.channels == (1 << layout.depth) - 1:
        return Pixels((whole,), end, hidden=False)
    pieces = tuple(_masked(layout, stride, end))
    hidden = any(block != source.read(start, len(block)) for piece in pieces for start, block in piece.placed(source))
    return Pixels(pieces if hidden else (whole,), end, hidden=hidden)


def _masked(layout: Layout, stride: int, end: int) -> Iterator[Masked]:
    """Rows of which only pixels are copied: all of them together, or wide ones one by one."""
    pixel = layout.channels.to_bytes(layout.depth // 8, "little") if layout.depth > 8 else b"\xff"
    used, more = divmod(layout.width * layout.depth, 8)
    last = (bytes([0xFF00 >> more & 0xFF]) if more else b"").ljust(stride - used, b"\0")
    if stride <= _WIDE:
        yield Masked(layout.start, end, pixel * (used // len(pixel)) + last)
        return
    for place in range(layout.start, end, stride):
        yield Masked(place, place + used, pixel)
        if last:
            yield Masked(place + used, place + stride, last)


__all__ = ["Layout", "Pixels", "rows"]
