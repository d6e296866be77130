"""What lies behind the end of deflated pixels, in the very chunks that hold them: a crop can leave it there."""

import zlib
from collections.abc import Sequence

from cloak.image.buffers import Buffer
from cloak.inspect.unused import Span

_BLOCK, _INFLATED = 1 << 16, 1 << 20
_MOST = 1 << 29
"""Bytes of pixels that are inflated to see where they end."""


class Surplus:
    """Counts what is behind the pixels of the pictures of one file; of very large ones, nothing.

    Attributes:
        count: bytes behind the end of a stream, unless all are zero, and of pixels that the picture has no room for.
    """

    def __init__(self, data: Buffer) -> None:
        self._data = data
        self._left = _MOST
        self.count = 0

    def add(self, places: Sequence[Span], expected: int) -> None:
        """Follow the stream of one picture; a damaged one as far as it goes.

        Args:
            places: where it lies.
            expected: bytes of the picture, inflated.
        """
        if expected > self._left:
            return
        inflate, size, behind, filled = zlib.decompressobj(), 0, 0, False
        try:
            for start, end in places:
                for position in range(start, end, _BLOCK):
                    block = bytes(self._data[position : min(end, position + _BLOCK)])
                    if not inflate.eof:
                        size += self._inflated(inflate, block)
                        block = inflate.unused_data
                    behind += len(block)
                    filled = filled or bool(block.strip(b"\0"))
        except zlib.error:
            return
        self.count += (behind if filled else 0) + max(0, size - expected)

    def _inflated(self, inflate: "zlib._Decompress", block: bytes) -> int:
        size = 0
        while not inflate.eof and self._left > 0:
            out = len(inflate.decompress(block, _INFLATED))
            block = inflate.unconsumed_tail
            size += out
            self._left -= out
            if not block and out < _INFLATED:
                break
        return size


__all__ = ["Surplus"]
