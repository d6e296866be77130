"""What a JPEG 2000 file may consist of."""

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.clean_profile import is_clean
from cloak.image.structure import Cursor, StructureError

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_KINDS = tuple(b"\0\0\0\x14ftyp" + brand + bytes(4) + brand for brand in (b"jp2 ", b"jph "))
_HEADER = (b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef")
_SPACES = frozenset({0, 1, 3, 4, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24})
_LAB = 14
_SIZ, _COD, _COC, _QCD, _QCC, _RGN, _POC = 0x51, 0x52, 0x53, 0x5C, 0x5D, 0x5E, 0x5F
_CODING = frozenset({_COD, _COC, _QCD, _QCC, _RGN, _POC})
_MAIN = _CODING | {_SIZ, 0x50, 0x56, 0x59, 0x60}  # and capabilities, profiles, packed packet headers
_PART = _CODING | {0x61}
_SOT, _SOD = 0x90, 0x93


def scan(data: Buffer) -> None:
    """Check a JPEG 2000 file: boxes of exact size around a codestream, or that alone, without comments.

    Out of its sight: what follows the last packet in a part of the picture.

    Raises:
        ResidueError: anything else is in it.
        StructureError: it cannot be followed.
    """
    start = 0
    if data[:12] == _SIGNATURE:
        start = _boxes(data)
    _codestream(data, start)


def _boxes(data: Buffer) -> int:
    """Check the boxes before the codestream; return its offset."""
    if data[12:32] not in _KINDS:
        raise ResidueError("JPEG 2000: a file type other than that of a plain picture")
    size = int.from_bytes(data[32:36], "big")
    if data[36:40] != b"jp2h" or size < 8:
        raise ResidueError(f"JPEG 2000: a box {data[36:40]!r} where the header should be")
    _header(memoryview(data[40 : 32 + size]))
    start = 32 + size
    size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
    head = 8
    if size == 1:
        size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
    if kind != b"jp2c" or start + size != len(data):
        raise ResidueError(f"JPEG 2000: a box {kind!r} of {size} bytes where the picture, and nothing else, should be")
    return start + head


def _header(header: memoryview) -> None:
    cursor, found = Cursor(header), {}
    while cursor.left:
        size, kind = cursor.uint(4), bytes(cursor.take(4))
        if kind not in _HEADER or size < 8 or kind in found:
            raise ResidueError(f"JPEG 2000: a box {kind!r} in the header")
        found[kind] = bytes(cursor.take(size - 8))
    if list(found) != [kind for kind in _HEADER if kind in found] or not {b"ihdr", b"colr"} <= set(found):
        raise ResidueError("JPEG 2000: boxes that are missing, or out of order")
    picture = found[b"ihdr"]
    if len(picture) != 14 or picture[12] > 1 or picture[13]:
        raise ResidueError("JPEG 2000: a size that says more than the size")
    if not _is_colour(found[b"colr"]):
        raise ResidueError("JPEG 2000: a colour space or profile that is not ours")
    if b"bpcc" in found and len(found[b"bpcc"]) != int.from_bytes(picture[8:10], "big"):
        raise ResidueError("JPEG 2000: more depths than channels")
    if b"pclr" in found and not _is_palette(found[b"pclr"]):
        raise ResidueError("JPEG 2000: a palette that is not of its exact size")
    if len(found.get(b"cmap", b"")) % 4:
        raise ResidueError("JPEG 2000: a mapping of colours that is not of its exact size")
    if b"cdef" in found and len(found[b"cdef"]) != 2 + 6 * int.from_bytes(found[b"cdef"][:2], "big"):
        raise ResidueError("JPEG 2000: a list of channels that is not of its exact size")


def _is_colour(box: bytes) -> bool:
    if box[1:3] != b"\0\0":
        return False
    if box[0] == 1:
        space = int.from_bytes(box[3:7], "big")
        return space in _SPACES and (len(box) == 7 or (len(box) == 35 and space == _LAB))
    return box[0] in {2, 3} and is_clean(box[3:])


def _is_palette(box: bytes) -> bool:
    entries, channels = int.from_bytes(box[:2], "big"), box[2]
    depths = box[3 : 3 + channels]
    return len(box) == 3 + channels + entries * sum((depth % 128 + 8) // 8 for depth in depths)


def _codestream(data: Buffer, position: int) -> None:
    if data[position : position + 4] != b"\xff\x4f\xff\x51":
        raise StructureError("no start of a JPEG 2000 codestream")
    position = _segments(data, position + 2, len(data), _MAIN, _SOT)
    parts = 0
    while data[position : position + 2] == b"\xff\x90":
        size = int.from_bytes(data[position + 6 : position + 10], "big")
        stop = position + size
        if data[position + 2 : position + 4] != b"\0\x0a" or size < 14 or stop > len(data):
            raise StructureError(f"a part of {size} bytes at offset {position}")
        _segments(data, position + 12, stop, _PART, _SOD)
        position = stop
        parts += 1
    if not parts or data[position:] != b"\xff\xd9":
        raise ResidueError(f"JPEG 2000: no parts, or bytes behind them, at offset {position}")


def _segments(data: Buffer, position: int, stop: int, known: frozenset[int], last: int) -> int:
    """Check the segments of a header, up to the marker that follows it; return the offset of that."""
    while True:
        head = data[position : position + 2]
        if position + 2 > stop or head[0] != 0xFF:
            raise StructureError(f"no marker at offset {position}")
        if head[1] == last:
            return position
        size = int.from_bytes(data[position + 2 : position + 4], "big")
        if size < 2 or position + 2 + size > stop:
            raise StructureError(f"a segment of {size} bytes at offset {position}")
        payload = data[position + 4 : position + 2 + size]
        if head[1] not in known or not _is_exact(head[1], payload):
            raise ResidueError(f"JPEG 2000: marker {head[1]:02x} at offset {position} is unknown, or has a wrong size")
        position += 2 + size


def _is_exact(marker: int, payload: bytes) -> bool:
    """Whether a segment has the size that follows from its content, as far as that can be told from it alone."""
    size = len(payload)
    if marker == _SIZ:
        return size == 36 + 3 * int.from_bytes(payload[34:36], "big")
    if marker == _COD:  # with the sizes of precincts, one for each resolution
        return size == 10 + (1 + payload[5] if payload[0] & 1 else 0)
    if marker == _RGN:
        return size in {3, 4}
    if marker in {_QCD, _QCC}:
        return size <= 2 + 1 + 2 * 97
    return True


__all__ = ["scan"]
