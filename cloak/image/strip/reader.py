"""Read a file of any size from front to back in small steps."""

from cloak.image.strip.base import Source

_AHEAD = 1 << 16


class Reader:
    """Takes bytes from a source one after the other; the source is read a large block at a time.

    Attributes:
        source: what is read.
        position: offset of the next byte.
    """

    def __init__(self, source: Source, position: int = 0) -> None:
        self.source = source
        self.position = position
        self._start = 0
        self._block = b""

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            UnreadablePhotoError: the file ends before that.
        """
        offset = self.position - self._start
        if not 0 <= offset <= len(self._block) - count:
            ahead = max(count, min(_AHEAD, self.source.size - self.position))
            self._start, self._block, offset = self.position, self.source.read(self.position, ahead), 0
        self.position += count
        return self._block[offset : offset + count]

    @property
    def left(self) -> int:
        """Bytes up to the end of the file."""
        return self.source.size - self.position


__all__ = ["Reader"]
