"""Bytes of a file, in memory or mapped from the disk, walked through so that no more than a window of them is held."""

import mmap
import re
from collections.abc import Iterator

Buffer = bytes | mmap.mmap
"""What the second reader reads. Slices of both are bytes, and `re` and `zlib` take both."""

WINDOW = 1 << 24
"""Bytes that are looked at before what was mapped is given back to the system; a multiple of any page size."""


def windows(data: Buffer, start: int, end: int) -> Iterator[memoryview]:
    """Yield the bytes from `start` up to, not including, `end`, a window at a time."""
    with memoryview(data) as view:
        while start < end:
            stop = min(end, start - start % WINDOW + WINDOW)
            with view[start:stop] as part:
                yield part
            release(data, start, stop)
            start = stop


def search(pattern: re.Pattern[bytes], data: Buffer, start: int, *, overlap: int = 1) -> re.Match[bytes] | None:
    """Find the first match from `start` on, as `pattern.search` does.

    Args:
        pattern: matches at most `overlap` + 1 bytes.
        data: where to look.
        start: where to begin.
        overlap: bytes of the next window that a match may need.
    """
    while start < len(data):
        stop = start - start % WINDOW + WINDOW
        found = pattern.search(data, start, min(len(data), stop + overlap))
        if found:
            return found
        release(data, start, stop)
        start = stop
    return None


def release(data: Buffer, start: int, end: int) -> None:
    """Give the memory of a mapped file back, up to the last whole window; what is needed again is read again."""
    first = start - start % WINDOW
    last = min(end - end % WINDOW, len(data))
    if last > first and isinstance(data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED, first, last - first)
