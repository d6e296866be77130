"""Walk the skeleton of an image file in pure Python: segments, chunks and directories, never pixels.

Both readers of foreign files (`inspect`) and the strict second reader of our own (`scan`) stand on these walkers.
They check every size against the bytes there are, never recurse, visit each byte at most once, and copy nothing:
payloads are `memoryview`s.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_ENTROPY_END = re.compile(rb"\xff[^\x00\xd0-\xd7]")  # in a JPEG scan, anything but a stuffed byte or a restart marker
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8), 0xD8})
SOS, EOI = 0xDA, 0xD9
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class StructureError(ValueError):
    """The bytes do not have the structure that their container prescribes."""


class Cursor:
    """A bounds-checked reader over bytes."""

    def __init__(self, data: memoryview, *, little: bool = False) -> None:
        self.data = data
        self.position = 0
        self.order = "<" if little else ">"

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.position

    def take(self, count: int) -> memoryview:
        """The next `count` bytes.

        Raises:
            StructureError: there are fewer.
        """
        if count > self.left:
            raise StructureError(f"{count} bytes announced, {self.left} left")
        self.position += count
        return self.data[self.position - count : self.position]

    def uint(self, size: int) -> int:
        """An unsigned integer of `size` bytes; 0 for a size of 0."""
        return int.from_bytes(self.take(size), "little" if self.order == "<" else "big")

    def text(self) -> bytes:
        """Bytes up to a zero byte, which is skipped; all that is left where there is none."""
        rest = bytes(self.data[self.position :])
        end = rest.find(b"\0")
        self.position += len(rest) if end < 0 else end + 1
        return rest if end < 0 else rest[:end]

    def end(self) -> None:
        """Check that everything was read.

        Raises:
            StructureError: bytes are left over.
        """
        if self.left:
            raise StructureError(f"{self.left} bytes left over")


@dataclass(frozen=True, slots=True)
class Piece:
    """A JPEG segment, PNG chunk or RIFF chunk.

    Attributes:
        kind: marker byte, or four-character code.
        payload: its content, without marker, length, or checksum.
        start: offset of its first byte in the file.
        end: offset after its last byte (for a JPEG scan, after its entropy-coded data).
    """

    kind: bytes
    payload: memoryview
    start: int
    end: int


def jpeg_segments(data: bytes) -> Iterator[Piece]:
    """Yield the segments of the first image in a JPEG file, from SOI to EOI.

    Raises:
        StructureError: a segment does not start with a marker, or the file ends before EOI.
    """
    view = memoryview(data)
    position = 0
    while position + 2 <= len(data):
        start = position
        if data[position] != 0xFF:
            raise StructureError(f"no JPEG marker at offset {position}")
        while position + 1 < len(data) and data[position + 1] == 0xFF:
            position += 1  # fill bytes
        marker = data[position + 1 : position + 2]
        position += 2
        if marker and marker[0] == EOI:
            yield Piece(marker, view[:0], start, position)
            return
        payload = view[:0]
        if marker and marker[0] not in _STANDALONE:
            length = _number(data, position, 2, "big")
            if length < 2 or position + length > len(data):
                raise StructureError(f"JPEG segment at offset {start} announces {length} bytes")
            payload = view[position + 2 : position + length]
            position += length
            if marker[0] == SOS:
                found = _ENTROPY_END.search(data, position)
                position = found.start() if found else len(data)
        yield Piece(marker, payload, start, position)
    raise StructureError("the JPEG file ends before its end marker")


def png_chunks(data: bytes) -> Iterator[Piece]:
    """Yield the chunks of a PNG file, up to and including IEND.

    Raises:
        StructureError: no signature, a chunk reaches beyond the file, or there is no IEND.
    """
    if data[:8] != PNG_SIGNATURE:
        raise StructureError("no PNG signature")
    view = memoryview(data)
    position = 8
    while position < len(data):
        length, kind = _number(data, position, 4, "big"), data[position + 4 : position + 8]
        end = position + 12 + length
        if end > len(data):
            raise StructureError(f"PNG chunk at offset {position} announces {length} bytes")
        yield Piece(kind, view[position + 8 : end - 4], position, end)
        if kind == b"IEND":
            return
        position = end
    raise StructureError("the PNG file ends before its IEND chunk")


def riff_chunks(data: bytes) -> Iterator[Piece]:
    """Yield the chunks of a WebP file, up to the size that its RIFF header announces.

    `end` includes the byte of padding after a chunk of odd size.

    Raises:
        StructureError: not a RIFF file of type WEBP, or a size that does not fit.
    """
    stop = 8 + _number(data, 4, 4, "little")
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or stop > len(data):
        raise StructureError("the RIFF header is wrong or announces more than there is")
    view = memoryview(data)
    position = 12
    while position < stop:
        kind, length = data[position : position + 4], _number(data, position + 4, 4, "little")
        end = position + 8 + length + length % 2
        if end > stop:
            raise StructureError(f"WebP chunk at offset {position} announces {length} bytes")
        yield Piece(kind, view[position + 8 : position + 8 + length], position, end)
        position = end


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a TIFF directory.

    Attributes:
        tag: its number.
        kind: TIFF data type, 1 to 13, or 129 for text in UTF-8.
        value: the raw bytes of its value.
        span: first offset of the value and the offset after it; (0, 0) where it lies in the entry itself.
    """

    tag: int
    kind: int
    value: memoryview
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Directory:
    """One image file directory (IFD) of a TIFF file or EXIF block.

    Attributes:
        entries: its tags, in file order.
        start: offset of its first byte.
        end: offset after its last byte.
        following: offset of the next directory, 0 for none.
        little: byte order.
    """

    entries: tuple[Entry, ...]
    start: int
    end: int
    following: int
    little: bool

    def find(self, tag: int) -> Entry | None:
        """The entry of a tag, or None."""
        return next((entry for entry in self.entries if entry.tag == tag), None)

    def integers(self, tag: int) -> tuple[int, ...]:
        """The value of a BYTE, SHORT or LONG tag; () where there is no such tag, or it is of another type."""
        entry = self.find(tag)
        width = {1: 1, 3: 2, 4: 4, 13: 4}.get(entry.kind, 0) if entry else 0
        if entry is None or not width:
            return ()
        order = "<" if self.little else ">"
        return struct.unpack(f"{order}{len(entry.value) // width}{'BHxI'[width - 1]}", entry.value)


