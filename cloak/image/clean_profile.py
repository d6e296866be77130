"""The second reader of colour profiles: colorimetry alone, every other byte as we write it.

It shares no code with `cloak.image.profiles`, goes by allow-lists, and wants each byte of a profile to have a use.

Source: ICC.1:2022, sections 7 (header), 9 (tags) and 10 (types).
"""

import math
from collections.abc import Callable, Sequence

from cloak.image.icc import DISPLAY_P3, RIGHTS, text
from cloak.image.structure import Cursor, StructureError

_VERSIONS = frozenset({b"\x02\x10", b"\x04\x30"})
_KINDS = frozenset({b"mntr", b"scnr", b"prtr", b"spac"})
_SPACES = frozenset({b"RGB ", b"GRAY", b"CMYK", b"Lab "})
_D50 = bytes.fromhex("0000f6d6 00010000 0000d32d")
_CURVES = frozenset({b"curv", b"para"})
_TABLES = frozenset({b"mft1", b"mft2", b"mAB "})
_TYPES = {
    b"wtpt": frozenset({b"XYZ "}),
    b"chad": frozenset({b"sf32"}),
    b"cicp": frozenset({b"cicp"}),
    **dict.fromkeys((b"rXYZ", b"gXYZ", b"bXYZ"), frozenset({b"XYZ "})),
    **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC", b"kTRC"), _CURVES),
    **dict.fromkeys((b"A2B0", b"A2B1", b"A2B2"), _TABLES),
    b"B2A0": frozenset({b"mft1", b"mft2", b"mBA "}),
}
"""What a tag may hold; in the order of tags."""

