"""Bytes that say how many of them have been taken: what lets clients of any protocol tell how far an upload is."""

import io
from collections.abc import Callable, Iterator

BLOCK = 1 << 15
"""Bytes that are taken at once."""


class Counted(io.BytesIO):
    """A file in memory; whoever reads it is a client that sends it.

    Args:
        data: its content.
        told: called with the number of bytes that were read so far.
    """

    def __init__(self, data: bytes, told: Callable[[int], object]) -> None:
        super().__init__(data)  # shared with `data`, not copied
        self._told = told

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does, and tell."""
        found = super().read(size)
        self._told(self.tell())
        return found


class Resent:
    """The body of a request that may have to be sent once more, as to a server that only then asks to sign in.

    Args:
        data: its content.
        told: called with the number of bytes that were read so far, from 0 again each time.
    """

    def __init__(self, data: bytes, told: Callable[[int], object]) -> None:
        self._data = data
        self._told = told

    def __iter__(self) -> Iterator[bytes]:
        file = Counted(self._data, self._told)
        while block := file.read(BLOCK):
            yield block
