"""How the pixels of a TIFF page are laid out: its strips and tiles, and how many bytes of pixels each holds.

Source: TIFF 6.0, sections 3, 9, 11, 13, 15, 21; Adobe, TIFF Technical Note 2 (JPEG).
"""

from dataclasses import dataclass

from cloak.errors import UnsupportedPhotoError
from cloak.image.strip.fax import CODED, GROUP4
from cloak.image.strip.tiff_jpeg import Tables
from cloak.image.strip.tiff_read import Directory, damaged
from cloak.image.strip.tiff_rows import Part

RAW, LZW, JPEG_OLD, JPEG, DEFLATE, DEFLATE_OLD, PACKBITS, LZMA, WEBP = 1, 5, 6, 7, 8, 32946, 32773, 34925, 50001
_KNOWN = CODED | {RAW, LZW, JPEG_OLD, JPEG, DEFLATE, DEFLATE_OLD, PACKBITS, LZMA, WEBP}
_FAX_WORDS = 32771  # rows that start at even bytes: what libtiff writes so it does not read again
_OPTIONS = {3: 292, 4: 293}
"""The tag that says more about how a fax coded pixels."""
_YCBCR = 6
_MOST_SAMPLES = 1 << 16
_INSTEAD = "save it with LZW or deflate compression first"


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of a page are laid out.

    Attributes:
        compression: how they are coded.
        across: tiles beside each other, 1 for strips.
        down: tiles or strips below each other.
        planes: how many times that, for one kind of sample each.
        width: pixels of a tile or strip.
        rows: of a tile or strip.
        last_rows: of the last strip, which may end with the picture.
        edge: columns and rows that are shown of the last tile.
        bits: of a pixel, in each plane.
        block: pixels across and down that share their colour, and how many samples they have.
        mirrored: the first bit of a byte is its lowest, also where it belongs to a code.
        options: more about how a fax coded them.
        tables: what all JPEG strips share, where there are such tables; it is told of each strip.
        anew: they are decoded, and coded anew by deflate, because the code does not say where they end.
    """

    compression: int
    across: int
    down: int
    planes: int
    width: int
    rows: int
    last_rows: int
    bits: tuple[int, ...]
    edge: tuple[int, int]
    block: tuple[int, int, int] = (1, 1, 0)
    mirrored: bool = False
    options: int = 0
    tables: Tables | None = None
    anew: bool = False

    @property
    def count(self) -> int:
        """Tiles or strips in all."""
        return self.across * self.down * self.planes

    def lines(self, index: int) -> int:
        """Rows of a tile, or those of a strip up to the end of the picture."""
        count = self.across * self.down
        return self.last_rows if index % count == count - 1 else self.rows

    def size(self, index: int, *, full: bool = False) -> int:
        """Bytes of pixels in a tile or strip; in the last strip those up to the end of the picture, or `full`."""
        plane, rows = index // (self.across * self.down), self.rows if full else self.lines(index)
        wide, high, samples = self.block
        if samples:
            return -(-self.width // wide) * -(-rows // high) * samples * self.bits[0] // 8
        return (self.width * self.bits[plane] + 7) // 8 * rows

    def key(self, index: int) -> int:
        """What tells apart tiles that show different parts of the same bytes."""
        down, across = divmod(index % (self.across * self.down), self.across)
        return 2 * (across == self.across - 1) + (down == self.down - 1) if self.compression == RAW else 0

    def part(self, index: int) -> Part:
        """What of a tile or strip is shown; all of it, where pixels share their colours."""
        kind, bits = self.key(index), self.bits[index // (self.across * self.down)]
        stride, lines = (self.width * bits + 7) // 8, self.lines(index)
        if self.block[2]:
            return Part(self.size(index), 1, 8 * self.size(index), 1)
        columns = self.edge[0] if kind & 2 else self.width
        return Part(stride, lines, columns * bits, self.edge[1] if kind & 1 else lines, mirrored=self.mirrored)


def layout(page: Directory) -> Layout:
    """Say how the pixels of a page are laid out.

    Raises:
        UnreadablePhotoError: that makes no sense.
        UnsupportedPhotoError: they are coded in a way that we do not follow.
    """
    compression = page.integer(259, RAW)
    if compression == _FAX_WORDS:
        raise UnsupportedPhotoError(f"TIFF: pixels coded as by a fax (number {compression}): {_INSTEAD}")
    if compression not in _KNOWN:
        raise UnsupportedPhotoError(f"TIFF: pixels coded in a way (number {compression}) that is not known: {_INSTEAD}")
    width, height, samples = page.integer(256, 0), page.integer(257, 0), page.integer(277, 1)
    bits = page.integers(258) or (1,)
    if not (width > 0 and height > 0 and 0 < samples <= _MOST_SAMPLES and all(0 < each <= 64 for each in bits)):
        raise damaged(f"{width} x {height} pixels of {samples} times {bits[:9]} bits")
    bits = bits[:samples] if len(bits) >= samples else bits[:1] * samples
    separate = page.integer(284, 1) == 2 and samples > 1
    planes = bits if separate else (sum(bits),)
    if 322 in page.entries:
        wide, rows = page.integer(322, 0), page.integer(323, 0)
        last = rows
    else:
        wide, rows = width, min(page.integer(278, height) or height, height)
        last = height - (height - 1) // max(1, rows) * rows
    if wide <= 0 or rows <= 0:
        raise damaged(f"tiles of {wide} x {rows} pixels")
    block = (1, 1, 0)
    if page.integer(262, 0) == _YCBCR and not separate and samples == 3:
        high = page.integers(530) or (2, 2)
        if len(high) == 2 and set(high) <= {1, 2, 4}:
            block = (*high, high[0] * high[1] + 2)
            planes = bits[:1]
    return Layout(
        compression, -(-width // wide), -(-height // rows), len(planes), wide, rows, last, planes,
        (width - (width - 1) // wide * wide, height - (height - 1) // rows * rows), block,
        mirrored=page.integer(266, 1) == 2,
        options=page.integer(_OPTIONS[compression], 0) if compression in _OPTIONS else 0,
        anew=compression in CODED - {GROUP4},
    )  # fmt: skip


__all__ = [
    "DEFLATE",
    "DEFLATE_OLD",
    "JPEG",
    "JPEG_OLD",
    "LZMA",
    "LZW",
    "PACKBITS",
    "RAW",
    "WEBP",
    "Layout",
    "layout",
]
