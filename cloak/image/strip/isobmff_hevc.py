"""Which parameter sets of an HEVC picture its slices use: the others could hold anything.

Source: ISO/IEC 23008-2:2023, sections 7.3.1.1 (emulation prevention), 7.3.2 (parameter sets), 7.3.3 (profile, tier and
level), 7.3.6.1 (slices).
"""

import struct
from collections.abc import Iterator, Set

from cloak.image.strip.isobmff_boxes import Fields, damaged

VPS, SPS, PPS = 32, 33, 34
_RANDOM_ACCESS = range(16, 24)
_SEEN = 160  # bytes of a unit in which all numbers lie that are looked at
HEAD = 16
"""Bytes of a slice in which the number of its parameters lies."""


class _Bits:
    """Reads a unit bit by bit, behind its two first bytes."""

    def __init__(self, unit: bytes) -> None:
        content = unit[2:_SEEN].replace(b"\0\0\3", b"\0\0")
        self._bits = "".join(f"{byte:08b}" for byte in content)
        self._place = 0

    def number(self, count: int) -> int:
        """An unsigned number of so many bits."""
        self._place += count
        if self._place > len(self._bits):
            raise damaged("an HEVC unit that is cut off")
        return int(self._bits[self._place - count : self._place] or "0", 2)

    def golomb(self) -> int:
        """A number in Exp-Golomb code."""
        zeros = 0
        while not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)


def begins(unit: bytes) -> bool:
    """Whether a slice is the first of its picture."""
    return bool(unit[2] & 0x80)


def parameters_of(unit: bytes) -> int:
    """The number of the PPS that a slice uses.

    Args:
        unit: its first `HEAD` bytes.
    """
    bits = _Bits(unit)
    bits.number(2 if unit[0] >> 1 in _RANDOM_ACCESS else 1)
    return bits.golomb()


def used(body: bytes, pictures: Set[int]) -> bytes:
    """The content of an `hvcC` box with those parameter sets that slices use; of two with one number, the last.

    Args:
        body: as `hevc_parameters` writes it.
        pictures: numbers of the PPS that slices use.

    Raises:
        UnreadablePhotoError: there are none for them.
    """
    sets: dict[tuple[int, int], tuple[int, bytes]] = {}
    for kind, unit in _units(body):
        number, above = _numbers(kind, unit)
        sets[kind, number] = above, unit
    arrays: list[bytes] = []
    wanted = set(pictures)
    for kind in (PPS, SPS, VPS):
        if any((kind, number) not in sets for number in wanted):
            raise damaged("a picture whose parameters are not there")
        found = [sets[kind, number] for number in sorted(wanted)]
        listed = b"".join(struct.pack(">H", len(unit)) + unit for _, unit in found)
        arrays.insert(0, struct.pack(">BH", 0x80 | kind, len(found)) + listed)
        wanted = {above for above, _ in found}
    return body[:22] + bytes([len(arrays)]) + b"".join(arrays)


def units(body: bytes) -> frozenset[bytes]:
    """All parameter sets of an `hvcC` box."""
    return frozenset(unit for _, unit in _units(body))


def _units(body: bytes) -> Iterator[tuple[int, bytes]]:
    data = Fields(body, "hvcC")
    data.take(22)
    for _ in range(data.number(1)):
        kind = data.number(1) & 63
        for _ in range(data.number(2)):
            yield kind, data.take(data.number(2))


def _numbers(kind: int, unit: bytes) -> tuple[int, int]:
    """The number of a parameter set, and that of the set of the next higher kind that it builds on."""
    bits = _Bits(unit)
    if kind == VPS:
        return bits.number(4), 0
    if kind == PPS:
        return bits.golomb(), bits.golomb()
    above, layers = bits.number(4), bits.number(3)
    bits.number(1 + 88 + 8)
    present = [(bits.number(1), bits.number(1)) for _ in range(8 if layers else 0)][:layers]
    for profile, level in present:
        bits.number(88 * profile + 8 * level)
    return bits.golomb(), above


__all__ = ["HEAD", "begins", "parameters_of", "units", "used"]
