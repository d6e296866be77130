"""What the coded pictures inside HEIC and AVIF may consist of: pictures and their parameters, no messages.

Source: ISO/IEC 14496-15:2022, section 8.3.3.1 (hvcC); ISO/IEC 23008-2:2023, section 7.4.2.2 (units);
AV1 bitstream specification, sections 5.3 and 6.2; AV1 in ISO base media files, section 2.3 (av1C).
"""

from cloak.errors import ResidueError
from cloak.image.scan.hevc_sets import picture_set
from cloak.image.structure import Cursor

_HEVC_PARAMETERS = frozenset({32, 33, 34})  # VPS, SPS, PPS
_HEVC_PICTURES = frozenset({*range(10), *range(16, 22)})  # slices
_HEVC_ENDS = frozenset({36, 37})  # two bytes that hold nothing
_HEVC_RESERVED = {0: 0x01, 13: 0xF0, 15: 0xFC, 16: 0xFC, 17: 0xF8, 18: 0xF8}
_AV1 = {1: "sequence header", 2: "temporal delimiter", 3: "frame header", 4: "tile group", 6: "frame"}


def check_hevc_parameters(config: bytes) -> None:
    """Check an HEVC decoder configuration record: parameter sets only (encoders like to sign themselves here).

    Raises:
        ResidueError: a unit of another kind, or reserved bits that are used.
        StructureError: sizes that do not fit.
    """
    cursor = Cursor(memoryview(config))
    head = cursor.take(22)
    if any(head[place] & bits != bits for place, bits in _HEVC_RESERVED.items()) or head[0] != 1:
        raise ResidueError("HEIC: decoder parameters with reserved bits")
    for _ in range(cursor.uint(1)):
        kind = cursor.uint(1) & 0x3F  # one of the two bits before it is reserved, and written either way
        for _ in range(cursor.uint(2)):
            if _hevc_kind(cursor.take(cursor.uint(2))) != kind or kind not in _HEVC_PARAMETERS:
                raise ResidueError(
                    f"HEIC: a unit of kind {kind} among the decoder's parameters (39 and 40 are messages)"
                )
    cursor.end()


def check_hevc_units(content: memoryview, length_size: int, *, own: bool) -> set[int]:
    """Check the units of an HEVC picture, each preceded by its length in `length_size` bytes.

    Args:
        content: the picture.
        length_size: of lengths.
        own: it may have parameter sets of its own in front.

    Returns:
        the picture parameter sets that its slices use.

    Raises:
        ResidueError: a unit that is neither slice nor parameter set, or more or less than one picture.
        StructureError: sizes that do not fit.
    """
    cursor = Cursor(content)
    used: set[int] = set()
    pictures = 0
    while cursor.left:
        unit = cursor.take(cursor.uint(length_size))
        kind = _hevc_kind(unit)
        if kind in _HEVC_PICTURES:
            used.add(picture_set(bytes(unit[:16])))
            pictures += unit[2] >> 7
            if pictures != 1:
                raise ResidueError("HEIC: several pictures in the data of one, or one without its beginning")
        elif kind in _HEVC_PARAMETERS:
            if pictures or not own:
                raise ResidueError("HEIC: parameters behind a picture, or in one that may not have its own")
        elif kind not in _HEVC_ENDS or len(unit) > 2:
            raise ResidueError(f"HEIC: a unit of kind {kind} in the coded picture (39 and 40 are messages)")
    if not pictures:
        raise ResidueError("HEIC: a picture without a slice")
    return used


def _hevc_kind(unit: memoryview) -> int:
    """The kind of a unit of the first layer, -1 for any other."""
    plain = len(unit) > 1 and not unit[0] & 0x81 and unit[1] < 8
    kind = unit[0] >> 1 if plain else -1
    return kind if len(unit) > 2 or kind in _HEVC_ENDS else -1


def check_av1_parameters(config: bytes) -> None:
    """Check an AV1 decoder configuration record: a sequence header at most.

    Raises:
        ResidueError: a unit of another kind, or reserved bits that are used.
        StructureError: sizes that do not fit.
    """
    if len(config) < 4 or config[0] != 0x81 or config[3] >> 5 or (config[3] & 15 and not config[3] & 16):
        raise ResidueError("AVIF: decoder parameters with reserved bits")
    if not {kind for kind, _ in _av1_kinds(memoryview(config)[4:])} <= {1}:
        raise ResidueError("AVIF: decoder parameters that hold more than a sequence header")


def check_av1_units(content: memoryview, *, still: bool) -> None:
    """Check the units (OBUs) of an AV1 picture.

    Args:
        content: the picture.
        still: it is no frame of a sequence, where others may be that help to decode it.

    Raises:
        ResidueError: a unit that is neither picture nor parameters (metadata, padding, unknown); no picture, or
            several in one layer of a still one.
        StructureError: sizes that do not fit.
    """
    frames = [layer for kind, layer in _av1_kinds(content) if kind in {3, 6}]
    if not frames or (still and len(frames) != len(set(frames))):
        raise ResidueError(f"AVIF: {len(frames)} frames in one picture")


def _av1_kinds(content: memoryview) -> list[tuple[int, int]]:
    """The kind and the layer of each unit."""
    cursor = Cursor(content)
    found = []
    while cursor.left:
        head = cursor.uint(1)
        layer = cursor.uint(1) if head & 4 else 0
        size = _leb128(cursor) if head & 2 else cursor.left
        kind = head >> 3 & 15
        if kind not in _AV1 or (kind == 2 and size) or head & 0x81 or layer & 7:
            raise ResidueError(f"AVIF: a unit of kind {kind} in the coded picture (5 is metadata, 15 padding)")
        cursor.take(size)
        found.append((kind, layer >> 3 & 3))
    return found


def _leb128(cursor: Cursor) -> int:
    value = 0
    for index in range(8):
        byte = cursor.uint(1)
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            break
    return value
