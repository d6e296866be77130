"""The second reader of variable-length codes (LZW), of GIF and of TIFF.

Source: CompuServe, GIF89a, appendix F; TIFF 6.0, section 13.
"""

from dataclasses import dataclass

from cloak.image.fields import MOST, unpack

_FULL = 4096
_WINDOW = 32  # bytes out of which codes are taken one by one
_PATIENCE = 24  # codes after a clear code, or strings in a table, for which unpacking many codes at once pays


def ends_with(data: bytes, bits: int, pixels: int, *, tiff: bool = False) -> bool:
    """Whether coded pixels end with the data: the code for the end is its last, and no pixel is more than needed.

    There may be less pixels than needed: then some are missing, but nothing can hide.

    Args:
        data: the codes.
        bits: of a pixel.
        pixels: that the picture has.
        tiff: the first bit of a code is its highest, and codes grow one sooner.
    """
    clear = 1 << bits
    walk = _Walk(data, clear, pixels, tiff, [1] * clear + [0, 0])
    hasty = True  # whether the table was cleared early before
    while True:
        few = clear + _PATIENCE if hasty else 2 * _PATIENCE
        special = walk.few(few) if len(walk.sizes) < few else walk.many()
        if special is None or walk.total - walk.last >= pixels:  # the end of the data, or pixels behind the last
            return False
        if special == clear + 1:
            return walk.is_last() and walk.total > 0
        if special == clear:
            if walk.total >= pixels:
                return False
            hasty = len(walk.sizes) < clear + _PATIENCE
            del walk.sizes[clear + 2 :]


@dataclass(slots=True)
class _Walk:
    """Where in the codes we are.

    Attributes:
        data: the codes.
        clear: the code that empties the table.
        pixels: that the picture has.
        tiff: see `ends_with`.
        sizes: pixels of each string; the two special codes stand for none. The last string is one that will be complete
            with the next code, which may be its own.
        position: the next bit.
        total: pixels so far.
        last: pixels of the last code.
    """

    data: bytes
    clear: int
    pixels: int
    tiff: bool
    sizes: list[int]
    position: int = 0
    total: int = 0
    last: int = 0

    @property
    def width(self) -> int:
        """Bits of the next code."""
        return min(12, (len(self.sizes) - 1 + self.tiff).bit_length())

    def few(self, most: int) -> int | None:
        """Follow codes, one by one, until the table has so many strings; return as `many` does.

        A table may be cleared meanwhile.
        """
        data, sizes, tiff, clear = self.data, self.sizes, self.tiff, self.clear
        window = data[self.position // 8 : self.position // 8 + _WINDOW]
        left = 8 * len(window) - self.position % 8
        packed = int.from_bytes(window, "big" if tiff else "little") >> (0 if tiff else self.position % 8)
        number = None
        while len(sizes) < most and (width := (len(sizes) - 1 + tiff).bit_length()) <= left:
            left -= width
            if tiff:
                number = packed >> left & (1 << width) - 1
            else:
                number = packed & (1 << width) - 1
                packed >>= width
            if number >= len(sizes):
                return None
            self.position += width
            if size := sizes[number]:
                sizes.append(size + 1)
                self.total, self.last = self.total + size, size
            elif number == clear and self.total < self.pixels:
                del sizes[clear + 2 :]
            else:
                break
        return number

    def many(self) -> int | None:
        """Follow codes of one width, up to a special one; return the last. None: the data ends, or one is unknown."""
        width, sizes, known = self.width, self.sizes, len(self.sizes)
        room = MOST if width == 12 else (1 << width) + 1 - self.tiff - known
        number = None
        try:
            for number in unpack(self.data, self.position, min(MOST, room), width, big=self.tiff):
                size = sizes[number]
                if not size:
                    self.position += width
                    break
                sizes.append(size + 1)
        except IndexError:
            return None
        added = sizes[known:]
        self.position += width * len(added)
        self.total += sum(added) - len(added)
        self.last = added[-1] - 1 if added else self.last
        del sizes[_FULL:]
        return number

    def is_last(self) -> bool:
        """Whether nothing but zero bits up to the end of the byte follow."""
        if (self.position + 7) // 8 != len(self.data):
            return False
        unused = 8 * len(self.data) - self.position
        return not self.data[-1] & ((1 << unused) - 1 if self.tiff else 0xFF00 >> unused & 0xFF)


__all__ = ["ends_with"]
