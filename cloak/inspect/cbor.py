"""Read CBOR (RFC 8949) as far as content credentials need it, with limits on depth and number of items."""

import struct
from collections.abc import Iterator

from cloak.image.structure import Cursor, StructureError

Value = object
_DEEPEST, _MOST = 24, 50_000
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.cursor = Cursor(data)
        self.count = 0

    def value(self, depth: int = 0) -> Value:
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST:
            raise StructureError("too deep or too long to be read")
        head = self.cursor.uint(1)
        major, small = head >> 5, head & 31
        if major == 7:
            return self._simple(small)
        argument = self._argument(small)
        if major in {0, 1}:
            return argument if major == 0 else -1 - (argument or 0)
        if major in {2, 3}:
            data = self._string(argument, depth)
            return data if major == 2 else data.decode("utf-8", "replace")
        if major == 4:
            return list(self._items(argument, depth))
        if major == 5:
            items = list(self._items(None if argument is None else 2 * argument, depth))
            return {str(key): item for key, item in zip(items[::2], items[1::2], strict=False)}
        return self.value(depth + 1)  # a tag: what it marks

    def _argument(self, small: int) -> int | None:
        if small < 24:
            return small
        if small <= 27:
            return self.cursor.uint(1 << (small - 24))
        if small == 31:
            return None
        raise StructureError(f"an unknown length ({small})")

    def _simple(self, small: int) -> Value:
        if small in _FLOATS:
            return struct.unpack(_FLOATS[small], self.cursor.take(1 << (small - 24)))[0]
        if small == 24:
            self.cursor.uint(1)
        return {20: False, 21: True}.get(small)

    def _string(self, size: int | None, depth: int) -> bytes:
        if size is not None:
            return bytes(self.cursor.take(size))
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in self._items(None, depth)]
        return b"".join(parts)

    def _items(self, count: int | None, depth: int) -> Iterator[Value]:
        while count is None or count > 0:
            if count is None and self.cursor.left and self.cursor.data[self.cursor.position] == 0xFF:
                self.cursor.uint(1)
                return
            yield self.value(depth + 1)
            count = None if count is None else count - 1


def read(data: memoryview) -> Value:
    """Return the first value: numbers, text, bytes, lists, and dictionaries whose keys are made text.

    Raises:
        StructureError: it is not CBOR, or deeper or longer than is read.
    """
    return _Reader(data).value()
