"""Unpack strips of a TIFF file, only to see where they end."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from cloak.image.strip.base import BLOCK, Piece, Span
from cloak.image.strip.reader import Reader
from cloak.image.strip.tiff_read import damaged

MIRRORED = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))
"""Each byte with its bits the other way round."""
_MEMORY = 1 << 28


class Unpacker(ABC):
    """Unpacks a stream that knows its own end."""

    def __init__(self, inflate: Any, error: type[Exception]) -> None:  # noqa: ANN401 -- these objects have no common type
        self._inflate = inflate
        self._error = error
        self._fed = 0

    @property
    def eof(self) -> bool:
        """Whether the end was reached."""
        return bool(self._inflate.eof)

    @property
    def used(self) -> int:
        """Bytes up to the end."""
        return self._fed - len(self._inflate.unused_data)

    def parts(self, block: bytes) -> Iterator[int]:
        """Unpack one more block; yield the sizes of what comes out, a part at a time.

        Raises:
            UnreadablePhotoError: it cannot be unpacked.
        """
        self._fed += len(block)
        try:
            yield from self._parts(block)
        except self._error as error:
            raise damaged(f"a strip: {error}") from None

    @abstractmethod
    def _parts(self, block: bytes) -> Iterator[int]: ...


class Deflate(Unpacker):
    """Unpacks what was deflated."""

    def __init__(self) -> None:
        super().__init__(zlib.decompressobj(), zlib.error)

    def _parts(self, block: bytes) -> Iterator[int]:
        while block and not self.eof:
            yield len(self._inflate.decompress(block, BLOCK))
            block = self._inflate.unconsumed_tail


def inflated(data: bytes, count: int) -> bytes:
    """The first bytes of what was deflated."""
    return zlib.decompressobj().decompress(data, count)


class Xz(Unpacker):
    """Unpacks what was packed by LZMA."""

    def __init__(self) -> None:
        import lzma  # noqa: PLC0415 -- hardly ever needed

        super().__init__(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY), lzma.LZMAError)

    def _parts(self, block: bytes) -> Iterator[int]:
        while not self.eof and (block or not self._inflate.needs_input):
            yield len(self._inflate.decompress(block, BLOCK))
            block = b""


def packbits(strip: Reader, expected: int) -> tuple[Piece, ...]:
    """What to write of a strip of packed pixels, by offsets from its start: they end with its last run.

    Args:
        strip: at its start.
        expected: bytes of pixels.

    Raises:
        UnreadablePhotoError: it ends early.
    """
    while expected > 0:
        start = strip.position
        if not strip.left:
            raise damaged(f"a strip that lacks {expected} bytes")
        head = strip.take(1)[0]
        size = head + 1 if head < 128 else 257 - head if head > 128 else 0
        content = strip.take(size if head < 128 else min(size, 1))
        if size > expected:
            short = bytes([257 - expected, *content]) if head > 128 and expected > 1 else b""
            return Span(0, start), short or bytes([expected - 1]) + content[:expected]
        expected -= size
    return (Span(0, strip.position),)


__all__ = ["MIRRORED", "Deflate", "Xz", "inflated", "packbits"]
