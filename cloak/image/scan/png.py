"""What a PNG file may consist of."""

import zlib

from cloak.errors import ResidueError
from cloak.image.icc import DISPLAY_P3
from cloak.image.structure import Piece, png_chunks

_SIZES = {b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"IHDR": 13, b"IEND": 0}
_KNOWN = frozenset({*_SIZES, b"PLTE", b"tRNS", b"IDAT", b"iCCP"})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_BLOCK = 1 << 20


def scan(data: bytes) -> None:
    """Check a PNG file: known chunks in order, their checksums, and pixel data that ends where the picture does.

    Raises:
        ResidueError: anything else is in it.
        StructureError: its chunks cannot be followed.
    """
    chunks = list(png_chunks(data))
    kinds = [chunk.kind for chunk in chunks]
    for chunk in chunks:
        _check(chunk, data)
    once = [kind for kind in kinds if kind != b"IDAT"]
    first = kinds.index(b"IDAT") if b"IDAT" in kinds else 0
    pixels = [chunk for chunk in chunks if chunk.kind == b"IDAT"]
    if kinds[0] != b"IHDR" or len(set(once)) != len(once) or kinds[first:-1] != [b"IDAT"] * len(pixels) or not pixels:
        raise ResidueError("PNG: chunks are repeated or out of order")
    if chunks[-1].end != len(data):
        raise ResidueError(f"PNG: {len(data) - chunks[-1].end} bytes after the end of the image")
    _check_pixels(pixels, _raw_size(bytes(chunks[0].payload)))


def _check(chunk: Piece, data: bytes) -> None:
    name = chunk.kind.decode("latin-1")
    if chunk.kind not in _KNOWN:
        raise ResidueError(f"PNG: {name} chunk at offset {chunk.start}")
    if len(chunk.payload) != _SIZES.get(chunk.kind, len(chunk.payload)):
        raise ResidueError(f"PNG: {name} chunk of {len(chunk.payload)} bytes")
    if zlib.crc32(chunk.payload, zlib.crc32(chunk.kind)) != int.from_bytes(data[chunk.end - 4 : chunk.end], "big"):
        raise ResidueError(f"PNG: the checksum of the {name} chunk at offset {chunk.start} is wrong")
    if chunk.kind == b"PLTE" and (len(chunk.payload) % 3 or len(chunk.payload) > 768):
        raise ResidueError(f"PNG: a palette of {len(chunk.payload)} bytes")
    if chunk.kind == b"tRNS" and len(chunk.payload) > 256:
        raise ResidueError(f"PNG: a transparency table of {len(chunk.payload)} bytes")
    if chunk.kind == b"iCCP" and not _is_canonical(bytes(chunk.payload)):
        raise ResidueError("PNG: a colour profile other than the canonical one")


def _is_canonical(payload: bytes) -> bool:
    head = b"ICC Profile\0\0"
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(payload[len(head) :], len(DISPLAY_P3) + 1)
    except zlib.error:
        return False
    return payload.startswith(head) and profile == DISPLAY_P3 and inflate.eof and not inflate.unused_data


def _raw_size(header: bytes) -> int:
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, compression, filters, interlace = header[8:]
    if colour not in _CHANNELS or depth not in {1, 2, 4, 8, 16} or compression or filters or interlace > 1:
        raise ResidueError("PNG: a header that is not in the standard")
    bits = _CHANNELS[colour] * depth
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = [(-(-(width - left) // across), -(-(height - top) // down)) for left, top, across, down in passes]
    return sum(down * (1 + (across * bits + 7) // 8) for across, down in sizes if across > 0 and down > 0)


def _check_pixels(pixels: list[Piece], expected: int) -> None:
    inflate = zlib.decompressobj()
    size = 0
    for chunk in pixels:
        rest: bytes | memoryview = chunk.payload
        while len(rest) and size <= expected and not inflate.eof:
            size += len(inflate.decompress(rest, _BLOCK))
            rest = inflate.unconsumed_tail
        if inflate.unused_data or len(rest):
            break
    else:
        if inflate.eof and size == expected:
            return
    raise ResidueError(f"PNG: the pixel data does not end where the picture does ({expected} bytes)")
