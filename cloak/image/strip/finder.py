"""Look for patterns in a file of any size, a block at a time."""

import re
from collections.abc import Iterator

from cloak.image import blocks
from cloak.image.strip.base import BLOCK, Source

_FILMS = re.compile(rb"ftyp(?:mp4|isom|iso2|qt|MSNV|avc1|hvc1)|MotionPhoto_Data")
_SEARCHED = 1 << 16  # bytes in which a film begins, or a mark at the very end says that there is one


class Finder:
    """Searches a source and remembers the block that it read last, so that steps of a few bytes cost no reading."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._start = 0
        self._block = b""

    def find(self, pattern: re.Pattern[bytes], position: int, *, overlap: int = 1) -> int | None:
        """The offset of the first match from `position` on, or None.

        Args:
            pattern: matches at most `overlap` + 1 bytes.
            position: where to begin.
            overlap: bytes of the next block that a match may need.
        """
        while position < self.source.size:
            if not self._start <= position <= self._start + len(self._block) - 1 - overlap:
                self._start = position
                self._block = self.source.read(position, min(BLOCK, self.source.size - position))
            found = pattern.search(self._block, position - self._start)
            if found:
                return self._start + found.start()
            end = self._start + len(self._block)
            if end == self.source.size:
                return None
            position = max(position + 1, end - overlap)
        return None

    def byte(self, position: int) -> int | None:
        """One byte, or None after the end."""
        if self._start <= position < self._start + len(self._block):
            return self._block[position - self._start]
        return self.source.read(position, 1)[0] if position < self.source.size else None


def behind(source: Source, end: int) -> Iterator[str]:
    """Name what is behind the end of a picture; nothing if that is the end of the file."""
    if end >= source.size:
        return
    yield blocks.TRAILER
    count = min(_SEARCHED, source.size - end)
    if _FILMS.search(source.read(end, count)) or _FILMS.search(source.read(source.size - count, count)):
        yield blocks.MOTION
