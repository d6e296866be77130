"""Which way is up, of files that say it in EXIF or XMP: what is written, and what people should know."""

from dataclasses import dataclass

from cloak.image import blocks, orientation
from cloak.image.strip.base import TURNED_BY_EXIF, Keep


@dataclass(frozen=True, slots=True)
class Upright:
    """What becomes of it.

    Attributes:
        block: the EXIF block to write, without the "Exif" header; b"" for none.
        removed: for `Plan.removed`.
        kept: for `Plan.kept`.
        notes: for `Plan.notes`.
    """

    block: bytes = b""
    removed: frozenset[str] = frozenset()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def upright(keep: Keep, exif: bytes, xmp: bytes, text: bytes = b"") -> Upright:
    """Decide what is written.

    Args:
        keep: what may stay.
        exif: the block that browsers heed.
        xmp: the XMP packet.
        text: an EXIF block where browsers do not look for one.
    """
    block = orientation.block(orientation.read(exif or text, xmp))
    if not block:
        return Upright()
    if not keep.orientation:
        return Upright(removed=frozenset({blocks.ORIENTATION}))
    moved = orientation.in_exif(exif) is None
    return Upright(block, kept=(blocks.ORIENTATION,), notes=(TURNED_BY_EXIF,) if moved else ())


__all__ = ["Upright", "upright"]
