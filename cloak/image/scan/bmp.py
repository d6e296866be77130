"""What a Windows bitmap (BMP) may consist of."""

import struct

from cloak.errors import ResidueError
from cloak.image.buffers import WINDOW, Buffer, release
from cloak.image.clean_profile import is_clean
from cloak.image.structure import Cursor, StructureError

_MASKS = {12: 0, 40: 0, 52: 12, 56: 16, 108: 16, 124: 16}
"""Bytes of masks in headers of each size."""
_DEPTHS = {0: {1, 2, 4, 8, 16, 24, 32}, 1: {8}, 2: {4}, 3: {16, 24, 32}, 6: {16, 24, 32}}
_EMBEDDED, _CALIBRATED = b"DEBM", bytes(4)
_SPACES = frozenset({_EMBEDDED, _CALIBRATED, b"BGRs", b" niW"})
_CHANNELS = {16: 0x7FFF, 24: 0xFFFFFF, 32: 0xFFFFFF}
_LONG = 0xFFFFFFFF


def scan(data: Buffer) -> None:
    """Check a bitmap: header, palette, pixels and a clean profile, one behind the other, and zeros where nothing is.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its header cannot be followed.
    """
    cursor = Cursor(memoryview(data[: 14 + 124 + 16 + 1024]), little=True)
    mark, whole, reserved, start, size = bytes(cursor.take(2)), *(cursor.uint(4) for _ in range(4))
    if mark != b"BM" or size not in _MASKS:
        raise StructureError(f"no bitmap, or a header of {size} bytes")
    if whole != len(data) & _LONG or reserved:
        raise ResidueError(f"BMP: {whole} bytes announced and {len(data)} there, or reserved bytes are used")
    if size == 12:
        width, height, planes, depth = (cursor.uint(2) for _ in range(4))
        compression = announced = colours = 0
    else:
        width, height, planes, depth, compression, announced, *resolution, colours, important = struct.unpack(
            "<iiHHIIIIII", cursor.take(36)
        )
        if any(resolution) or important:
            raise ResidueError("BMP: a resolution, or a number of important colours")
    if width < 1 or not height or planes != 1 or depth not in _DEPTHS.get(compression, ()):
        raise ResidueError(f"BMP: {width} x {height} pixels of {depth} bits with compression {compression}")
    masks = cursor.take(_MASKS[size])
    if compression not in {3, 6} and any(masks):
        raise ResidueError("BMP: masks that nothing uses")
    profile = _colours(cursor, size)
    masks = masks if size != 40 else cursor.take({3: 12, 6: 16}.get(compression, 0))
    channels = _channels(bytes(masks), depth) if compression in {3, 6} else _CHANNELS.get(depth, 0)
    _palette(cursor, size, depth, colours)
    if start != cursor.position:
        raise ResidueError(f"BMP: pixels at offset {start}, where {cursor.position} bytes come before")
    end = _coded(data, start, width, height, compression) if compression in {1, 2} else 0
    end = end or _rows(data, start, width * depth, abs(height))
    if depth > 8:
        _used(data, start, end, depth, channels)
    if size > 12 and announced != end - start & _LONG:
        raise ResidueError(f"BMP: pixels of {announced} bytes, where {end - start} are")
    if profile and (profile[0] != end - 14 & _LONG or not is_clean(data[end:]) or profile[1] != len(data) - end):
        raise ResidueError("BMP: a colour profile that is not ours")
    if not profile and end != len(data):
        raise ResidueError(f"BMP: {len(data) - end} bytes after the end of the image")


def _colours(cursor: Cursor, size: int) -> tuple[int, int] | None:
    """Check what a header says about its colours; the offset and the size of an embedded profile."""
    if size < 108:
        return None
    kind, numbers = bytes(cursor.take(4)), cursor.take(48)
    if kind not in _SPACES or (kind != _CALIBRATED and any(numbers)) or (kind == _EMBEDDED and size < 124):
        raise ResidueError(f"BMP: a colour space ({kind!r}) that is described elsewhere, or one that we do not know")
    if any(numbers) and not _is_calibrated(Cursor(numbers, little=True)):
        raise ResidueError("BMP: numbers that are no calibrated colours")
    if size < 124:
        return None
    intent, offset, length, reserved = struct.unpack("<4I", cursor.take(16))
    if intent not in {0, 1, 2, 4, 8} or reserved or (kind != _EMBEDDED and (offset or length)):
        raise ResidueError("BMP: a rendering intent, profile or reserved bytes that should not be there")
    return (offset, length) if kind == _EMBEDDED else None


