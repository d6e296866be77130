"""Follow the variable-length codes of a GIF picture (LZW) to its last pixel, without decoding it."""

from cloak.errors import UnreadablePhotoError

_FULL = 1 << 12  # strings that the table can hold


class Codes:
    """Where in a stream of codes a picture ends: only how long each string in the table is, is kept.

    Attributes:
        seen: pixels so far.
    """

    def __init__(self, bits: int, pixels: int) -> None:
        """Start at the first code.

        Args:
            bits: of a pixel, as the picture says before its first block.
            pixels: that the picture has.
        """
        self.seen = 0
        self._pixels = pixels
        self._clear = 1 << bits
        self._first_width = bits + 1
        self._buffer = self._filled = 0
        self._start_over()

    def _start_over(self) -> None:
        self._width = self._first_width
        self._lengths = [1] * self._clear + [0, 0]
        self._previous = 0

    def feed(self, block: bytes) -> bytes | None:
        """Go through the next block.

        Returns:
            None where the picture goes on after it; else what to write in its place: the block up to the code of the
            last pixel, and the code for the end.

        Raises:
            UnreadablePhotoError: a code that stands for nothing.
        """
        buffer, filled, width, lengths, previous = (
            self._buffer, self._filled, self._width, self._lengths, self._previous
        )  # fmt: skip
        clear, seen = self._clear, self.seen
        for index, byte in enumerate(block):
            buffer |= byte << filled
            filled += 8
            while filled >= width:
                code = buffer & (1 << width) - 1
                if code == clear:
                    buffer >>= width
                    filled -= width
                    self._start_over()
                    width, lengths, previous = self._width, self._lengths, 0
                    continue
                if code == clear + 1:
                    return self._end(block, index, filled, width)
                buffer >>= width
                filled -= width
                if previous and len(lengths) < _FULL:
                    lengths.append(previous + 1)
                    if len(lengths) == 1 << width and width < 12:
                        width += 1
                if code >= len(lengths):
                    raise UnreadablePhotoError(
                        f"GIF: damaged (code {code}, of {len(lengths)} known): copy it again from its source"
                    )
                previous = lengths[code]
                seen += previous
                if seen >= self._pixels:
                    self.seen = seen
                    return self._end(block, index, filled, width)
        self._buffer, self._filled, self._width, self._previous = buffer, filled, width, previous
        self.seen = seen
        return None

    def _end(self, block: bytes, index: int, filled: int, width: int) -> bytes:
        """Put the code for the end where `filled` bits up to byte `index` are not used yet."""
        used = 8 * (index + 1) - filled
        if used < 0:  # the code began in the block before, which is written already: what is there of it stays
            bits = self._clear + 1 >> -used
            return bits.to_bytes((width + used + 7) // 8, "little")
        kept = int.from_bytes(block[: (used + 7) // 8], "little") & (1 << used) - 1
        bits = kept | self._clear + 1 << used
        return bits.to_bytes((used + width + 7) // 8, "little")


__all__ = ["Codes"]
