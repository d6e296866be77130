"""What the coded pictures inside HEIC and AVIF may consist of: pictures and their parameters, no messages."""

from cloak.errors import ResidueError
from cloak.image.structure import Cursor

_HEVC_PARAMETERS = frozenset({32, 33, 34})  # VPS, SPS, PPS
_HEVC_PICTURES = frozenset({*range(10), *range(16, 22)})  # slices
_AV1 = {1: "sequence header", 2: "temporal delimiter", 3: "frame header", 4: "tile group", 6: "frame"}


def check_hevc_parameters(config: bytes) -> None:
    """Check an HEVC decoder configuration record: parameter sets only (encoders like to sign themselves here).

    Raises:
        ResidueError: a unit of another kind.
        StructureError: sizes that do not fit.
    Source: ISO/IEC 14496-15, section 8.3.3.1.
    """
    cursor = Cursor(memoryview(config))
    cursor.take(22)
    for _ in range(cursor.uint(1)):
        cursor.uint(1)
        for _ in range(cursor.uint(2)):
            _check_hevc(cursor.take(cursor.uint(2)), _HEVC_PARAMETERS)
    cursor.end()


def check_hevc_units(content: bytes, length_size: int) -> None:
    """Check the units of an HEVC picture, each preceded by its length in `length_size` bytes.

    Raises:
        ResidueError: a unit that is neither slice nor parameter set.
        StructureError: sizes that do not fit.
    """
    cursor = Cursor(memoryview(content))
    while cursor.left:
        _check_hevc(cursor.take(cursor.uint(length_size)), _HEVC_PARAMETERS | _HEVC_PICTURES)


def _check_hevc(unit: memoryview, allowed: frozenset[int]) -> None:
    kind = unit[0] >> 1 & 63 if len(unit) > 2 else -1
    if kind not in allowed:
        raise ResidueError(f"HEIC: a unit of kind {kind} in the coded picture (39 and 40 are messages)")


def check_av1_units(content: bytes) -> None:
    """Check the units (OBUs) of an AV1 picture or configuration.

    Raises:
        ResidueError: a unit that is neither picture nor parameters: metadata, padding, or unknown.
        StructureError: sizes that do not fit.
    Source: AV1 bitstream specification, sections 5.3 and 6.2.
    """
    cursor = Cursor(memoryview(content))
    while cursor.left:
        head = cursor.uint(1)
        if head & 4:
            cursor.uint(1)  # layer
        size = _leb128(cursor) if head & 2 else cursor.left
        kind = head >> 3 & 15
        if kind not in _AV1 or (kind == 2 and size) or head & 0x81:
            raise ResidueError(f"AVIF: a unit of kind {kind} in the coded picture (5 is metadata, 15 padding)")
        cursor.take(size)


def _leb128(cursor: Cursor) -> int:
    value = 0
    for index in range(8):
        byte = cursor.uint(1)
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            break
    return value
