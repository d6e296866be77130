"""What the strips and tiles of a TIFF page may hold: the picture, to its last byte, and nothing behind it."""

import lzma
import re
import zlib
from collections.abc import Callable

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer, windows
from cloak.image.scan import jpeg, webp
from cloak.image.scan.lzw import ends_with
from cloak.image.scan.tiff_jpeg import check_size, check_tables
from cloak.image.scan.tiff_padding import check_padding
from cloak.image.structure import Directory, StructureError

_RAW, _LZW, _JPEG_OLD, _JPEG, _PACKBITS, _XZ = 1, 5, 6, 7, 32773, 34925
_GROUP4 = 4
_DEFLATE = frozenset({8, 32946})
_FILES: dict[int, Callable[[Buffer], None]] = {_JPEG_OLD: jpeg.scan, _JPEG: jpeg.scan, 50001: webp.scan}
_UNMIRRORED = frozenset({_RAW, _JPEG_OLD, _JPEG})
"""What readers take as it is where a page says that the lowest bit of a byte comes first."""
_MIRROR = bytes(sum((each >> bit & 1) << (7 - bit) for bit in range(8)) for each in range(256))
_STEP = 1 << 20
_HEADERS = 1 << 16  # bytes that those of a JPEG strip may take
_MEMORY = 1 << 28
_MOST = 1 << 31  # bytes of pixels that are unpacked


_Strips = dict[tuple[int, int], tuple[int, int]]


def strips(page: Directory) -> _Strips:
    """The strips or tiles of a page: where each is, and how many bytes of pixels it holds at least and at most.

    Raises:
        ResidueError: there are more or less than the picture needs.
    """
    tiled = bool(page.find(324))
    offsets, counts = (page.integers(tag) for tag in ((324, 325) if tiled else (273, 279)))
    others = {324, 325, 322, 323} if not tiled else {273, 279}
    if len(offsets) != len(counts) or any(page.find(tag) for tag in others):
        raise ResidueError("TIFF: strips without their sizes, or strips and tiles")
    sizes = _sizes(page, len(offsets), tiled=tiled)
    compression = (page.integers(259) or (_RAW,))[0]
    if compression == _JPEG_OLD and len(offsets) != 1:
        raise ResidueError("TIFF: JPEG of the old kind in several strips")
    found: _Strips = {}
    for start, count, size in zip(offsets, counts, sizes, strict=True):
        place = start, start + count
        if start and found.setdefault(place, size) != size:
            raise ResidueError(f"TIFF: the strip at offset {start} is used for parts of different sizes")
        if not (start and count) and (start or count):
            raise ResidueError(f"TIFF: a strip of {count} bytes at offset {start}")
    if compression in {*_DEFLATE, _XZ} and sum(size for size, _ in found.values()) > _MOST:
        raise ResidueError(f"TIFF: more than {_MOST} bytes of pixels")
    return found


def check_strips(data: Buffer, page: Directory, found: _Strips) -> None:
    """Check that each strip of a page ends where its part of the picture does.

    Raises:
        ResidueError: one holds more than its part.
        StructureError: one cannot be followed.
    """
    compression = (page.integers(259) or (_RAW,))[0]
    mirrored = _one(page, 266, 1) == 2
    for (start, end), sizes in found.items():
        if compression == _GROUP4:
            last = _GROUP4_ENDS[mirrored].search(data, start, end)
            fits = last is not None and last.end() == end
        elif mirrored and compression not in _UNMIRRORED:
            fits = _fits(data[start:end].translate(_MIRROR), 0, end - start, compression, sizes)
        else:
            fits = _fits(data, start, end, compression, sizes)
        if not fits:
            raise ResidueError(f"TIFF: the strip at offset {start} does not end where the picture does")
    if compression in {_JPEG, _JPEG_OLD}:
        _check_jpeg(data, page)
    if compression == _RAW:
        check_padding(data, page)


