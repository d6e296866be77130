"""Copy the coded pixels of a PNG file up to the last byte that decoders use.

A cropping tool that writes a shorter picture over a longer one leaves the rest of the old one behind (CVE-2023-21036,
"aCropalypse"), at times inside the chunks of the picture. So the stream is inflated, a block at a time, to see where
it ends; what is behind that goes.

Source: Portable Network Graphics (Third Edition), sections 10 (compression) and 11.2.3 (IDAT); RFC 1950.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cloak.errors import TooLargeError
from cloak.image.strip.base import Piece, Source, Span
from cloak.image.strip.png_chunks import Chunk, checksum, damaged

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK = 1 << 16  # bytes that are inflated at a time ...
_INFLATED = 1 << 20  # ... to at most this many
_MOST = 1 << 30  # bytes of pixels in a file, all frames together: enough for 350 million pixels of 24 bits


@dataclass(frozen=True, slots=True)
class Header:
    """What IHDR says about pixels."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @classmethod
    def parse(cls, payload: bytes) -> "Header":
        """Read IHDR.

        Raises:
            UnreadablePhotoError: it is not in the standard.
        """
        width, height = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
        edges = 0 < width < 1 << 31 and 0 < height < 1 << 31
        if len(payload) != 13 or not edges or payload[8] not in _DEPTHS.get(payload[9], ()):
            raise damaged("a header that is not in the standard")
        if payload[10] or payload[11] or payload[12] > 1:
            raise damaged("a way of compressing, filtering or interlacing that is not in the standard")
        return cls(width, height, payload[8], payload[9], bool(payload[12]))

    def size(self, width: int, height: int) -> int:
        """Bytes of a picture of this kind, inflated."""
        bits = _CHANNELS[self.colour] * self.depth
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        edges = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
        return sum(down * (1 + (across * bits + 7) // 8) for across, down in edges if across > 0 and down > 0)


class Copier:
    """Copies pictures of one file; counts sequence numbers and what is inflated.

    Attributes:
        sequence: the number of the next chunk of an animation.
        rest: whether bytes were left out because they are behind the end of a picture.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sequence = 0
        self.rest = False
        self._total = 0

    def copy(self, run: Sequence[Chunk], size: int) -> list[Piece]:
        """Copy the chunks of one picture.

        Args:
            run: its IDAT chunks, or its fdAT chunks.
            size: bytes of the picture, inflated.

        Raises:
            UnreadablePhotoError: it is not complete, or damaged.
            TooLargeError: more pixels than are inflated.
        """
        self._total += size
        if self._total > _MOST:
            raise TooLargeError(f"{self._total:,} bytes of pixels, more than {_MOST:,}: make it smaller first")
        stream = _Stream(size)
        pieces: list[Piece] = []
        for chunk in run:
            numbered = 4 if chunk.kind == b"fdAT" else 0
            end = self._inflate(stream, chunk, chunk.start + numbered)
            if end == chunk.start + numbered:
                self.rest |= chunk.end > end
                continue
            self.rest |= end < chunk.end
            pieces += self._kept(chunk, numbered, end)
        if not stream.ended or stream.size != size:
            raise damaged(f"{stream.size} of {size} bytes of pixels, or no end to them")
        return pieces

    def _inflate(self, stream: "_Stream", chunk: Chunk, start: int) -> int:
        """Inflate a chunk, checking it as it goes; return the offset behind the last byte that was of use."""
        value = zlib.crc32(self.source.read(chunk.start, start - chunk.start), zlib.crc32(chunk.kind))
        used = start
        for position in range(start, chunk.end, _BLOCK):
            block = self.source.read(position, min(_BLOCK, chunk.end - position))
            value = zlib.crc32(block, value)
            if not stream.ended:
                used = position + stream.feed(block)
        if value != int.from_bytes(self.source.read(chunk.end, 4), "big"):
            raise damaged(f"the checksum of the pixels at byte {chunk.start} is wrong")
        return used

    def _kept(self, chunk: Chunk, numbered: int, end: int) -> list[Piece]:
        """A chunk up to `end`, under its number: as it is where nothing changes."""
        number = self.sequence.to_bytes(4, "big")[:numbered]
        self.sequence += numbered > 0
        if end == chunk.end and self.source.read(chunk.start, numbered) == number:
            return [Span(chunk.start - 8, chunk.end + 4)]
        head = chunk.kind + number
        value = checksum(self.source, chunk.start + numbered, end, zlib.crc32(head))
        length = (end - chunk.start).to_bytes(4, "big")
        return [length + head, Span(chunk.start + numbered, end), value.to_bytes(4, "big")]


class _Stream:
    """The zlib stream of one picture."""

    def __init__(self, expected: int) -> None:
        self.size = 0
        self._expected = expected
        self._inflate = zlib.decompressobj()

    @property
    def ended(self) -> bool:
        return self._inflate.eof

    def feed(self, data: bytes) -> int:
        """Inflate bytes; return how many of them belong to the stream."""
        rest = data
        try:
            while not self._inflate.eof:
                out = self._inflate.decompress(rest, _INFLATED)
                rest = self._inflate.unconsumed_tail
                self.size += len(out)
                if self.size > self._expected:
                    raise damaged("more pixels than the picture has")
                if not rest and len(out) < _INFLATED:
                    break
        except zlib.error as error:
            raise damaged(f"the pixels cannot be inflated: {error}") from None
        return len(data) - len(self._inflate.unused_data)