_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}


def tiff_order(data: memoryview) -> tuple[bool, int]:
    """Byte order (True for little-endian) and offset of the first directory of a TIFF header.

    Raises:
        StructureError: not a TIFF header (BigTIFF included).
    """
    head = bytes(data[:4])
    if head not in {b"II*\0", b"MM\0*"} or len(data) < 8:
        raise StructureError("no TIFF header")
    little = head[:1] == b"I"
    return little, int.from_bytes(data[4:8], "little" if little else "big")


def tiff_directory(data: memoryview, offset: int, *, little: bool) -> Directory:
    """Read one directory.

    Raises:
        StructureError: the directory or a value lies outside the data, or a type is unknown.
    """
    order: Literal["little", "big"] = "little" if little else "big"
    table = offset + 2
    if not 0 < table <= len(data):
        raise StructureError(f"TIFF directory at offset {offset} of {len(data)}")
    end = table + 12 * int.from_bytes(data[offset:table], order)
    if end > len(data):
        raise StructureError(f"TIFF directory at offset {offset} reaches beyond the file")
    entries = []
    layout = f"{'<' if little else '>'}HHII"
    for field, (tag, kind, count, place) in enumerate(struct.iter_unpack(layout, data[table:end])):
        size = _WIDTHS.get(kind, 0) * count
        if kind not in _WIDTHS:
            raise StructureError(f"TIFF tag {tag} has unknown type {kind}")
        if size <= 4:
            start = table + 12 * field + 8
            entries.append(Entry(tag, kind, data[start : start + size], (0, 0)))
            continue
        if place + size > len(data):
            raise StructureError(f"TIFF tag {tag} lies outside the file")
        entries.append(Entry(tag, kind, data[place : place + size], (place, place + size)))
    following = 0
    if end + 4 <= len(data):
        end += 4
        following = int.from_bytes(data[end - 4 : end], order)
    return Directory(tuple(entries), offset, end, following, little)


def tiff_directories(data: memoryview) -> Iterator[Directory]:
    """Yield the chain of main directories; a chain that bites its tail ends there.

    Raises:
        StructureError: see `tiff_order` and `tiff_directory`.
    """
    little, offset = tiff_order(data)
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        directory = tiff_directory(data, offset, little=little)
        yield directory
        offset = directory.following


def _number(data: bytes, offset: int, size: int, order: Literal["little", "big"]) -> int:
    if offset + size > len(data):
        raise StructureError(f"the file ends at offset {len(data)}, in the middle of a header")
    return int.from_bytes(data[offset : offset + size], order)