def _check_jpeg(data: Buffer, page: Directory) -> None:
    """Check the sizes of JPEG strips, and the tables that they share."""
    tiled = bool(page.find(324))
    offsets, counts = (page.integers(tag) for tag in ((324, 325) if tiled else (273, 279)))
    height = _one(page, 257, 0)
    width, rows = (_one(page, 322, 0), _one(page, 323, 0)) if tiled else (_one(page, 256, 0), _one(page, 278, height))
    lines = -(-height // rows)
    room: dict[tuple[int, int], int] = {}
    for number, place in enumerate(zip(offsets, counts, strict=True)):
        left = rows if tiled else min(rows, height - number % lines * rows)
        room[place] = max(left, room.get(place, 0))
    found = {(start, size): data[start : start + min(size, _HEADERS)] for start, size in room if size}
    for place, strip in found.items():
        check_size(strip, width, room[place])
    if tables := page.find(347):
        check_tables(bytes(tables.value), list(found.values()))


def _sizes(page: Directory, count: int, *, tiled: bool) -> list[tuple[int, int]]:
    """Bytes of pixels in each strip or tile: those of the picture, and those if its last strip were full."""
    width, height = (_one(page, tag, 0) for tag in (256, 257))
    samples = min(_one(page, 277, 1), 1 << 16)
    bits = page.integers(258) or (1,)
    bits = bits[:samples] if len(bits) >= samples else bits[:1] * samples
    planes = bits if _one(page, 284, 1) == 2 and samples > 1 else (sum(bits),)
    across, rows = (_one(page, 322, 0), _one(page, 323, 0)) if tiled else (width, min(_one(page, 278, height), height))
    rows = rows or (0 if tiled else height)
    if not (width and height and across and rows and samples and all(0 < each <= 64 for each in bits)):
        raise ResidueError(f"TIFF: {width} x {height} pixels of {bits[:9]} bits in parts of {across} x {rows}")
    columns, lines = -(-width // across), -(-height // rows)
    if columns * lines * len(planes) != count:
        raise ResidueError(f"TIFF: {count} strips or tiles, {columns * lines * len(planes)} expected")
    last = rows if tiled else height - (lines - 1) * rows
    shared = _one(page, 262, 0) == 6 and samples == 3 and len(planes) == 1 and _subsampling(page)
    found = []
    for plane in planes:
        for line in range(lines):
            part = last if line == lines - 1 else rows
            full, size = (_bytes(across, each, plane, bits[0], shared or None) for each in (rows, part))
            found += [(size, full)] * columns
    return found


def _bytes(width: int, rows: int, bits: int, depth: int, shared: tuple[int, int] | None) -> int:
    if shared is None:
        return (width * bits + 7) // 8 * rows
    wide, high = shared
    return -(-width // wide) * -(-rows // high) * (wide * high + 2) * depth // 8


def _subsampling(page: Directory) -> tuple[int, int] | None:
    across, down = page.integers(530) or (2, 2)
    return (across, down) if {across, down} <= {1, 2, 4} else None


def _one(page: Directory, tag: int, default: int) -> int:
    return (page.integers(tag) or (default,))[0]


def _fits(data: Buffer, start: int, end: int, compression: int, sizes: tuple[int, int]) -> bool:
    """Whether a strip holds as many bytes as it should, and ends with them."""
    if compression in _FILES:
        _FILES[compression](data[start:end])
        return True
    if compression in _DEFLATE:
        return _inflated(data, start, end, sizes[0]) == sizes[0]
    if compression == _XZ:
        return sizes[0] <= _unpacked(data, start, end, sizes[1]) <= sizes[1]
    if compression == _LZW:
        head = data[start : min(start + 2, end)]
        return ends_with(data[start:end], 8, sizes[0], tiff=not (len(head) == 2 and head[0] == 0 and head[1] % 2))
    if compression == _PACKBITS:
        return _packed(data, start, end, sizes[0])
    return compression == _RAW and end - start == sizes[0]


def _group4_end(*, mirrored: bool) -> re.Pattern[bytes]:
    """What ends pixels that are coded as by a Group 4 fax (EOFB: twice eleven 0 and a 1), at any bit of a byte."""
    found = []
    for shift in range(8):
        wanted, cared = 0x001001 << (8 - shift), 0xFFFFFF << (8 - shift)
        text = b""
        for place in (24, 16, 8, 0):
            mask, value = cared >> place & 0xFF, wanted >> place & 0xFF
            fitting = [each for each in range(256) if each & mask == value] if mask else []
            if mirrored:
                fitting = [_MIRROR[each] for each in fitting]
            text += b"[%s]" % b"".join(b"\\x%02x" % each for each in fitting) if mask else b""
        found.append(text)
    return re.compile(b"|".join(found))


_GROUP4_ENDS = {mirrored: _group4_end(mirrored=mirrored) for mirrored in (False, True)}


def _inflated(data: Buffer, start: int, end: int, most: int) -> int:
    """Bytes that a strip inflates to; -1 where it goes on behind the end of the stream, or has none."""
    inflate, size = zlib.decompressobj(), 0
    for window in windows(data, start, end):
        part: bytes | memoryview = window
        while len(part):
            if inflate.eof or size > most:
                return -1
            size += len(inflate.decompress(part, _STEP))
            part = inflate.unconsumed_tail or inflate.unused_data
    return size if inflate.eof else -1


def _unpacked(data: Buffer, start: int, end: int, most: int) -> int:
    inflate, size = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY), 0
    try:
        for window in windows(data, start, end):
            part: bytes | memoryview = window
            while len(part) or not (inflate.eof or inflate.needs_input):
                if inflate.eof or size > most:
                    return -1
                size += len(inflate.decompress(part, _STEP))
                part = b""
    except lzma.LZMAError as error:
        raise StructureError(f"a strip cannot be unpacked: {error}") from None
    return size if inflate.eof and not inflate.unused_data else -1


def _packed(data: Buffer, start: int, end: int, size: int) -> bool:
    """Whether runs of bytes end with a strip, the last of them with the picture."""
    position = start
    while position < end and size > 0:
        head = data[position]
        position += 2 + head if head < 128 else 1 if head == 128 else 2
        size -= 1 + head if head < 128 else 0 if head == 128 else 257 - head
    return position == end and size == 0


__all__ = ["check_strips", "strips"]
