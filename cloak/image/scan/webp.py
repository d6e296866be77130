"""What a WebP file may consist of, still or moving."""

import mmap
from collections.abc import Sequence

from cloak.errors import ResidueError
from cloak.image.clean_profile import is_clean
from cloak.image.orientation import BLOCKS
from cloak.image.structure import Cursor, StructureError

_PICTURES = (b"VP8 ", b"VP8L")


def scan(data: bytes | mmap.mmap) -> None:
    """Check a WebP file: one picture or frames, a clean profile, which way is up, and flags and sizes that fit them.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its chunks cannot be followed.
    """
    view = memoryview(data)
    cursor = Cursor(view[:12], little=True)
    head = bytes(cursor.take(4)), cursor.uint(4) + 8, bytes(cursor.take(4))
    if head[0] != b"RIFF" or head[2] != b"WEBP":
        raise StructureError("no RIFF header of type WEBP")
    if head[1] != len(view):
        raise ResidueError(f"WebP: {head[1]} bytes announced and {len(view)} there: something follows the image")
    chunks = _chunks(view[12:])
    if len(chunks) == 1 and chunks[0][0] in _PICTURES:
        _size(chunks)
        return
    if not chunks or chunks[0][0] != b"VP8X":
        raise _unexpected(chunks)
    _extended(chunks)


def _chunks(data: memoryview) -> list[tuple[bytes, memoryview]]:
    cursor = Cursor(data, little=True)
    found = []
    while cursor.left:
        kind, size = bytes(cursor.take(4)), cursor.uint(4)
        found.append((kind, cursor.take(size)))
        if size % 2 and cursor.uint(1):
            raise ResidueError(f"WebP: the padding after chunk {kind.decode('latin-1')} is not zero")
    return found


def _extended(chunks: Sequence[tuple[bytes, memoryview]]) -> None:
    header, rest = bytes(chunks[0][1]), list(chunks[1:])
    if len(header) != 10:
        raise ResidueError(f"WebP: a header of {len(header)} bytes")
    canvas = int.from_bytes(header[4:7], "little") + 1, int.from_bytes(header[7:], "little") + 1
    flags = 0
    if rest and rest[0][0] == b"ICCP":
        flags |= 0x20
        if not is_clean(rest.pop(0)[1]):
            raise ResidueError("WebP: a colour profile that is not ours")
    if rest and rest[-1][0] == b"EXIF":
        flags |= 0x08
        if bytes(rest.pop()[1]) not in BLOCKS:
            raise ResidueError("WebP: EXIF that says more than which way is up")
    if rest and rest[0][0] == b"ANIM":
        flags |= 0x02
        if len(rest.pop(0)[1]) != 6 or not rest or any(kind != b"ANMF" for kind, _ in rest):
            raise _unexpected(chunks)
        see_through = [_frame(frame, canvas) for _, frame in rest]
        flags |= 0x10 if any(see_through) else 0
    else:
        width, height, alpha = _size(rest)
        flags |= 0x10 if alpha else 0
        if (width, height) != canvas:
            raise ResidueError(f"WebP: a picture of {width} x {height} on a canvas of {canvas[0]} x {canvas[1]}")
    if header[0] != flags or any(header[1:4]):
        raise ResidueError(f"WebP: flags {header[:4].hex()} that do not fit what is there")


def _frame(frame: memoryview, canvas: tuple[int, int]) -> bool:
    """Check a frame of an animation; return whether it has alpha."""
    cursor = Cursor(frame, little=True)
    left, top, width, height = 2 * cursor.uint(3), 2 * cursor.uint(3), cursor.uint(3) + 1, cursor.uint(3) + 1
    cursor.take(3)  # how long it is shown
    if cursor.uint(1) >> 2 or left + width > canvas[0] or top + height > canvas[1]:
        raise ResidueError("WebP: a frame with flags or a place that the standard does not know")
    across, down, alpha = _size(_chunks(frame[16:]))
    if (across, down) != (width, height):
        raise ResidueError("WebP: a frame whose picture has another size")
    return alpha


def _size(chunks: Sequence[tuple[bytes, memoryview]]) -> tuple[int, int, bool]:
    """Check that chunks are one picture, with or without alpha; return its width and height, and whether it has."""
    kinds = tuple(kind for kind, _ in chunks)
    if kinds == (b"VP8L",):
        cursor = Cursor(chunks[0][1], little=True)
        mark, bits = cursor.uint(1), cursor.uint(4)
        if mark != 0x2F or bits >= 1 << 29 or not cursor.left:
            raise ResidueError("WebP: a lossless picture without its mark")
        return bits % 0x4000 + 1, (bits >> 14) % 0x4000 + 1, bits >= 1 << 28
    if kinds not in {(b"VP8 ",), (b"ALPH", b"VP8 ")}:
        raise _unexpected(chunks)
    cursor = Cursor(chunks[-1][1], little=True)
    tag, start, width, height = cursor.uint(3), bytes(cursor.take(3)), cursor.uint(2), cursor.uint(2)
    if tag % 2 or start != b"\x9d\x01\x2a" or tag >> 5 > cursor.left:
        raise ResidueError("WebP: a picture that is no key frame")
    width, height = width % 0x4000, height % 0x4000
    if len(kinds) == 2:
        _alpha(chunks[0][1], width * height)
    return width, height, len(kinds) == 2


def _alpha(plane: memoryview, pixels: int) -> None:
    """Check that an alpha plane has no bits or bytes that nobody reads, as far as that can be told by its size."""
    cursor = Cursor(plane, little=True)
    how = cursor.uint(1)
    if how & ~0b11101:  # compression and preparation of one bit each, and the filter between them
        raise ResidueError("WebP: an alpha plane with reserved bits")
    if not how % 2 and cursor.left != pixels:
        raise ResidueError(f"WebP: an alpha plane of {cursor.left} bytes for {pixels} pixels")


def _unexpected(chunks: Sequence[tuple[bytes, memoryview]]) -> ResidueError:
    kinds = ", ".join(kind.decode("latin-1") for kind, _ in chunks[:20])
    return ResidueError(f"WebP: chunks {kinds or 'none'}, of which some should not be there, or are missing")
