"""Follow the variable-length codes (LZW) of a GIF or TIFF picture to its last pixel, without decoding them.

Source: CompuServe, GIF89a, appendix F; TIFF 6.0, section 13.
"""

from dataclasses import dataclass

from cloak.errors import UnreadablePhotoError
from cloak.image.fields import MOST, unpack

_FULL = 1 << 12  # strings that the table can hold
_WIDEST = 12


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
        self._first_width = bits + 1
        self._rest = b""  # not followed yet
        self._bit = 0  # how many bits of the rest are
        self._dropped = 0  # bytes before the rest
        self._lengths = [1] * self._clear + [0, 0]
        self._width = self._first_width
        self._previous = 0  # pixels of the string before, 0 after a clear code

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
            width = self._width
            codes = unpack(self._rest, self._bit, min(MOST, 1 << width), width, big=self._tiff)
            if not codes:
                return None
            start = 0
            while start < len(codes) and width == self._width:
                followed, ended = self._run(codes, start)
                start += followed
                self._bit += followed * width
                if ended:
                    return self.end()

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

    def _run(self, codes: tuple[int, ...], start: int) -> tuple[int, bool]:
        """Follow codes of one width, at most up to the next that clears the table.

        Returns:
            how many, and whether the picture ends after them.
        """
        clear = self._clear
        if codes[start] == clear:
            del self._lengths[clear + 2 :]
            self._width, self._previous = self._first_width, 0
            return 1, False
        if codes[start] == clear + 1:
            return 0, True
        if not self._previous:
            if codes[start] > clear:
                raise self._unknown(codes[start])
            self._previous = 1
            self.seen += 1
            return 1, self.seen >= self._pixels
        room = (1 << self._width) - self._tiff - len(self._lengths)
        run = codes[start:] if self._width == _WIDEST else codes[start : start + room]
        for special in (clear, clear + 1):
            if special in run:
                run = run[: run.index(special)]
        return self._follow(run)

    def _follow(self, run: tuple[int, ...]) -> tuple[int, bool]:
        lengths, known, seen, previous = self._lengths, len(self._lengths), self.seen, self._previous
        try:
            if known >= _FULL:
                self.seen += sum([lengths[code] for code in run])
            else:
                self._grow(run)
        except IndexError:
            raise self._unknown(max(run)) from None
        count, ended = len(run), self.seen >= self._pixels
        if ended:  # somewhere in the run: once more from its start, code by code
            del lengths[known:]
            self.seen, self._previous = seen, previous
            count = 0
            while self.seen < self._pixels:
                self._grow(run[count : count + 1])
                count += 1
        if len(lengths) >= (1 << self._width) - self._tiff and self._width < _WIDEST:
            self._width += 1
        return count, ended

    def _grow(self, run: tuple[int, ...]) -> None:
        """Each code adds a string to the table: the one before it, and one pixel."""
        lengths, seen, previous = self._lengths, self.seen, self._previous
        append = lengths.append
        for code in run:
            append(previous + 1)
            previous = lengths[code]
            seen += previous
        self.seen, self._previous = seen, previous
        del lengths[_FULL:]

    def _unknown(self, code: int) -> UnreadablePhotoError:
        return UnreadablePhotoError(
            f"damaged (code {code}, of {len(self._lengths)} known): copy the photo again from its source"
        )


__all__ = ["Codes", "End"]
