"""Pixels of a TIFF page that are not coded, without bits that are no pixels: behind rows, beyond the page's edge."""

from dataclasses import dataclass

from cloak.image.strip.base import Masked, Piece, Source, Span
from cloak.image.strip.tiff_unpack import MIRRORED


@dataclass(frozen=True, slots=True)
class Part:
    """A strip or tile.

    Attributes:
        stride: bytes of a row.
        rows: how many there are.
        bits: of a row that are pixels of the page.
        shown: rows that have such pixels.
        mirrored: the first bit of a byte is its lowest.
    """

    stride: int
    rows: int
    bits: int
    shown: int
    mirrored: bool = False

    @property
    def full(self) -> bool:
        """Whether all of it is pixels of the page."""
        return self.bits == 8 * self.stride and self.shown == self.rows


def shown(source: Source, start: int, part: Part) -> tuple[Piece, ...]:
    """What to write of a strip or tile: a span of the original where nothing is hidden in it."""
    end = start + part.stride * part.rows
    whole = Span(start, end)
    if part.full:
        return (whole,)
    used, more = divmod(part.bits, 8)
    last = bytes([0xFF00 >> more & 0xFF]) if more else b""
    mask = b"\xff" * used + (last.translate(MIRRORED) if part.mirrored else last)
    edge = start + part.stride * part.shown
    pieces = [Masked(start, edge, mask.ljust(part.stride, b"\0"))]
    pieces += [Masked(edge, end, b"\0")] if edge < end else []
    clean = all(block == source.read(place, len(block)) for piece in pieces for place, block in piece.placed(source))
    return (whole,) if clean else tuple(pieces)


__all__ = ["Part", "shown"]