def _is_calibrated(cursor: Cursor) -> bool:
    ends = [[cursor.uint(4) for _ in range(3)] for _ in range(3)]
    gammas = [cursor.uint(4) / 65536 for _ in range(3)]
    return all(0 < max(end) <= 1 << 30 for end in ends) and all(0.25 <= gamma < 16 for gamma in gammas)


def _channels(masks: bytes, depth: int) -> int:
    """The bits of a pixel that masks name."""
    red, green, blue, *alpha = struct.unpack(f"<{len(masks) // 4}I", masks)
    bits = int(red | green | blue | sum(alpha))
    if not red | green | blue or bits >> depth or (depth == 24 and bits != 0xFFFFFF):
        raise ResidueError(f"BMP: masks {masks.hex()} for pixels of {depth} bits")
    return bits


def _used(data: Buffer, start: int, end: int, depth: int, channels: int) -> None:
    """Check that bits of pixels that are in no channel are zero; whatever else is in rows is zero anyway."""
    for place in range(depth // 8):
        unused = ~channels >> 8 * place & 0xFF
        for first in range(start, end if unused else start, WINDOW):
            stop = min(first + WINDOW, end)
            if any(byte & unused for byte in set(data[first + place : stop : depth // 8])):
                raise ResidueError("BMP: bits of pixels that are in no channel")
            release(data, first, stop)


def _palette(cursor: Cursor, size: int, depth: int, colours: int) -> None:
    if colours > (1 << depth if depth <= 8 else 0):
        raise ResidueError(f"BMP: a palette of {colours} colours for {depth} bits")
    if depth <= 8:
        palette = cursor.take((colours or 1 << depth) * (3 if size == 12 else 4))
        if size > 12 and any(palette[3::4]):
            raise ResidueError("BMP: bytes between the colours of the palette")


def _rows(data: Buffer, start: int, bits: int, count: int) -> int:
    """Check that the padding of each row is zero; return the offset after the last."""
    stride = (bits + 31) // 32 * 4
    end = start + stride * count
    if end > len(data):
        raise StructureError(f"{count} rows of {stride} bytes, of which some are missing")
    unused = 8 * stride - bits
    if not unused:
        return end
    last = bits // 8  # the byte of a row that the padding begins in
    mask = (1 << 8 - bits % 8) - 1
    step = max(1, WINDOW // stride) * stride
    for first in range(start, end, step):
        stop = min(first + step, end)
        for column in range(last, stride):
            column_bytes = set(data[first + column : stop : stride])
            if any(byte & (mask if column == last else 0xFF) for byte in column_bytes):
                raise ResidueError("BMP: bytes in the padding of a row")
        release(data, first, stop)
    return end


def _coded(data: Buffer, start: int, width: int, height: int, compression: int) -> int:
    """Follow runs to the code for the end; return the offset after it."""
    position, column, row = start, 0, 0
    way = _Way()
    while True:
        count, value = data[position], data[position + 1]
        position += 2
        if count or value > 2:
            size = 0 if count else (value * (4 if compression == 2 else 8) + 7) // 8
            last = value if count else data[position + size - 1]
            position += size + size % 2
            way.arrive(column)
            column += count or value
            if row >= height or column > width:
                raise ResidueError("BMP: pixels behind the end of a row, or of the picture")
            odd = compression == 2 and (count == 1 or (not count and value % 2))
            if (size % 2 and data[position - 1]) or (odd and last & 0xF):
                raise ResidueError("BMP: a byte in the padding of a run")
        elif value == 0:
            way.end_row(column)
            column, row = 0, row + 1
        elif value == 1:
            way.end_picture()
            return position
        else:
            way.move(data[position], data[position + 1])
            column, row = column + data[position], row + data[position + 1]
            position += 2


class _Way:
    """What leads from one run to the next: no more codes than it takes."""

    def __init__(self) -> None:
        self._left: int | None = None  # the column that a row was left at
        self._moved: tuple[int, int] | None = None

    def end_row(self, column: int) -> None:
        self.end_picture()
        self._left = column

    def end_picture(self) -> None:
        if self._left is not None or self._moved is not None:
            raise ResidueError("BMP: moves that lead to no pixels")

    def move(self, right: int, up: int) -> None:
        before = self._moved or (255, 255)
        if not right | up or (right and before[0] < 255) or (up and before[1] < 255):
            raise ResidueError("BMP: more moves than it takes")
        self._moved = right, up

    def arrive(self, column: int) -> None:
        if self._left is not None and self._moved is not None and column >= self._left:
            raise ResidueError("BMP: more moves than it takes")
        self._left = self._moved = None


__all__ = ["scan"]
