"""What a JPEG 2000 file may consist of."""

from cloak.errors import ResidueError
from cloak.image.buffers import Buffer
from cloak.image.clean_profile import is_clean
from cloak.image.scan.jp2_codestream import codestream
from cloak.image.structure import Cursor

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_KINDS = tuple(b"\0\0\0\x14ftyp" + brand + bytes(4) + brand for brand in (b"jp2 ", b"jph "))
_HEADER = (b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef")
_SPACES = frozenset({0, 1, 3, 4, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24})
_LAB = 14


def scan(data: Buffer) -> None:
    """Check a JPEG 2000 file: boxes of exact size around a codestream, or that alone, without comments.

    Out of its sight: what follows the last packet in a part of the picture.

    Raises:
        ResidueError: anything else is in it.
        StructureError: it cannot be followed.
    """
    if data[:12] != _SIGNATURE:
        codestream(data, 0)
        return
    components, start = _boxes(data)
    if codestream(data, start) != components:
        raise ResidueError("JPEG 2000: another number of components in the header than in the picture")


def _boxes(data: Buffer) -> tuple[int, int]:
    """Check the boxes before the codestream; return the number of components, and its offset."""
    if data[12:32] not in _KINDS:
        raise ResidueError("JPEG 2000: a file type other than that of a plain picture")
    size = int.from_bytes(data[32:36], "big")
    if data[36:40] != b"jp2h" or size < 8:
        raise ResidueError(f"JPEG 2000: a box {data[36:40]!r} where the header should be")
    components = _header(memoryview(data[40 : 32 + size]))
    start = 32 + size
    size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
    head = 8
    if size == 1:
        size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
    if kind != b"jp2c" or start + size != len(data):
        raise ResidueError(f"JPEG 2000: a box {kind!r} of {size} bytes where the picture, and nothing else, should be")
    return components, start + head


def _header(header: memoryview) -> int:
    """Check the boxes of the header; return the number of components."""
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
    components = int.from_bytes(picture[8:10], "big")
    if b"bpcc" in found and len(found[b"bpcc"]) != components:
        raise ResidueError("JPEG 2000: more depths than channels")
    channels = components
    if b"pclr" in found and not _is_palette(found[b"pclr"]):
        raise ResidueError("JPEG 2000: a palette that is not of its exact size")
    if b"pclr" in found or b"cmap" in found:
        channels = _mapped(found.get(b"cmap", b""), found.get(b"pclr", bytes(3))[2], components)
    if b"cdef" in found and not _are_channels(found[b"cdef"], channels):
        raise ResidueError("JPEG 2000: a list of channels that is not of its exact size, or of no known kinds")
    return components


def _mapped(mapping: bytes, columns: int, components: int) -> int:
    """Check how components become colours; return how many channels there are then."""
    entries = [mapping[place : place + 4] for place in range(0, len(mapping), 4)]
    direct = [entry for entry in entries if entry[2:] == b"\0\0"]
    looked_up = [entry for entry in entries if entry[2:3] == b"\1"]
    right = len(mapping) % 4 == 0 and len(direct) + len(looked_up) == len(entries) <= columns + components
    right = right and {entry[3] for entry in looked_up} == set(range(columns)) and len(set(entries)) == len(entries)
    if not right or any(int.from_bytes(entry[:2], "big") >= components for entry in entries):
        raise ResidueError("JPEG 2000: a mapping of colours that is not of its exact size, or of others than there are")
    return len(entries)


def _are_channels(box: bytes, channels: int) -> bool:
    numbers = [int.from_bytes(box[place : place + 2], "big") for place in range(2, len(box), 2)]
    names, kinds, uses = numbers[::3], numbers[1::3], numbers[2::3]
    exact = len(box) == 2 + 6 * int.from_bytes(box[:2], "big") and len(set(names)) == len(names)
    known = all(kind in {0, 1, 2, 65535} for kind in kinds) and all(use <= channels or use == 65535 for use in uses)
    return exact and known and max(names, default=0) < channels


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


__all__ = ["scan"]
