"""Whether the parameter sets of HEVC pictures are all used: by slices, or by sets that are.

Source: ISO/IEC 23008-2:2023, sections 7.3.1.1, 7.3.2 and 7.3.6.1.
"""

from collections.abc import Set

from cloak.errors import ResidueError
from cloak.image.structure import Cursor

_VIDEO, _SEQUENCE, _PICTURE = 32, 33, 34
_PROFILE = 88  # bits of profile and tier
_LOOKED_AT = 128


def check_used(config: bytes, slices: Set[int]) -> None:
    """Check that a decoder configuration record holds each set once, and those that slices need, in order.

    Args:
        config: content of an `hvcC` box.
        slices: what `picture_set` says of each slice.

    Raises:
        ResidueError: more, or less.
        StructureError: it cannot be followed.
    """
    cursor = Cursor(memoryview(config))
    cursor.take(22)
    names: list[tuple[int, int]] = []
    above: set[tuple[int, int]] = {(_PICTURE, number) for number in slices}
    for _ in range(cursor.uint(1)):
        kind = cursor.uint(1) & 63  # one of the two bits before it is reserved, and written either way
        for _ in range(cursor.uint(2)):
            number, needs = _read(kind, bytes(cursor.take(cursor.uint(2))[:_LOOKED_AT]))
            names.append((kind, number))
            above |= {(kind - 1, needs)} if kind > _VIDEO else set()
    kinds = [kind for kind, _ in names]
    if len(set(names)) < len(names) or set(names) != above or kinds != sorted(kinds):
        raise ResidueError("HEIC: decoder parameters that no picture uses, that are there twice, or missing")


def picture_set(unit: bytes) -> int:
    """The number of the picture parameter set that a slice uses."""
    return _golomb(_bits(unit), 2 if 16 <= unit[0] >> 1 <= 23 else 1)[0]


def _read(kind: int, unit: bytes) -> tuple[int, int]:
    """The number of a set, and of the one above that it needs."""
    bits = _bits(unit)
    if kind == _VIDEO:
        return int(bits[:4], 2), 0
    if kind == _PICTURE:
        number, place = _golomb(bits, 0)
        return number, _golomb(bits, place)[0]
    layers, place = int(bits[4:7], 2), 8 + _PROFILE + 8
    flags = bits[place : place + 2 * layers]
    place += 16 if layers else 0
    place += sum(_PROFILE * (flags[at] == "1") + 8 * (flags[at + 1] == "1") for at in range(0, len(flags), 2))
    return _golomb(bits, place)[0], int(bits[:4], 2)


def _bits(unit: bytes) -> str:
    return "".join(format(byte, "08b") for byte in unit[2:_LOOKED_AT].replace(b"\0\0\3", b"\0\0"))


def _golomb(bits: str, place: int) -> tuple[int, int]:
    first = bits.find("1", place)
    end = 2 * first - place + 1
    if first < 0 or end > len(bits):
        raise ResidueError("HEIC: a unit that is cut off")
    return int(bits[first:end], 2) - 1, end


__all__ = ["check_used", "picture_set"]