_OF_ALL = frozenset({b"wtpt", b"chad", b"A2B0", b"A2B1", b"A2B2"})
_OF_RGB = frozenset({b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"})
_TAGS = {
    b"RGB ": _OF_ALL | _OF_RGB | {b"cicp"},
    b"GRAY": _OF_ALL | {b"kTRC"},
    b"CMYK": _OF_ALL | {b"B2A0"},  # from which viewers learn how dark the darkest ink is
    b"Lab ": _OF_ALL,
}
_IDENTITY = b"\0\1\0\0".join([b"", bytes(12), bytes(12), b""])
_MOST_NUMBERS = 4096
_LENGTHS = {b"XYZ ": 12, b"sf32": 36, b"cicp": 4}
_PARAMETERS = {0: 4, 1: 12, 2: 16, 3: 20, 4: 28}


def is_clean(profile: bytes | memoryview) -> bool:
    """Whether a profile is one that we write: nothing in it but the numbers that colours are computed from."""
    profile = bytes(profile)
    if profile == DISPLAY_P3:
        return True
    try:
        return _header(profile[:128], len(profile)) and _tags(profile)
    except (StructureError, IndexError):
        return False


def _header(head: bytes, size: int) -> bool:
    fixed = head[8:10] in _VERSIONS and head[12:16] in _KINDS and head[16:20] in _SPACES
    fixed = fixed and head[20:24] in {b"XYZ ", b"Lab "} and head[36:40] == b"acsp" and head[68:80] == _D50
    empty = head[4:8] + head[10:12] + head[24:36] + head[40:67] + head[80:]
    return fixed and not any(empty) and head[67] < 4 and int.from_bytes(head[:4], "big") == size


def _tags(profile: bytes) -> bool:
    cursor = Cursor(memoryview(profile))
    cursor.take(128)
    entries = [(bytes(cursor.take(4)), cursor.uint(4), cursor.uint(4)) for _ in range(cursor.uint(4))]
    names = [name for name, _, _ in entries]
    if names != [b"desc", b"cprt", *(name for name in _TYPES if name in names)] or not _are_used(profile, names[2:]):
        return False
    for offset, size in sorted({(offset, size) for _, offset, size in entries}):  # tags may share a value
        if offset != cursor.position:
            return False
        cursor.take(size)
        if any(cursor.take(-size % 4)):
            return False
    cursor.end()
    return all(_is_known(profile, name, profile[offset : offset + size]) for name, offset, size in entries)


def _are_used(profile: bytes, names: Sequence[bytes]) -> bool:
    """Whether all tags have to do with how a photo in this space is shown."""
    matrix = _OF_RGB.intersection(names)
    inks = b"B2A0" not in names or profile[12:16] == b"prtr"
    return _TAGS[profile[16:20]].issuperset(names) and matrix in {frozenset(), _OF_RGB} and inks


def _is_known(profile: bytes, name: bytes, value: bytes) -> bool:
    """Whether a tag holds what its name stands for, and not a byte more."""
    version = int.from_bytes(profile[8:10], "big")
    if name == b"desc":
        return value == text(f"{profile[16:20].decode('ascii').strip()} profile", version=version)
    if name == b"cprt":
        return value in {text(RIGHTS), b"text\0\0\0\0" + RIGHTS.encode() + b"\0"}
    if value[:4] not in _TYPES[name]:
        return False
    cursor = Cursor(memoryview(value))
    known = _READERS[value[:4]](cursor)
    return known and not cursor.left


def _numbers(cursor: Cursor) -> bool:
    kind, reserved = bytes(cursor.take(4)), cursor.uint(4)
    cursor.take(_LENGTHS[kind])
    return not reserved


def _curve(cursor: Cursor) -> bool:
    kind, reserved = bytes(cursor.take(4)), cursor.uint(4)
    if kind == b"curv":
        count = cursor.uint(4)
        cursor.take(2 * count)
        return not reserved and count <= _MOST_NUMBERS
    shape, more = cursor.uint(2), cursor.uint(2)
    if kind != b"para" or shape not in _PARAMETERS:
        return False
    cursor.take(_PARAMETERS[shape])
    return not reserved | more


def _plain_lut(cursor: Cursor) -> bool:
    kind, reserved = bytes(cursor.take(4)), cursor.uint(4)
    inputs, outputs, points, padding = (cursor.uint(1) for _ in range(4))
    matrix = bytes(cursor.take(36))
    entries = (cursor.uint(2), cursor.uint(2)) if kind == b"mft2" else (256, 256)
    width = 2 if kind == b"mft2" else 1
    cursor.take(width * (inputs * entries[0] + outputs * points**inputs + outputs * entries[1]))
    return not reserved | padding and max(entries) <= _MOST_NUMBERS and (inputs == 3 or matrix == _IDENTITY)


def _curved_lut(cursor: Cursor) -> bool:
    kind, reserved = bytes(cursor.take(4)), cursor.uint(4)
    inputs, outputs, padding = cursor.uint(1), cursor.uint(1), cursor.uint(2)
    first, last = (outputs, inputs) if kind == b"mAB " else (inputs, outputs)
    for part, place in enumerate([cursor.uint(4) for _ in range(5)]):
        if not place:
            continue
        if place != cursor.position:
            return False
        if part == 1:
            cursor.take(48)
        elif part == 3:
            if not _grid(cursor, inputs, outputs):
                return False
        elif not all(
            _curve(cursor) and not any(cursor.take(-cursor.position % 4)) for _ in range((first, last)[part == 4])
        ):
            return False
        if any(cursor.take(-cursor.position % 4)):
            return False
    return not reserved | padding


def _grid(cursor: Cursor, inputs: int, outputs: int) -> bool:
    points, width, padding = bytes(cursor.take(16)), cursor.uint(1), cursor.uint(3)
    cursor.take(width * outputs * math.prod(points[:inputs]))
    return not any(points[inputs:]) and width in {1, 2} and not padding


_READERS: dict[bytes, Callable[[Cursor], bool]] = {
    **dict.fromkeys(_LENGTHS, _numbers),
    **dict.fromkeys(_CURVES, _curve),
    **dict.fromkeys((b"mft1", b"mft2"), _plain_lut),
    **dict.fromkeys((b"mAB ", b"mBA "), _curved_lut),
}
