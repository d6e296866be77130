"""Follow the variable-length codes (LZW) of a GIF or TIFF picture to its last pixel, without decoding them.

Codes of one width are unpacked together; one by one where a table is small or is soon cleared again, so that a file
that does nothing else costs but a few times as much. NumPy is no faster here: each code depends on earlier ones.

Source: CompuServe, GIF89a, appendix F; TIFF 6.0, section 13.
"""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

from cloak.errors import UnreadablePhotoError
from cloak.image.fields import MOST, unpack

_FULL = 1 << 12  # strings that the table can hold
_WIDEST = 12
_FEW = 1 << 6  # strings in a table so small that its codes are not worth unpacking together
_SHORT = 32  # codes up to the next that clears the table, where the same holds
_WINDOW = 32  # bytes out of which codes are taken one by one


@dataclass(frozen=True, slots=True)
class End:
    """Where the codes of a picture end.

    Attributes:
        whole: bytes, from the first code on, that stay as they are.
        tail: the last bytes: what is left of the codes, and the one for the end.
    """

    whole: int
    tail: bytes


class Codes:
    """Where in a stream of codes a picture ends: only how long each string in the table is, is kept.

    Attributes:
        seen: pixels (in TIFF: bytes) so far.
    """

    def __init__(self, bits: int, pixels: int, *, tiff: bool = False) -> None:
        """Start at the first code.

        Args:
            bits: of a pixel, as the picture says before its first code.
            pixels: that the picture has.
            tiff: the first bit of a code is its highest, and codes grow one sooner.
        """
        self.seen = 0
        self._pixels = pixels
        self._tiff = tiff
        self._clear = 1 << bits
        self._rest = b""  # not followed yet
        self._bit = 0  # how many bits of the rest are
        self._dropped = 0  # bytes before the rest
        # Pixels of each string. The two special codes stand for none. The last is there too early: it is that of the
        # code before and the first pixel of the next one, which is to follow; so its length is known.
        self._lengths = [1] * self._clear + [0, 0]
        self._careful = _FEW  # strings in the table up to which codes are taken one by one

    def feed(self, block: bytes) -> End | None:
        """Follow the codes as far as the next block goes; say where the picture ends if it does so in there.

        Raises:
            UnreadablePhotoError: a code that stands for nothing.
        """
        used = self._bit // 8
        self._rest = self._rest[used:] + block
        self._dropped += used
        self._bit -= 8 * used
        while True:
            before = self._bit
            if self._one_by_one() if len(self._lengths) < self._careful else self._together():
                return self.end()
            if self._bit == before:
                return None

    def end(self) -> End:
        """Where the picture ends if it does so after the last code that was followed."""
        whole, over = divmod(self._bit, 8)
        width, code = self._width, self._clear + 1
        size = (over + width + 7) // 8
        started = self._rest[whole : whole + 1]
        if self._tiff:
            bits = code << 8 * size - over - width
            bits |= (started[0] & 0xFF00 >> over) << 8 * size - 8 if over else 0
            return End(self._dropped + whole, bits.to_bytes(size, "big"))
        bits = code << over | (started[0] & (1 << over) - 1 if over else 0)
        return End(self._dropped + whole, bits.to_bytes(size, "little"))

    @property
    def _width(self) -> int:
        """Bits of the next code."""
        return min(_WIDEST, (len(self._lengths) - 1 + self._tiff).bit_length())

    def _one_by_one(self) -> bool:
        """Follow some codes while the table is small; return whether the picture ends after them."""
        lengths, seen, tiff, clear = self._lengths, self.seen, self._tiff, self._clear
        start, used = divmod(self._bit, 8)
        window = self._rest[start : start + _WINDOW]
        size, packed = 8 * len(window), int.from_bytes(window, "big" if tiff else "little")
        width, ended = self._width, False
        while not ended and used + width <= size and len(lengths) < self._careful:
            code = packed >> (size - used - width if tiff else used) & (1 << width) - 1
            if code >= len(lengths):
                raise self._unknown(code)
            length = lengths[code]
            if length:
                seen += length
                lengths.append(length + 1)
                ended = seen >= self._pixels
            elif code == clear:
                del lengths[clear + 2 :]
            else:
                ended = True
                break
            used += width
            width = (len(lengths) - 1 + tiff).bit_length()
        self.seen = seen
        self._bit = 8 * start + used
        return ended

    def _together(self) -> bool:
        """Follow codes of one width, at most up to the next special one; return whether the picture ends after them."""
        lengths, known, width = self._lengths, len(self._lengths), self._width
        room = (1 << width) + 1 - self._tiff - known if width < _WIDEST else MOST
        code, unknown = -1, False
        try:
            for code in unpack(self._rest, self._bit, min(MOST, room), width, big=self._tiff):
                length = lengths[code]
                if not length:
                    break
                lengths.append(length + 1)
        except IndexError:
            unknown = True
        longer = lengths[known:]
        followed, pixels = len(longer), sum(longer) - len(longer)
        del lengths[_FULL:]
        ended = self.seen + pixels >= self._pixels
        if ended:  # somewhere in there, if not with the last code
            followed = _up_to(self._pixels - self.seen, longer)
            pixels = sum(longer[:followed]) - followed
            del lengths[known + followed :]
        elif unknown:
            raise self._unknown(code)
        elif code == self._clear:
            followed += 1
            strings = self._clear + 2
            self._careful = _FEW if len(lengths) > strings + _SHORT else strings + _SHORT
            del lengths[strings:]
        self.seen += pixels
        self._bit += followed * width
        return ended or code == self._clear + 1

    def _unknown(self, code: int) -> UnreadablePhotoError:
        return UnreadablePhotoError(
            f"damaged (code {code}, of {len(self._lengths)} known): copy the photo again from its source"
        )


def _up_to(pixels: int, longer: list[int]) -> int:
    """How many codes it takes to reach so many pixels; of each code the pixels and one more."""
    sums = list(accumulate(longer))
    return 1 + bisect_left(range(len(sums)), pixels, key=lambda place: sums[place] - place - 1)


__all__ = ["Codes", "End"]
